package import Basics
internal import Foundation
internal import GRDB
package import SystemPackage

extension Catalog {
    /// The files that lie directly in a directory, without tombstones.
    package func files(inDirectory directory: FilePath) throws(CatalogError) -> [MediaFile] {
        try read { db in
            try Row.fetchAll(
                db, sql: "SELECT * FROM files WHERE directory = ? AND deleted_at IS NULL",
                arguments: [directory.data]
            ).map(MediaFile.init)
        }
    }

    /// The next `limit` directories of a root, after `after` in the order of their bytes, that hold files which are no
    /// tombstones.
    package func directories(
        of root: RootID, after: FilePath? = nil, limit: Int = 4096
    ) throws(CatalogError) -> [FilePath] {
        try read { db in
            try Data.fetchAll(
                db,
                sql: """
                    SELECT DISTINCT directory FROM files
                    WHERE root_id = ? AND deleted_at IS NULL AND directory > ? ORDER BY directory LIMIT ?
                    """, arguments: [root, after?.data ?? Data(), limit]
            ).map { FilePath(bytes: $0) }
        }
    }

    /// The next `limit` files after `after` in the order of their ids that lie in no root and are no tombstones.
    package func filesWithoutRoot(after: FileID = 0, limit: Int = 4096) throws(CatalogError) -> [MediaFile] {
        try read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT * FROM files WHERE root_id IS NULL AND deleted_at IS NULL AND id > ? ORDER BY id LIMIT ?
                    """, arguments: [after, limit]
            ).map(MediaFile.init)
        }
    }

    /// Files of exactly this stamp, tombstones included: where a file that appears may have been before.
    package func files(stamped stamp: FileStamp) throws(CatalogError) -> [MediaFile] {
        try read { db in
            try Row.fetchAll(
                db, sql: "SELECT * FROM files WHERE inode = ? AND device = ? AND size = ? AND modified = ?",
                arguments: [
                    Int64(bitPattern: stamp.inode), Int64(bitPattern: stamp.device), stamp.size, stamp.modified,
                ]
            ).map(MediaFile.init)
        }
    }

    /// Files in roots that are online that could not be read and whose time to be tried again has come.
    package func filesToRetry(at now: Timestamp, limit: Int = 256) throws(CatalogError) -> [MediaFile] {
        try read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT files.* FROM files JOIN roots ON roots.id = root_id AND roots.state <> 'offline'
                    WHERE problem_code IS NOT NULL AND deleted_at IS NULL AND retry_at <= ? ORDER BY retry_at LIMIT ?
                    """, arguments: [now, limit]
            ).map(MediaFile.init)
        }
    }

    /// Keeps that a media item lies at a path: a new path, a changed content, or a tombstone that is back.
    ///
    /// A media item that is new gets a pending job in each index that is not retired.
    ///
    /// - Returns: the media item, and what ``removeFiles(_:at:)`` returns of the one that lay there before.
    package func recordFile(
        _ path: FilePath, root: RootID?, stamp: FileStamp, identity: ContentIdentity, at now: Timestamp
    ) throws(CatalogError) -> (media: MediaID, isNew: Bool, hidden: [MediaID]) {
        try write { db in
            let digest = Data(identity.digest)
            let known = try Row.fetchOne(
                db, sql: "SELECT id, deleted_at FROM media WHERE size = ? AND digest = ?",
                arguments: [identity.size, digest])
            let media: MediaID
            if let known {
                media = known["id"]
                try Self.show(media, db)
            } else {
                try db.execute(
                    sql: "INSERT INTO media (size, digest, added_at) VALUES (?, ?, ?)",
                    arguments: [identity.size, digest, now])
                media = db.lastInsertedRowID
            }
            try db.execute(
                sql: """
                    INSERT OR IGNORE INTO jobs (media_id, generation_id, state)
                    SELECT ?, id, 'pending' FROM generations WHERE state <> 'retired'
                    """, arguments: [media])
            let before = try Self.upsert(path, root: root, stamp: stamp, media: media, problem: nil, at: now, db)
            let isOther = before != nil && before != media
            return (media, known == nil, isOther ? try Self.hideIfGone(before, at: now, db) : [])
        }
    }

    /// Keeps that what lies at a path can't be taken in, and why.
    ///
    /// - Returns: as ``removeFiles(_:at:)``.
    package func recordProblem(
        _ path: FilePath, root: RootID?, stamp: FileStamp, problem: Problem, at now: Timestamp
    ) throws(CatalogError) -> [MediaID] {
        try write { db in
            let before = try Self.upsert(path, root: root, stamp: stamp, media: nil, problem: problem, at: now, db)
            return try Self.hideIfGone(before, at: now, db)
        }
    }

    /// Makes the one row of `path`.
    ///
    /// - Returns: the media that lay at it until now, when it was no tombstone.
    private static func upsert(
        _ path: FilePath, root: RootID?, stamp: FileStamp, media: MediaID?, problem: Problem?, at now: Timestamp,
        _ db: Database
    ) throws -> MediaID? {
        let before = try Row.fetchOne(
            db, sql: "SELECT media_id FROM files WHERE path = ? AND deleted_at IS NULL", arguments: [path.data])
        try db.execute(
            sql: """
                INSERT INTO files (root_id, path, directory, media_id, size, modified, device, inode,
                    problem_code, problem, retry_at, attempts)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (path) DO UPDATE SET root_id = coalesce(excluded.root_id, root_id),
                    media_id = excluded.media_id, attempts =
                        CASE WHEN excluded.problem_code IS NULL THEN 0 WHEN size = excluded.size
                        AND modified = excluded.modified THEN attempts + 1 ELSE 1 END,
                    size = excluded.size, modified = excluded.modified, device = excluded.device,
                    inode = excluded.inode, problem_code = excluded.problem_code, problem = excluded.problem,
                    retry_at = excluded.retry_at, deleted_at = NULL
                """,
            arguments: [
                root, path.data, path.removingLastComponent().data, media, stamp.size, stamp.modified,
                Int64(bitPattern: stamp.device), Int64(bitPattern: stamp.inode), problem?.code.rawValue,
                problem?.message,
                problem?.retryAt, problem == nil ? 0 : 1,
            ])
        return before?["media_id"]
    }

    /// Keeps a file's stamp and root when they have changed but its content has not.
    package func restamp(
        _ file: MediaFile, _ stamp: FileStamp, root: RootID?
    ) throws(CatalogError) {
        try write { db in
            try db.execute(
                sql: "UPDATE files SET size = ?, modified = ?, device = ?, inode = ?, root_id = ? WHERE id = ?",
                arguments: [
                    stamp.size, stamp.modified, Int64(bitPattern: stamp.device), Int64(bitPattern: stamp.inode), root,
                    file.id,
                ])
        }
    }

    /// Keeps that a file has another path now. One row changes; a tombstone comes back to life.
    ///
    /// - Returns: as ``removeFiles(_:at:)``, of a file that lay at the path.
    package func moveFile(
        _ file: FileID, to path: FilePath, root: RootID?, at now: Timestamp
    ) throws(CatalogError) -> [MediaID] {
        try write { db in
            var hidden: [MediaID] = []
            if let other = try Row.fetchOne(
                db, sql: "SELECT id, media_id, deleted_at FROM files WHERE path = ? AND id <> ?",
                arguments: [path.data, file])
            {
                try db.execute(sql: "DELETE FROM files WHERE id = ?", arguments: [other["id"] as FileID])
                if other["deleted_at"] as Timestamp? == nil {
                    hidden = try Self.hideIfGone(other["media_id"], at: now, db)
                }
            }
            try db.execute(
                sql: "UPDATE files SET path = ?, directory = ?, root_id = ?, deleted_at = NULL WHERE id = ?",
                arguments: [path.data, path.removingLastComponent().data, root, file])
            let media = try MediaID.fetchOne(db, sql: "SELECT media_id FROM files WHERE id = ?", arguments: [file])
            if let media { try Self.show(media, db) }
            return hidden
        }
    }

    /// Makes tombstones of files that are gone, and of media items that have no other.
    ///
    /// - Returns: the media items that have become tombstones.
    package func removeFiles(_ files: [FileID], at now: Timestamp) throws(CatalogError) -> [MediaID] {
        guard !files.isEmpty else { return [] }
        return try write { try Self.removeFiles(files, at: now, $0) }
    }

    @discardableResult
    static func removeFiles(_ files: [FileID], at now: Timestamp, _ db: Database) throws -> [MediaID] {
        var hidden: [MediaID] = []
        for file in files {
            let media = try MediaID.fetchOne(db, sql: "SELECT media_id FROM files WHERE id = ?", arguments: [file])
            try db.execute(
                sql: "UPDATE files SET deleted_at = ? WHERE id = ? AND deleted_at IS NULL", arguments: [now, file])
            if db.changesCount == 1 { hidden += try hideIfGone(media, at: now, db) }
        }
        return hidden
    }

    /// Makes a media item a tombstone if no file of it is left.
    private static func hideIfGone(_ media: MediaID?, at now: Timestamp, _ db: Database) throws -> [MediaID] {
        guard let media else { return [] }
        try db.execute(
            sql: """
                UPDATE media SET deleted_at = ? WHERE id = ? AND deleted_at IS NULL
                AND NOT EXISTS (SELECT 1 FROM files WHERE media_id = media.id AND deleted_at IS NULL)
                """, arguments: [now, media])
        return db.changesCount == 1 ? [media] : []
    }

    /// Lets a media item that is a tombstone be found again.
    private static func show(_ media: MediaID, _ db: Database) throws {
        try db.execute(
            sql: "UPDATE media SET deleted_at = NULL WHERE id = ? AND deleted_at IS NOT NULL", arguments: [media])
    }
}
