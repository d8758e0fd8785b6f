import Basics
import Threads
internal import Catalog
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
        if let before = root.device, before != attributes.stamp.device, root.fileCount > 0 {
            guard try hasKnownFile(root) else {
                return try setOffline(
                    root, "another file system is there, without its files: mount the right one, or remove the root")
            }
            try catalog.changeDevice(of: root.id, from: before, to: attributes.stamp.device)
        }
        if root.state == .offline || root.device != attributes.stamp.device {
            try catalog.setRoot(root.id, state: .online, reason: nil, device: attributes.stamp.device)
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

    /// Whether one of some known files is still there.
    private func hasKnownFile(_ root: Root) throws -> Bool {
        for directory in try catalog.directories(of: root.id, limit: 64) {
            for file in try catalog.files(inDirectory: directory).prefix(16) {
                if let there = try? files.attributes(of: file.path, followsLinks: true),
                    there.stamp.isSameContent(as: file.stamp)
                {
                    return true
                }
            }
        }
        return false
    }

    /// Finds the known files in directories that a walk from `tree` did not come to.
    func findVanished(below tree: FilePath, root: Root, _ pass: inout ScanPass) throws {
        var after: FilePath?
        while true {
            let directories = try catalog.directories(of: root.id, after: after)
            guard let last = directories.last else { return }
            for directory in directories where directory.starts(with: tree) && !pass.visited.contains(directory) {
                pass.vanished += try catalog.files(inDirectory: directory)
            }
            after = last
        }
    }

    /// Makes tombstones of the files that were not seen and are not there, unless their file system is away, or the whole root has gone
    /// since the pass began.
    func giveUp(_ pass: inout ScanPass, root: Root) throws {
        guard !pass.vanished.isEmpty else { return }
        guard let now = try catalog.root(root.id), try check(now) else {
            pass.vanished = []
            return
        }
        var gone: [MediaFile] = []
        for file in pass.vanished where !pass.unreadable.contains(where: { file.path.starts(with: $0) }) {
            // Followed to another place since, or still here: hidden now, or no candidate any more.
            guard let current = try catalog.file(at: file.path), current.id == file.id else { continue }
            guard !isConcealed(file.path) else { continue }
            if file.stamp.device == nearestDevice(to: file.path) { gone.append(file) }
        }
        pass.vanished = []
        for start in stride(from: 0, to: gone.count, by: 500) {
            let part = gone[start..<min(gone.count, start + 500)]
            try leave(try catalog.removeFiles(part.map(\.id), at: clock.now))
        }
    }

    /// Makes tombstones of the files that lie in no root and are gone. Blocking.
    ///
    /// - Throws: ``CatalogError``.
    package func giveUpStandaloneFiles(isStopped: () -> Bool = { false }) throws {
        let named = StandaloneFiles(catalog: catalog, files: files)
        try leave(try named.giveUpGone(at: clock.now, isStopped: isStopped))
    }

    /// Lets the index follow a write to the catalog, and tells of the media items that have no file any more.
    func leave(_ hidden: [MediaID]) throws {
        try catchUp()
        for media in hidden { report(.mediaRemoved(media)) }
    }

    /// Whether it can't be said that a file is there or not: the right to look is missing, or the disk fails.
    private func isConcealed(_ path: FilePath) -> Bool {
        do throws(Errno) {
            _ = try files.attributes(of: path, followsLinks: true)
            return false
        } catch {
            return error != .noSuchFileOrDirectory && error != .notDirectory && error != .tooManySymbolicLinkLevels
        }
    }

    /// The device of the nearest directory above `path` that is there.
    private func nearestDevice(to path: FilePath) -> UInt64? {
        var directory = path.removingLastComponent()
        while true {
            if let attributes = try? files.attributes(of: directory, followsLinks: true) {
                return attributes.stamp.device
            }
            guard directory.removeLastComponent() else { return nil }
        }
    }
}
