internal import Glibc
package import SystemPackage

/// The claim of one process to be the only writer of a state folder; given back when it is released or the process ends.
///
/// A lock on `STATE/lock`, which also names the holder's process: for the message that others get, and, since an orderly release
/// takes the name away, for whoever comes after one that ended without it.
package final class StateLock: Sendable {
    private let descriptor: Int32
    /// Whether the last holder ended without ``release()``.
    package let wasAbandoned: Bool

    /// - Throws: ``CatalogError`` `locked`, naming the process that holds the folder; `unreadable` when the file can't
    ///   be made.
    package init(state: FilePath) throws(CatalogError) {
        let path = state.appending("lock")
        try DatabaseFile.requireFile(path)
        let descriptor = unsafe path.withPlatformString { unsafe open($0, O_RDWR | O_CREAT | O_CLOEXEC, 0o600) }
        guard descriptor >= 0 else {
            let reason = Errno(rawValue: errno)
            throw CatalogError(
                .unreadable, "\(path) can't be made (\(reason)): give this user write permission on \(state).")
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let reason = errno
            let holder = Self.holder(descriptor)
            close(descriptor)
            guard reason == EWOULDBLOCK else {
                throw CatalogError(
                    .unreadable,
                    "\(path) can't be locked (\(Errno(rawValue: reason))): use a state folder on a local disk.")
            }
            throw CatalogError(
                .locked,
                """
                \(state) is in use by \(holder.map { "process \($0)" } ?? "another process"): ask it (saccade status), \
                or stop it first.
                """)
        }
        DatabaseFile.makePrivate(path)
        self.descriptor = descriptor
        wasAbandoned = Self.holder(descriptor) != nil
        let text = Array("\(getpid())\n".utf8)
        _ = ftruncate(descriptor, 0)
        _ = unsafe text.withUnsafeBytes { unsafe pwrite(descriptor, $0.baseAddress, $0.count, 0) }
    }

    /// Lets another process have the folder.
    package func release() {
        // Needs no room, so that it succeeds on a full disk.
        _ = ftruncate(descriptor, 0)
        flock(descriptor, LOCK_UN)
    }

    deinit {
        close(descriptor)
    }

    private static func holder(_ descriptor: Int32) -> Int? {
        var bytes = [UInt8](repeating: 0, count: 24)
        let count = unsafe bytes.withUnsafeMutableBytes { unsafe pread(descriptor, $0.baseAddress, $0.count, 0) }
        guard count > 0 else { return nil }
        let digits = bytes[..<count].prefix { (48...57).contains($0) }
        return Int(String(decoding: digits, as: UTF8.self))
    }
}
