internal import Foundation
internal import Glibc
internal import SystemPackage

/// A database's file, before SQLite opens it.
enum DatabaseFile {
    /// Makes the file, empty, or takes from one that is there what others than its owner may do with it, whatever the umask. What SQLite puts beside it
    /// later has the same rights.
    ///
    /// - Throws: ``CatalogError`` `unreadable` when something that is no file has the name: SQLite would wait for ever for a named pipe.
    static func claim(_ file: FilePath) throws(CatalogError) {
        try requireFile(file)
        let descriptor = unsafe file.withPlatformString {
            unsafe open($0, O_RDWR | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0o600)
        }
        // Why it can't be written is for SQLite to say, which knows what it needs.
        guard descriptor >= 0 else { return }
        Glibc.close(descriptor)
        for suffix in suffixes { makePrivate(FilePath(file.string + suffix)) }
    }

    /// - Throws: ``CatalogError`` `unreadable` when something that is no file has the name.
    static func requireFile(_ file: FilePath) throws(CatalogError) {
        guard let mode = information(file)?.st_mode, mode & S_IFMT != S_IFREG else { return }
        let kind =
            switch mode & S_IFMT {
            case S_IFDIR: "a folder"
            case S_IFIFO: "a named pipe"
            case S_IFSOCK: "a socket"
            default: "a device"
            }
        throw CatalogError(
            .unreadable,
            "\(file) is \(kind), and no database: move it away, or choose another state folder with --state.")
    }

    /// The names of a database's file and of what SQLite puts beside it.
    private static let suffixes = ["", "-wal", "-shm", "-journal"]

    /// Damaged files of one name that are kept.
    private static let asideLimit = 3

    /// Gives a damaged file another name, which says when and which no other has; of those that were set aside before, the oldest go.
    ///
    /// - Returns: the name.
    /// - Throws: ``CatalogError`` `damaged` when it can't be moved.
    static func setAside(_ file: FilePath, at now: Timestamp) throws(CatalogError) -> FilePath {
        let before = setAsideBefore(file)
        let dated = FilePath("\(file.string).damaged-\(day(now))")
        var aside = dated
        // Of one moment, the one with the greatest number is the newest.
        if let last = before.compactMap({ number($0, of: dated) }).max() {
            aside = FilePath("\(dated.string)-\(last + 1)")
        }
        for suffix in suffixes where isThere(file.string + suffix) {
            do {
                try move(FilePath(file.string + suffix), to: FilePath(aside.string + suffix))
            } catch {
                throw CatalogError(.damaged, "\(file) is damaged and can't be moved away (\(error)): delete it.")
            }
        }
        for old in before.dropLast(asideLimit - 1) { remove(file.removingLastComponent().appending(old)) }
        return aside
    }

    /// The names of what was set aside of a file, the oldest first.
    private static func setAsideBefore(_ file: FilePath) -> [String] {
        guard let name = file.lastComponent?.string,
            let names = try? FileManager.default.contentsOfDirectory(atPath: file.removingLastComponent().string)
        else { return [] }
        let aside = names.filter { other in
            other.hasPrefix("\(name).damaged-") && !suffixes.dropFirst().contains { other.hasSuffix($0) }
        }
        func key(_ name: String) -> (Substring, Int, String) { (name.prefix { $0 != "Z" }, name.count, name) }
        return aside.sorted { key($0) < key($1) }
    }

    /// The number of a file that was set aside at a moment, 1 for the first; nil for one of another moment.
    private static func number(_ name: String, of dated: FilePath) -> Int? {
        guard let first = dated.lastComponent?.string, name.hasPrefix(first) else { return nil }
        guard name != first else { return 1 }
        // Whatever a name may say.
        return Int(name.dropFirst(first.count + 1)).flatMap { (1..<1_000_000).contains($0) ? $0 : nil }
    }

    /// Removes a database; does nothing where there is none.
    static func remove(_ file: FilePath) {
        for suffix in suffixes { remove(suffix, of: file) }
    }

    /// Removes what SQLite put beside a database.
    static func removeLog(of file: FilePath) {
        for suffix in suffixes.dropFirst() { remove(suffix, of: file) }
    }

    private static func remove(_ suffix: String, of file: FilePath) {
        _ = unsafe FilePath(file.string + suffix).withPlatformString { unsafe unlink($0) }
    }

    /// Gives a file another name, whatever had that name, and has the folder on the disk.
    static func move(_ file: FilePath, to name: FilePath) throws(Errno) {
        let status = unsafe file.withPlatformString { from in
            unsafe name.withPlatformString { unsafe rename(from, $0) }
        }
        guard status == 0 else { throw Errno(rawValue: errno) }
        sync(name.removingLastComponent())
    }

    /// Has the entries of a folder, or the content of a file, on the disk.
    static func sync(_ path: FilePath) {
        let descriptor = unsafe path.withPlatformString { unsafe open($0, O_RDONLY | O_CLOEXEC) }
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        Glibc.close(descriptor)
    }

    static func isThere(_ path: String) -> Bool { information(FilePath(path)) != nil }

    /// What tells a file from every other that there is, whatever its name.
    struct Identity: Hashable {
        fileprivate var device: UInt
        fileprivate var inode: UInt
    }

    /// Nil where there is none.
    static func identity(_ file: FilePath) -> Identity? {
        information(file).map { Identity(device: UInt($0.st_dev), inode: UInt($0.st_ino)) }
    }

    /// Bytes of a file; 0 where there is none.
    static func size(_ file: FilePath) -> Int64 { Int64(information(file)?.st_size ?? 0) }

    /// Such as `2026-11-30T09.15.02Z`.
    private static func day(_ now: Timestamp) -> String {
        Date(timeIntervalSince1970: now).formatted(.iso8601).replacing(":", with: ".")
    }

    static func makePrivate(_ path: FilePath) {
        guard let found = information(path), found.st_mode & 0o077 != 0, found.st_uid == geteuid() else { return }
        _ = unsafe path.withPlatformString { unsafe chmod($0, found.st_mode & 0o700) }
    }

    private static func information(_ path: FilePath) -> stat? {
        var found = stat()
        return unsafe path.withPlatformString({ unsafe stat($0, &found) }) == 0 ? found : nil
    }
}
