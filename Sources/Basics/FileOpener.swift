internal import CLinux
internal import Glibc
internal import Synchronization
package import SystemPackage

/// Opens files to be read, so that nothing that is put in a watched folder leads out of it.
///
/// Who may write to a watched folder may put a link in the place of a file, or of a folder on the way to it, at any moment. So a path below a watched folder is
/// resolved from that folder on by the kernel, which refuses what leads out (openat2(2)), while it is opened and not before. Other paths were named by somebody who may
/// read them, and are opened as they are.
package final class FileOpener: Sendable {
    private let folders = Mutex<[FilePath]>([])
    private let followsLinks: Bool

    /// - Parameter followsLinks: whether a file itself may be a link that leads out of its folder. A folder on the way to it may not.
    package init(followsLinks: Bool = false) {
        self.followsLinks = followsLinks
    }

    /// Says which folders nothing leads out of.
    /// - Parameter current: absolute paths without symbolic links. Nothing is opened meanwhile.
    package func hold(_ current: () throws -> [FilePath]) rethrows {
        try folders.withLock { $0 = try current() }
    }

    /// Opens a file. It doesn't block, whatever has taken the file's place. Blocking where the file system is.
    ///
    /// - Throws: `Errno`; `improperLink` for what leads out of its folder.
    package func open(_ path: FilePath) throws(Errno) -> FileDescriptor {
        let folder = folders.withLock { folders in
            folders.filter { path != $0 && path.starts(with: $0) }.max { $0.components.count < $1.components.count }
        }
        guard let folder else { return try Self.openAsNamed(path) }
        return followsLinks ? try openFollowing(path, in: folder) : try open(path, in: folder)
    }

    private func open(_ path: FilePath, in folder: FilePath) throws(Errno) -> FileDescriptor {
        let directory = try Self.openDirectory(folder)
        defer { try? directory.close() }
        do throws(Errno) {
            return try Self.openBeneath(directory, path, folder)
        } catch .improperLink {
            // An absolute link within the folder, perhaps: what it leads to is opened, if that is in the folder when it is opened.
            let target = try FilePath.realPath(of: path)
            guard target.starts(with: folder) else { throw Errno.improperLink }
            return try Self.openBeneath(directory, target, folder)
        } catch .noFunction {
            // Before Linux 5.6: a link that is put there between the two calls is followed.
            guard try FilePath.realPath(of: path).starts(with: folder) else { throw Errno.improperLink }
            return try Self.openAsNamed(path)
        }
    }

    private func openFollowing(_ path: FilePath, in folder: FilePath) throws(Errno) -> FileDescriptor {
        guard let name = path.lastComponent else { throw Errno.invalidArgument }
        let parent = path.removingLastComponent()
        guard parent != folder else {
            let directory = try Self.openDirectory(folder)
            defer { try? directory.close() }
            return try Self.open(FilePath(root: nil, [name]), at: directory)
        }
        let root = try Self.openDirectory(folder)
        defer { try? root.close() }
        do throws(Errno) {
            let directory = try Self.openBeneath(root, parent, folder, O_DIRECTORY)
            defer { try? directory.close() }
            return try Self.open(FilePath(root: nil, [name]), at: directory)
        } catch .noFunction {
            return try Self.openAsNamed(path)
        }
    }

    private static func openBeneath(
        _ directory: FileDescriptor, _ path: FilePath, _ folder: FilePath, _ flags: Int32 = 0
    ) throws(Errno) -> FileDescriptor {
        var rest = path
        _ = rest.removePrefix(folder)
        return try descriptor(
            unsafe rest.withPlatformString { unsafe saccade_open_beneath(directory.rawValue, $0, flags) })
    }

    private static func openDirectory(_ folder: FilePath) throws(Errno) -> FileDescriptor {
        try descriptor(unsafe folder.withPlatformString { unsafe Glibc.open($0, O_RDONLY | O_DIRECTORY | O_CLOEXEC) })
    }

    private static func open(_ name: FilePath, at directory: FileDescriptor) throws(Errno) -> FileDescriptor {
        try descriptor(unsafe name.withPlatformString { unsafe openat(directory.rawValue, $0, reading) })
    }

    private static func openAsNamed(_ path: FilePath) throws(Errno) -> FileDescriptor {
        try descriptor(unsafe path.withPlatformString { unsafe Glibc.open($0, reading) })
    }

    /// Not blocking, because a pipe may have taken the file's place.
    private static let reading = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY

    private static func descriptor(_ opened: Int32) throws(Errno) -> FileDescriptor {
        guard opened >= 0 else { throw Errno(rawValue: errno) }
        return FileDescriptor(rawValue: opened)
    }
}
