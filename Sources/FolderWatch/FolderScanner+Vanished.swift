import Basics
import Threads
package import Catalog
internal import Synchronization
internal import SystemPackage

extension FolderScanner {
    /// Whether a root can be trusted; keeps its state, and says when it has changed.
    ///
    /// It can't when it is missing, when it is empty and was not, or when another file system is there on which none
    /// of the known files is: then nothing in it is given up until it is back.
    func check(_ root: Root) throws -> Bool {
        let attributes: FileAttributes
        let isEmpty: Bool
        do {
            attributes = try files.attributes(of: root.path, followsLinks: true)
            guard attributes.kind == .directory else { throw Errno.notDirectory }
            isEmpty = try files.entries(of: root.path).isEmpty
        } catch let error as Errno {
            let why =
                error == .noSuchFileOrDirectory || error == .notDirectory
                ? "it is not there" : "it can't be listed (\(error))"
            return try setOffline(root, why + ": mount it or bring it back, or remove the root")
        }
        if isEmpty, root.fileCount > 0 {
            return try setOffline(
                root, "it is empty now and was not before: mount its file system, or remove the root if it is meant so")
        }
        let device = attributes.stamp.device
        if let before = root.device, before != device, root.fileCount > 0,
            try !follow(device, below: root.path, root: root)
        {
            return try setOffline(
                root, "another file system is there, without its files: mount the right one, or remove the root")
        }
        devices.withLock { $0[root.path] = device }
        if root.state == .offline || root.device != device {
            try catalog.setRoot(root.id, state: .online, reason: nil, device: device)
        }
        if root.state == .offline { report(.rootOnline(root.id)) }
        return true
    }

    private func setOffline(_ root: Root, _ reason: String) throws -> Bool {
        if root.state == .online || root.reason != reason {
            try catalog.setRoot(root.id, state: .offline, reason: reason, device: nil)
            report(.rootOffline(root.id, reason: reason))
        }
        return false
    }

    /// Finds the known files in a directory that is gone and in what lay below it, of which nobody may have told. O(what is known there, and in
    /// directories beside it whose names begin alike).
    func findVanished(in directory: FilePath, root: Root, _ pass: inout ScanPass) throws {
        pass.vanished += try catalog.files(inDirectory: directory)
        try catalog.directories(below: directory, of: root.id) { below throws(CatalogError) in
            if pass.visited.insert(below).inserted { pass.vanished += try catalog.files(inDirectory: below) }
            return true
        }
    }

    /// Finds the known files in directories that a walk from each of `trees` did not come to. O(the root's directories).
    func findVanished(below trees: Set<FilePath>, root: Root, _ pass: inout ScanPass) throws {
        guard !trees.isEmpty else { return }
        var after: FilePath?
        while true {
            let directories = try catalog.directories(of: root.id, after: after)
            guard let last = directories.last else { return }
            for directory in directories where !pass.visited.contains(directory) && Self.lies(directory, in: trees) {
                pass.vanished += try catalog.files(inDirectory: directory)
            }
            after = last
        }
    }

    /// Whether a directory is one of some trees or lies in one. O(depth).
    private static func lies(_ directory: FilePath, in trees: Set<FilePath>) -> Bool {
        var above = directory
        repeat {
            if trees.contains(above) { return true }
        } while above.removeLastComponent()
        return false
    }

    /// Makes tombstones of the files that were not seen and are not there, unless their file system is away, or the whole root has gone
    /// since the pass began. Where that would be most of the root, they are held instead.
    func giveUp(_ pass: inout ScanPass, root: Root) throws {
        guard !pass.vanished.isEmpty else { return }
        guard let now = try catalog.root(root.id), try check(now) else {
            pass.vanished = []
            return
        }
        var (left, gone, held): ([FileID], [FileID], [FileID]) = ([], [], [])
        for file in pass.vanished where !pass.unreadable.contains(where: { file.path.starts(with: $0) }) {
            // Followed to another place since, or still here: hidden now, or no candidate any more.
            guard let current = try catalog.file(at: file.path), current.id == file.id else { continue }
            let presence = presence(of: file.path)
            guard presence != .concealed, nearestDevice(to: file.path) == current.stamp.device else { continue }
            switch presence {
            case .absent where current.isHeld: held.append(file.id)
            // One that could not be taken in loses nothing.
            case .absent where current.media != nil: gone.append(file.id)
            default: left.append(file.id)
            }
        }
        pass.vanished = []
        // What lies elsewhere as well is still found.
        left += try catalog.filesWithCopies(among: held)
        func admits(_ count: Int) -> Bool {
            breaker.withLock {
                $0.admits(count, besides: now.missingCount, of: now.fileCount, in: root.id, at: clock.uptime)
            }
        }
        if !gone.isEmpty, !admits(gone.count) {
            let copies = Set(try catalog.filesWithCopies(among: gone))
            let last = gone.filter { !copies.contains($0) }
            if last.isEmpty || admits(last.count) {
                left += gone
            } else {
                left += copies
                for part in Self.parts(of: last) { try catalog.hold(Array(part)) }
                report(.removalHeld(root.id, missing: now.missingCount + last.count))
            }
        } else {
            left += gone
        }
        try remove(left)
    }

