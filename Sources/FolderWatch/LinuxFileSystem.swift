package import Basics
internal import CLinux
package import Catalog
internal import Glibc
package import SystemPackage

/// The file system of this machine: the one place of its system calls.
package struct LinuxFileSystem: FileSystem {
    /// Bytes that are hashed at the head, in the middle and at the tail of a file; a file of up to three times as many
    /// is hashed whole.
    package static let regionSize: Int64 = 64 * 1024

    private let opener: FileOpener

    /// - Parameter opener: what opens files; the default opens them as they are named.
    package init(opening opener: FileOpener = FileOpener()) {
        self.opener = opener
    }

    package func attributes(of path: FilePath, followsLinks: Bool) throws(Errno) -> FileAttributes {
        var status = stat()
        let result = unsafe path.withPlatformString { pointer in
            unsafe followsLinks ? stat(pointer, &status) : lstat(pointer, &status)
        }
        guard result == 0 else { throw Errno(rawValue: errno) }
        return Self.attributes(status)
    }

    private static func attributes(_ status: stat) -> FileAttributes {
        let kind: FileKind =
            switch status.st_mode & S_IFMT {
            case S_IFREG: .regular
            case S_IFDIR: .directory
            case S_IFLNK: .symbolicLink
            default: .other
            }
        return FileAttributes(
            kind: kind,
            stamp: FileStamp(
                size: Int64(status.st_size),
                modified: Int64(status.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_mtim.tv_nsec),
                device: UInt64(status.st_dev), inode: UInt64(status.st_ino)),
            changedAt: max(seconds(status.st_mtim), seconds(status.st_ctim)))
    }

    private static func seconds(_ time: timespec) -> Timestamp {
        Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }

    package func entries(of directory: FilePath) throws(Errno) -> [DirectoryEntry] {
        guard let stream = unsafe directory.withPlatformString({ unsafe opendir($0) }) else {
            throw Errno(rawValue: errno)
        }
        defer { _ = unsafe closedir(stream) }
        var entries: [DirectoryEntry] = []
        while true {
            errno = 0
            guard let entry = unsafe readdir(stream) else {
                let failure = errno
                if failure != 0 { throw Errno(rawValue: failure) }
                return entries
            }
            let kind: FileKind? =
                switch unsafe Int32(entry.pointee.d_type) {
                case Int32(DT_REG): .regular
                case Int32(DT_DIR): .directory
                case Int32(DT_LNK): .symbolicLink
                case Int32(DT_UNKNOWN): nil
                default: .other
                }
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { tuple in
                unsafe tuple.withMemoryRebound(to: CChar.self, capacity: 256) {
                    unsafe FilePath.Component(platformString: $0)
                }
            }
            guard let name, name.kind == .regular else { continue }
            entries.append(DirectoryEntry(name: name, kind: kind))
        }
    }

    package func identity(of file: FilePath) throws(Errno) -> ContentIdentity {
        let descriptor = try open(file)
        defer { close(descriptor) }
        return try Self.identity(ofOpened: descriptor)
    }

    /// Opens a file and says what it is by its content: what is read from the descriptor is of that content, whatever is put into the
    /// file's place later.
    /// - Throws: `Errno`; `invalidArgument` for what is no regular file.
    package func open(identifying file: FilePath) throws(Errno) -> (file: FileDescriptor, identity: ContentIdentity) {
        let descriptor = try open(file)
        do throws(Errno) {
            var status = stat()
            guard unsafe fstat(descriptor, &status) == 0 else { throw Errno(rawValue: errno) }
            guard status.st_mode & S_IFMT == S_IFREG else { throw Errno.invalidArgument }
            return (FileDescriptor(rawValue: descriptor), try Self.identity(ofOpened: descriptor))
        } catch {
            close(descriptor)
            throw error
        }
    }

    private static func identity(ofOpened descriptor: Int32) throws(Errno) -> ContentIdentity {
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { throw Errno(rawValue: errno) }
        let size = Int64(status.st_size)
        let region = regionSize
        var hash = ContentHash()
        let starts = size <= 3 * region ? [0, region, 2 * region] : [0, (size - region) / 2, size - region]
        for start in starts where start < size {
            hash.update(try read(descriptor, at: start, count: Int(min(region, size - start))))
        }
        return ContentIdentity(size: size, digest: Array(hash.finish().prefix(ContentIdentity.digestSize)))
    }

    package func contents(of file: FilePath, limit: Int) throws(Errno) -> [UInt8] {
        let descriptor = try open(file)
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { throw Errno(rawValue: errno) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw Errno.invalidArgument }
        return try Self.read(descriptor, at: 0, count: min(limit, Int(status.st_size)))
    }

    package func target(of path: FilePath) throws(Errno) -> FilePath { try FilePath.realPath(of: path) }

    package func fileSystem(of directory: FilePath) throws(Errno) -> FileSystemKind {
        var (magic, device): (UInt32, dev_t) = (0, 0)
        let result = unsafe directory.withPlatformString {
            unsafe saccade_file_system($0, &magic, &device)
        }
        guard result == 0 else { throw Errno(rawValue: errno) }
        return FileSystemKind(magic: magic, isRemovable: Self.isRemovable(device))
    }

    /// Whether a block device can be taken out, as sysfs says: of the disk itself for a partition. A device that is none, as those of btrfs,
    /// is not.
    private static func isRemovable(_ device: dev_t) -> Bool {
        let place = "/sys/dev/block/\(saccade_major(device)):\(saccade_minor(device))"
        for file in ["\(place)/removable", "\(place)/../removable"] {
            guard let descriptor = try? FileDescriptor.open(FilePath(file), .readOnly) else { continue }
            defer { try? descriptor.close() }
            var first: UInt8 = 0
            let count = unsafe withUnsafeMutableBytes(of: &first) { unsafe (try? descriptor.read(into: $0)) ?? 0 }
            return count == 1 && first == UInt8(ascii: "1")
        }
        return false
    }

    package func isOpenForWriting(_ file: FilePath) -> Bool {
        guard let descriptor = try? open(file) else { return false }
        defer { close(descriptor) }
        return saccade_open_for_writing(descriptor) == 1
    }

    private func open(_ file: FilePath) throws(Errno) -> Int32 { try opener.open(file).rawValue }

    /// Up to `count` bytes; fewer at the end of the file.
    private static func read(_ descriptor: Int32, at offset: Int64, count: Int) throws(Errno) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            let result = unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe pread(descriptor, buffer.baseAddress! + done, count - done, off_t(offset) + off_t(done))
            }
            if result < 0 {
                let failure = errno
                if failure == EINTR { continue }
                throw Errno(rawValue: failure)
            }
            if result == 0 { break }
            done += result
        }
        return Array(bytes[..<done])
    }
}
