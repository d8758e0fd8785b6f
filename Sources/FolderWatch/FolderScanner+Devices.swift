internal import Basics
internal import Catalog
internal import Synchronization
internal import SystemPackage

/// Numbers of file systems (`st_dev`), which may be others each time that they are mounted.
///
/// A known file that is missing is gone where the nearest directory has the number that is kept of it; where that is another one, the file's
/// own file system is away. So the numbers that are kept follow those of the file systems, before anything else is made of what is on them. The
/// files of one that is away keep theirs only as long as no other file system has it.
extension FolderScanner {
    /// Has what is known of file systems that were taken away keep no number: another one that is mounted in their place may have it.
    func noteUnmounted(in root: Root) throws(CatalogError) {
        let known = devices.withLock { $0.filter { $0.key != root.path && $0.key.starts(with: root.path) } }
        for (top, number) in known {
            // What was only taken for a top, since a file system went just then, is one no more when it is gone.
            guard device(atOrAbove: top) != number else {
                if (try? files.attributes(of: top, followsLinks: false)) == nil { forgetDevices(below: top) }
                continue
            }
            try catalog.changeDevice(of: root.id, below: top, from: number, to: MediaFile.noDevice)
            forgetDevices(below: top)
        }
    }

    func forgetDevices(below top: FilePath) {
        devices.withLock { $0 = $0.filter { !$0.key.starts(with: top) } }
    }

    /// Learns that a directory lies on a file system with a number, and has what is known of it follow where that is another one than before.
    func noteDevice(
        _ device: UInt64, of directory: FilePath, root: Root, _ pass: inout ScanPass
    ) throws(CatalogError) {
        if let top = pass.top, top.device == device, directory.starts(with: top.path) { return }
        guard let top = top(of: directory, device, in: root) else { return }
        pass.top = (top, device)
        guard devices.withLock({ $0[top] }) != device else { return }
        _ = try follow(device, below: top, root: root)
        devices.withLock { $0[top] = device }
    }

    /// The highest directory of a root from which on all are on the file system of this one; nil when one has gone meanwhile. O(depth).
    private func top(of directory: FilePath, _ device: UInt64, in root: Root) -> FilePath? {
        var top = directory
        while top != root.path {
            let above = top.removingLastComponent()
            guard let attributes = try? files.attributes(of: above, followsLinks: above == root.path) else {
                return nil
            }
            guard attributes.stamp.device == device else { break }
            top = above
        }
        return top
    }

    /// Has what is known of the file system with its top at `top` keep the number that it has now.
    ///
    /// Which number was kept of it, a known file says that is there. Its inode may be another one: FAT and many FUSE file systems number files
    /// anew each time that they are mounted. Without such a file it is another file system, and what is known is that of one which is away.
    ///
    /// - Returns: whether a known file is there, on this file system or on one that is mounted below `top`.
    /// - Complexity: a system call or two where the first known file is there; at worst one a known file in directories that are there.
    func follow(_ device: UInt64, below top: FilePath, root: Root) throws(CatalogError) -> Bool {
        var (before, isAnyThere): (UInt64?, Bool) = (nil, false)
        func look(at directory: FilePath) throws(CatalogError) -> Bool {
            let attributes = try? files.attributes(of: directory, followsLinks: directory == root.path)
            guard let attributes, attributes.kind == .directory else { return true }
            let isOnIt = attributes.stamp.device == device
            guard isOnIt || !isAnyThere else { return true }
            for file in try catalog.files(inDirectory: directory) {
                guard let there = try? files.attributes(of: file.path, followsLinks: true).stamp,
                    there.size == file.stamp.size, there.modified == file.stamp.modified
                else { continue }
                isAnyThere = true
                if isOnIt { before = file.stamp.device }
                return !isOnIt
            }
            return true
        }
        if try look(at: top) { try catalog.directories(below: top, of: root.id, look(at:)) }
        guard let before, before != device else { return isAnyThere }
        try catalog.changeDevice(of: root.id, below: top, from: before, to: device)
        // What is mounted below it may get back a number that is no more kept of it.
        forgetDevices(below: top)
        return true
    }
}
