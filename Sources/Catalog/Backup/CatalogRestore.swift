internal import Basics
internal import Foundation
internal import GRDB
package import SystemPackage

/// Makes the state what a backup has: all of it, or nothing has changed.
package struct CatalogRestore {
    /// Room beyond the files', for what SQLite writes beside them while they are checked.
    private static let spare: Int64 = 16 << 20

    private let backup: FilePath
    private let state: FilePath

    /// - Parameters:
    ///   - backup: a file that `saccade backup` has made.
    ///   - state: the state folder; it is made where there is none.
    package init(from backup: FilePath, to state: FilePath) {
        self.backup = backup
        self.state = state
    }

    /// Where files are unpacked, of no use once this program has ended.
    package static func unfinishedFolder(in state: FilePath) -> FilePath { RestoredFiles(state: state).half }

    /// Unpacks and checks the backup, and puts it where the state's databases are, which are given up.
    ///
    /// - Parameter replacing: whether there may be an index already.
    /// - Returns: what the backup says it is.
    /// - Throws: ``CatalogError``: `locked` while another process uses the state, `nameTaken` when there is an index and `replacing` is false, what
    ///   is wrong with the backup, `diskFull`.
    package func run(replacing: Bool) throws(CatalogError) -> BackupDescription {
        let file: FileDescriptor
        do {
            file = try FileDescriptor.open(backup, .readOnly, options: .closeOnExec)
        } catch {
            throw CatalogError(.unreadable, "\(backup) can't be opened: \(error)")
        }
        defer { try? file.close() }
        var reader = try BackupReader(file, path: backup)
        do {
            try FileManager.default.createDirectory(
                atPath: state.string, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw CatalogError(.unreadable, "The state folder \(state) can't be made: \(error.localizedDescription)")
        }
        let lock = try StateLock(state: state)
        defer { lock.release() }
        let files = RestoredFiles(state: state)
        try files.finish()
        guard replacing || !DatabaseFile.isThere(Catalog.catalogFile(in: state).string) else {
            throw CatalogError(
                .nameTaken,
                "There is an index in \(state): give it up with --replace, or choose another state folder with --state."
            )
        }
        do {
            try unpack(&reader, into: files.half)
            try check(reader.description, in: files.half)
            try rename(files)
        } catch {
            try? FileManager.default.removeItem(atPath: files.half.string)
            throw error
        }
        try files.finish()
        return reader.description
    }

    /// Reads a backup to its end, and believes it.
    ///
    /// - Throws: ``CatalogError``: what is wrong with it.
    package static func check(_ backup: FilePath) throws(CatalogError) -> BackupDescription {
        do {
            let file = try FileDescriptor.open(backup, .readOnly, options: .closeOnExec)
            defer { try? file.close() }
            var reader = try BackupReader(file, path: backup)
            try reader.contents { _, _ in }
            return reader.description
        } catch let error as CatalogError {
            throw error
        } catch {
            throw CatalogError(.unreadable, "\(backup) can't be read: \(error)")
        }
    }

    private func unpack(_ reader: inout BackupReader, into folder: FilePath) throws(CatalogError) {
        let bytes = reader.description.bytes
        if let free = FreeSpace.bytes(in: state), free < bytes &+ Self.spare {
            throw CatalogError(
                .diskFull,
                "The backup takes \(bytes >> 20) MB in \(state), where \(free >> 20) MB are free: free some. Nothing was changed."
            )
        }
        var outputs: [String: FileDescriptor] = [:]
        defer { for output in outputs.values { try? output.close() } }
        do {
            try FileManager.default.createDirectory(
                atPath: folder.string, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            for name in RestoredFiles.names {
                outputs[name] = try FileDescriptor.open(
                    folder.appending(name), .writeOnly, options: [.create, .truncate, .closeOnExec],
                    permissions: [.ownerReadWrite])
            }
            try reader.contents { name, bytes in try outputs[name]?.writeAll(bytes) }
        } catch let error as CatalogError {
            throw error
        } catch Errno.noSpace, Errno.diskQuotaExceeded {
            throw CatalogError(.diskFull, "No space is left in \(state): free some. Nothing was changed.")
        } catch {
            throw CatalogError(.unreadable, "\(folder) can't be written: \(error). Nothing was changed.")
        }
    }

    /// Has SQLite look at what was unpacked.
    private func check(_ description: BackupDescription, in folder: FilePath) throws(CatalogError) {
        var stores: [Data] = []
        for file in description.files {
            let path = folder.appending(file.name)
            let schema = BackupReader.schema(of: file.name)
            let (finding, store) = try translatingErrors(on: path) {
                try schema.checkHeader(of: path)
                let queue = try DatabaseQueue(path: path.string)
                defer { try? queue.close() }
                return try queue.read { db in
                    try schema.check(db, file: path)
                    return (
                        try String.fetchOne(db, sql: "PRAGMA quick_check(1)") ?? "ok",
                        try Data.fetchOne(db, sql: "SELECT id FROM store") ?? Data()
                    )
                }
            }
            guard finding == "ok" else {
                throw CatalogError(
                    .damaged,
                    "\(file.name) in the backup \(backup) is damaged (\(finding)). Nothing was changed; use another backup."
                )
            }
            stores.append(store)
        }
        guard Set(stores).count == 1 else {
            throw CatalogError(
                .damaged, "The databases in the backup \(backup) don't belong together. Nothing was changed.")
        }
        for name in RestoredFiles.names { DatabaseFile.sync(folder.appending(name)) }
        DatabaseFile.sync(folder)
    }

    /// From here on the restore can't fail any more.
    private func rename(_ files: RestoredFiles) throws(CatalogError) {
        do {
            try DatabaseFile.move(files.half, to: files.whole)
        } catch {
            throw CatalogError(.unreadable, "\(files.half) can't be renamed: \(error). Nothing was changed.")
        }
    }
}
