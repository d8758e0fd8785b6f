internal import Foundation
internal import GRDB
internal import SystemPackage
internal import Synchronization

/// One moment of both databases. Until it ends, nothing changes their files: what is written meanwhile waits in the write-ahead logs.
///
/// A reader that began when the log was empty reads the database's file alone, so no checkpoint may write to that until it has ended (SQLite, "WAL-mode
/// File Format", 2.4: WAL_READ_LOCK(0)). So the file can be copied as it is, without a second one and without the writer.
final class CatalogSnapshot: Sendable {
    struct Part: Sendable {
        var name: String
        var bytes: Int64
        var schema: Int
        fileprivate var file: FileDescriptor
    }

    let parts: [Part]
    private let readers: Mutex<[DatabaseQueue]>

    /// A database, and the reader for which its file stays as it is.
    fileprivate struct Held {
        var part: Part
        var reader: DatabaseQueue
    }

    fileprivate init(_ held: [Held]) {
        parts = held.map(\.part)
        readers = Mutex(held.map(\.reader))
    }

    deinit { end() }

    /// - Returns: up to `count` bytes of a part; none at its end.
    /// - Throws: ``CatalogError`` `unreadable`.
    func read(_ part: Part, at offset: Int64, count: Int) throws(CatalogError) -> [UInt8] {
        do {
            return try unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
                initialized = try unsafe part.file.read(
                    fromAbsoluteOffset: offset, into: UnsafeMutableRawBufferPointer(buffer))
            }
        } catch {
            throw CatalogError(.unreadable, "\(part.name) can't be read (\(error)): check the disk.")
        }
    }

    /// Lets the files change again.
    func end() {
        let readers = readers.withLock { readers in
            defer { readers = [] }
            return readers
        }
        for reader in readers { try? reader.close() }
    }
}

/// Files that are read beside SQLite.
///
/// They are open until the databases are closed: when a process closes any descriptor of a file, it loses all its locks on that (fcntl(2)), SQLite's
/// as well.
final class FilesBeside: Sendable {
    private let files = Mutex<[DatabaseFile.Identity: FileDescriptor]>([:])

    /// - Throws: `Errno`.
    func file(at path: FilePath) throws -> FileDescriptor {
        try files.withLock { files in
            guard let identity = DatabaseFile.identity(path) else { throw Errno.noSuchFileOrDirectory }
            if let file = files[identity] { return file }
            let file = try FileDescriptor.open(path, .readOnly, options: .closeOnExec)
            files[identity] = file
            return file
        }
    }

    /// To be called when the databases are closed.
    func close() {
        files.withLock { files in
            for file in files.values { try? file.close() }
            files = [:]
        }
    }
}

extension Catalog {
    /// Holds both databases as they are now. Blocks while what is written just now ends.
    ///
    /// - Parameter hasFeatures: whether the rerank features are wanted.
    /// - Throws: ``CatalogError``: `busy` where somebody else reads for longer than ten seconds.
    func snapshot(withRerankFeatures hasFeatures: Bool) throws(CatalogError) -> CatalogSnapshot {
        try maintain { db in
            var held = [try hold(catalog, db, named: BackupDescription.catalogName)]
            if hasFeatures, let features {
                // Both have their writers' turns, in the order in which clips are committed.
                held.append(
                    try features.maintainAtOnce { try hold(features, $0, named: BackupDescription.featuresName) })
            }
            return CatalogSnapshot(held)
        }
    }

    private func hold(
        _ database: OpenDatabase, _ db: Database, named name: String
    ) throws(CatalogError) -> CatalogSnapshot.Held {
        let file = database.file
        return try translatingErrors(on: file) {
            _ = try db.checkpoint(.truncate)
            var configuration = Self.configuration(.readOnly, synchronous: "NORMAL")
            configuration.allowsUnsafeTransactions = true
            let reader = try DatabaseQueue(path: file.string, configuration: configuration)
            let schema = try reader.inDatabase { db in
                try db.execute(sql: "BEGIN")
                return try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0
            }
            guard DatabaseFile.size(FilePath(file.string + "-wal")) == 0 else {
                throw CatalogError(.busy, "\(file) is written by another process: try again.")
            }
            let descriptor = try filesBeside.file(at: file)
            let part = CatalogSnapshot.Part(
                name: name, bytes: DatabaseFile.size(file), schema: schema, file: descriptor)
            return CatalogSnapshot.Held(part: part, reader: reader)
        }
    }
}
