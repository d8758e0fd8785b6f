package import Basics
package import Catalog
internal import Synchronization
package import SystemPackage
internal import Threads

/// What becomes of single files.
extension FolderScanner {
    /// Where a pass comes to a file.
    struct Place {
        let path: FilePath
        let isLink: Bool
        /// That of its directory. Whether a file that is missing lay on a file system that is there is told by it; a link may lead to
        /// another one.
        let device: UInt64
        let root: Root
    }

    /// Looks at some files of a directory; those that are there are taken out of `known`, which has the directory's files by their paths.
    func examine(_ places: [Place], _ known: inout [FilePath: MediaFile], _ pass: inout ScanPass) throws {
        let found = places.map { place -> FileAttributes? in
            var attributes = try? files.attributes(of: place.path, followsLinks: true)
            attributes?.stamp.device = place.device
            return attributes?.kind == .regular ? attributes : nil
        }
        // Asked for all at once: few of what is new were elsewhere before.
        let new = zip(places, found).compactMap { known[$0.path] == nil ? $1?.stamp : nil }
        let stamped = try catalog.stamps(among: new)
        for (place, attributes) in zip(places, found) {
            pass.due.remove(place.path)
            guard let attributes else {
                settling.withLock { $0.forget(place.path) }
                continue
            }
            let mayBeElsewhere = stamped.contains(attributes.stamp)
            if try examine(place, attributes, known: known[place.path], mayBeElsewhere: mayBeElsewhere, &pass) {
                known[place.path] = nil
            }
        }
        if pass.settled.count >= FileReaders.batch { try takeSettled(&pass) }
    }

    /// Looks at one file.
    ///
    /// - Parameter mayBeElsewhere: whether a file of its stamp is known.
    /// - Returns: whether there is a file.
    private func examine(
        _ place: Place, _ attributes: FileAttributes, known: MediaFile?, mayBeElsewhere: Bool, _ pass: inout ScanPass
    ) throws -> Bool {
        let (path, root) = (place.path, place.root)
        if place.isLink, !settings.followsLinks, (try? files.target(of: path))?.starts(with: root.path) != true {
            return false
        }
        let now = clock.now
        if let known, known.stamp.isSameContent(as: attributes.stamp) {
            if known.isHeld { pass.returned.append(known.id) }
            if known.stamp != attributes.stamp || known.root != root.id {
                try catalog.restamp(known, attributes.stamp, root: root.id)
            }
            let retries = known.problem?.retryAt.map { $0 <= now } ?? false
            guard retries else {
                settling.withLock { $0.forget(path) }
                return true
            }
        } else if known == nil, mayBeElsewhere, try follow(path, attributes.stamp, root: root, &pass) {
            pass.changed.insert(path.removingLastComponent())
            return true
        }
        pass.changed.insert(path.removingLastComponent())
        let isSettled = settling.withLock { settling in
            settling.observe(path, attributes, at: clock.reading) { files.isOpenForWriting(path) }
        }
        guard isSettled else { return true }
        pass.settled.append(SettledFile(path: path, stamp: attributes.stamp, known: known, root: root.id))
        return true
    }

    /// Whether the file that appears at `path` is one that has left another place; its one row is changed, with those of others.
    private func follow(_ path: FilePath, _ stamp: FileStamp, root: Root, _ pass: inout ScanPass) throws -> Bool {
        for file in try catalog.files(stamped: stamp) where file.media != nil && file.path != path {
            guard !pass.moving.contains(file.id) else { continue }
            if file.deletedAt == nil {
                do throws(Errno) {
                    _ = try files.attributes(of: file.path, followsLinks: false)
                    continue
                } catch {
                    guard error == .noSuchFileOrDirectory || error == .notDirectory else { continue }
                }
            }
            pass.moving.insert(file.id)
            pass.left.insert(file.path.removingLastComponent())
            pass.moved.append((file, MovedFile(file.id, to: path, root: root.id)))
            if pass.moved.count >= FileReaders.batch { try keepMoves(&pass) }
            return true
        }
        return false
    }

    /// Keeps the files of a pass that have other paths.
    func keepMoves(_ pass: inout ScanPass) throws {
        let moved = pass.moved
        (pass.moved, pass.moving, pass.left) = ([], [], [])
        guard !moved.isEmpty else { return }
        try leave(try catalog.move(moved.map(\.move), at: clock.now))
        for (file, move) in moved {
            if let media = file.media { report(.mediaMoved(media, path: move.path)) }
        }
    }

    /// Keeps a settled file: what it is by its content, or why it can't be read.
    ///
    /// - Returns: its media, or nil when it can't be read or has changed meanwhile.
    package func take(
        _ path: FilePath, _ stamp: FileStamp, known: MediaFile?, root: RootID?
    ) throws -> MediaID? {
        try take([SettledFile(path: path, stamp: stamp, known: known, root: root)]).first ?? nil
    }

    /// Keeps the moved and the settled files of a pass. Where the catalog can't be written, the turn of these comes again.
    func takeSettled(_ pass: inout ScanPass) throws {
        try keepMoves(&pass)
        let settled = pass.settled
        pass.settled = []
        do {
            _ = try take(settled)
        } catch {
            let now = clock.uptime
            settling.withLock { settling in
                for file in settled { settling.postpone(file.path, stamp: file.stamp, at: now) }
            }
            throw error
        }
    }

    /// Reads some files beside each other, and keeps what they are in one transaction.
    private func take(_ settled: [SettledFile]) throws -> [MediaID?] {
        let contents = readers.map(settled) { [files, settings, clock] in
            $0.content(files, settings.retry, at: clock.now)
        }
        var media = [MediaID?](repeating: nil, count: settled.count)
        var found: [(place: Int, file: FoundFile)] = []
        for (place, content) in contents.enumerated() {
            let file = settled[place]
            switch content {
            case .found(let content):
                found.append((place, FoundFile(path: file.path, root: file.root, stamp: file.stamp, content: content)))
            case .changing(let attributes):
                settling.withLock { _ = $0.observe(file.path, attributes, at: clock.reading) { true } }
            case .gone: continue
            }
        }
        let recorded = try catalog.record(found.map(\.file), at: clock.now)
        try leave(recorded.flatMap(\.hidden))
        for ((place, file), recorded) in zip(found, recorded) {
            media[place] = recorded.media
            switch (file.content, recorded.media) {
            case (.problem(let problem), _): report(.fileFailed(path: file.path, problem))
            case (.media, let id?) where recorded.isNew: report(.mediaFound(id, path: file.path))
            case (.media, let id?) where settled[place].known?.media != id:
                report(.mediaMoved(id, path: file.path))
            case (.media, _): continue
            }
        }
        return media
    }
}
