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
        close(descriptor)
        for suffix in ["", "-wal", "-shm"] { makePrivate(FilePath(file.string + suffix)) }
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

    static func makePrivate(_ path: FilePath) {
        guard let found = information(path), found.st_mode & 0o077 != 0, found.st_uid == geteuid() else { return }
        _ = unsafe path.withPlatformString { unsafe chmod($0, found.st_mode & 0o700) }
    }

    private static func information(_ path: FilePath) -> stat? {
        var found = stat()
        return unsafe path.withPlatformString({ unsafe stat($0, &found) }) == 0 ? found : nil
    }
}
