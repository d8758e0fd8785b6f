package import Glibc
package import SystemPackage

/// A listening Unix stream socket that we bound ourselves or were given by systemd. The server is the same for both.
///
/// The owner of the descriptor is whoever takes `descriptor`; `removeFile()` takes away the file when it is ours.
package struct ListeningSocket: Sendable {
    package let descriptor: Int32
    /// The file, nil for a socket that systemd holds: it is systemd's to remove.
    package let file: SocketFile?

    private static let backlog: Int32 = 128

    /// Binds `path` and listens.
    ///
    /// A socket file that nobody listens on is replaced, because a killed daemon leaves one behind. One that answers is
    /// another daemon, and anything that is no socket is somebody's file: both are left alone.
    ///
    /// - Parameter isForOthers: whether other users than this one may connect; what they may do, ``SocketAccess`` says.
    /// - Throws: `SocketError`.
    package static func bind(path: FilePath, isForOthers: Bool = false) throws(SocketError) -> ListeningSocket {
        let directory = path.removingLastComponent()
        if unsafe directory.withPlatformString({ unsafe access($0, F_OK) }) != 0, !directory.isEmpty {
            try createDirectories(directory)
        }
        try makeRoom(at: path)
        let descriptor = try newSocket()
        do throws(SocketError) {
            let result = try unsafe UnixAddress(path).withAddress { address, length in
                unsafe Glibc.bind(descriptor, address, length)
            }
            guard result == 0 else { throw system("can't bind the socket \(path)") }
            // Nobody can connect before listen(), so nobody gets in with a wider mode.
            guard unsafe path.withPlatformString({ unsafe chmod($0, isForOthers ? 0o666 : 0o600) }) == 0 else {
                throw system("can't set the mode of \(path)")
            }
            guard listen(descriptor, backlog) == 0 else { throw system("can't listen on \(path)") }
            return ListeningSocket(descriptor: descriptor, file: try SocketFile(path: path))
        } catch {
            close(descriptor)
            throw error
        }
    }

    private static func makeRoom(at path: FilePath) throws(SocketError) {
        var status = stat()
        guard unsafe path.withPlatformString({ unsafe lstat($0, &status) }) == 0 else {
            guard errno == ENOENT else { throw system("can't look at \(path)") }
            return
        }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw SocketError(
                .notASocket, "\(path) exists and is not a socket; move it away or choose another path with --socket"
            )
        }
        if try isAnswered(path) {
            throw SocketError(
                .inUse,
                "another daemon answers on \(path); stop it first (`saccade status` shows it) or choose another "
                    + "path with --socket"
            )
        }
        guard unsafe path.withPlatformString({ unsafe unlink($0) }) == 0 || errno == ENOENT else {
            throw system("can't remove the stale socket \(path)")
        }
    }

    private static func isAnswered(_ path: FilePath) throws(SocketError) -> Bool {
        let descriptor = try newSocket()
        defer { close(descriptor) }
        let result = try unsafe UnixAddress(path).withAddress { address, length in
            unsafe connect(descriptor, address, length)
        }
        // EAGAIN: somebody listens and their queue is full.
        return result == 0 || errno == EAGAIN || errno == EINPROGRESS || errno == EACCES
    }

    private static func newSocket() throws(SocketError) -> Int32 {
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let descriptor = socket(AF_UNIX, type, 0)
        guard descriptor >= 0 else { throw system("can't make a socket") }
        return descriptor
    }

    private static func createDirectories(_ directory: FilePath) throws(SocketError) {
        var partial = FilePath(root: directory.root, [])
        for component in directory.components {
            partial.append(component)
            let result = unsafe partial.withPlatformString { unsafe mkdir($0, 0o750) }
            guard result == 0 || errno == EEXIST else { throw system("can't make the directory \(partial)") }
        }
    }

    static func system(_ what: String) -> SocketError {
        SocketError(.system, "\(what): \(Errno(rawValue: errno))")
    }
}

/// The file of a socket that we bound, by its inode, so that we never remove the file of a successor.
package struct SocketFile: Sendable {
    let path: FilePath
    private let device: dev_t
    private let inode: ino_t
    /// File systems give the number of a removed inode to the next file.
    private let changed: timespec

    init(path: FilePath) throws(SocketError) {
        var status = stat()
        guard unsafe path.withPlatformString({ unsafe lstat($0, &status) }) == 0 else {
            throw ListeningSocket.system("can't look at \(path)")
        }
        self.path = path
        device = status.st_dev
        inode = status.st_ino
        changed = status.st_ctim
    }

    /// Removes the file if it is still the one that we made.
    package func remove() {
        var status = stat()
        guard unsafe path.withPlatformString({ unsafe lstat($0, &status) }) == 0,
            status.st_dev == device, status.st_ino == inode,
            status.st_ctim.tv_sec == changed.tv_sec, status.st_ctim.tv_nsec == changed.tv_nsec
        else { return }
        _ = unsafe path.withPlatformString { unsafe unlink($0) }
    }
}

/// A `sockaddr_un`. A leading `@` means Linux' abstract namespace, as in systemd's `NOTIFY_SOCKET`.
package struct UnixAddress {
    private var address = sockaddr_un()
    private let length: socklen_t

    /// - Throws: `pathTooLong`: the kernel's limit is 107 bytes.
    package init(_ path: FilePath, allowsAbstract: Bool = false) throws(SocketError) {
        var bytes = unsafe path.withPlatformString { start in
            unsafe Array(UnsafeBufferPointer(start: start, count: path.length)).map { UInt8(bitPattern: $0) }
        }
        let capacity = MemoryLayout.size(ofValue: address.sun_path)
        guard bytes.count < capacity else {
            throw SocketError(
                .pathTooLong,
                "the socket path \(path) has \(bytes.count) bytes, and the kernel allows \(capacity - 1); choose a shorter "
                    + "one with --socket"
            )
        }
        let isAbstract = allowsAbstract && bytes.first == UInt8(ascii: "@")
        if isAbstract { bytes[0] = 0 }
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
        let header = MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? MemoryLayout<sa_family_t>.size
        length = socklen_t(header + bytes.count + (isAbstract ? 0 : 1))
    }

    package func withAddress<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        unsafe withUnsafePointer(to: address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0, length) }
        }
    }
}