    private func remove(_ files: [FileID]) throws {
        for part in Self.parts(of: files) { try leave(try catalog.removeFiles(Array(part), at: clock.now)) }
    }

    private static func parts(of files: [FileID]) -> [ArraySlice<FileID>] {
        stride(from: 0, to: files.count, by: 500).map { files[$0..<min(files.count, $0 + 500)] }
    }

    /// Makes tombstones of the files of a root that are held and still missing: a person has confirmed it. Those that are back stay. Blocking.
    ///
    /// - Returns: how many files have left.
    /// - Throws: ``CatalogError`` `notFound`, and `offline` for a root that isn't there, of which nothing can be said.
    package func confirmRemoval(of id: RootID) throws -> Int {
        guard let root = try catalog.root(id) else {
            throw CatalogError(.notFound, "There is no root \(id): see `saccade watch list`.")
        }
        guard try check(root) else {
            throw CatalogError(
                .offline,
                "\(root.path) is offline, so that nobody can say what is missing from it: bring it back first.")
        }
        breaker.withLock { $0.reset(id) }
        var (after, count): (FileID, Int) = (0, 0)
        while true {
            let held = try catalog.heldFiles(of: id, after: after)
            guard let last = held.last else { return count }
            after = last.id
            var (back, gone): ([FileID], [FileID]) = ([], [])
            for file in held {
                switch presence(of: file.path) {
                case .present: back.append(file.id)
                case .absent where file.stamp.device == nearestDevice(to: file.path): gone.append(file.id)
                case .absent, .concealed: continue
                }
            }
            try catalog.release(back)
            try remove(gone)
            count += gone.count
        }
    }

    /// Makes tombstones of the files that lie in no root and are gone. Blocking.
    ///
    /// - Parameter renumbered: as for ``StandaloneFiles/giveUpGone(at:renumbered:isStopped:)``.
    /// - Throws: ``CatalogError``.
    package func giveUpStandaloneFiles(
        renumbered: [UInt64: UInt64] = [:], isStopped: () -> Bool = { false }
    ) throws {
        let named = StandaloneFiles(catalog: catalog, files: files)
        try leave(try named.giveUpGone(at: clock.now, renumbered: renumbered, isStopped: isStopped))
    }

    /// Lets the index follow a write to the catalog, and tells of the media items that have no file any more.
    func leave(_ hidden: [MediaID]) throws {
        try catchUp()
        for media in hidden { report(.mediaRemoved(media)) }
    }

    private enum Presence { case present, absent, concealed }

    /// Whether a file is there; `concealed` when the right to look is missing, or the disk fails.
    private func presence(of path: FilePath) -> Presence {
        do throws(Errno) {
            _ = try files.attributes(of: path, followsLinks: true)
            return .present
        } catch {
            let isAbsent =
                error == .noSuchFileOrDirectory || error == .notDirectory || error == .tooManySymbolicLinkLevels
            return isAbsent ? .absent : .concealed
        }
    }

    /// The device of the nearest directory above `path` that is there.
    private func nearestDevice(to path: FilePath) -> UInt64? { device(atOrAbove: path.removingLastComponent()) }

    func device(atOrAbove directory: FilePath) -> UInt64? {
        var directory = directory
        while true {
            if let attributes = try? files.attributes(of: directory, followsLinks: true) {
                return attributes.stamp.device
            }
            guard directory.removeLastComponent() else { return nil }
        }
    }
}
