package import Basics
internal import Foundation
internal import GRDB
package import SystemPackage

extension Catalog {
    /// The files that lie directly in a directory, without tombstones.
    package func files(inDirectory directory: FilePath) throws(CatalogError) -> [MediaFile] {
        try read { db in
            try Row.fetchAll(
                db.cachedStatement(sql: "SELECT * FROM files WHERE directory = ? AND deleted_at IS NULL"),
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

    /// Calls `body` with each directory of a root below `top` that holds files which are no tombstones, in the order of their bytes, until it
    /// returns false.
    package func directories(
        below top: FilePath, of root: RootID, _ body: (FilePath) throws(CatalogError) -> Bool
    ) throws(CatalogError) {
        let (start, end) = top.dataBelow
        var after = start
        while true {
            let directories = try read { db in
                try Data.fetchAll(
                    db.cachedStatement(
                        sql: """
                            SELECT DISTINCT directory FROM files
                            WHERE root_id = ? AND deleted_at IS NULL AND directory > ? AND directory < ?
                            ORDER BY directory LIMIT 64
                            """), arguments: [root, after, end])
            }
            for directory in directories {
                guard try body(FilePath(bytes: directory)) else { return }
            }
            guard let last = directories.last else { return }
            after = last
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
                db.cachedStatement(
                    sql: "SELECT * FROM files WHERE inode = ? AND device = ? AND size = ? AND modified = ?"),
                arguments: [
                    Int64(bitPattern: stamp.inode), Int64(bitPattern: stamp.device), stamp.size, stamp.modified,
                ]
            ).map(MediaFile.init)
        }
    }

    /// Those of some stamps that files have, tombstones included: see ``files(stamped:)``. One read for all.
    package func stamps(among stamps: [FileStamp]) throws(CatalogError) -> Set<FileStamp> {
        guard !stamps.isEmpty else { return [] }
        return try read { db in
            let statement = try db.cachedStatement(
                sql: "SELECT 1 FROM files WHERE inode = ? AND device = ? AND size = ? AND modified = ? LIMIT 1")
            return Set(
                try stamps.filter { stamp in
                    try Int.fetchOne(
                        statement,
                        arguments: [
                            Int64(bitPattern: stamp.inode), Int64(bitPattern: stamp.device), stamp.size, stamp.modified,
                        ]) != nil
                })
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

    /// Keeps what lies at some paths, in one transaction: a new path, a changed content, a tombstone that is back, or what can't be taken in.
    ///
    /// A media item that is new gets a pending job in each index that is not retired.
    ///
    /// - Returns: what became of each, in their order.
    package func record(_ files: [FoundFile], at now: Timestamp) throws(CatalogError) -> [RecordedFile] {
        guard !files.isEmpty else { return [] }
        return try write { db in try files.map { try Self.record($0, at: now, db) } }
    }

    /// As ``record(_:at:)``, for one media item.
    package func recordFile(
        _ path: FilePath, root: RootID?, stamp: FileStamp, identity: ContentIdentity, at now: Timestamp
    ) throws(CatalogError) -> (media: MediaID, isNew: Bool, hidden: [MediaID]) {
        let file = FoundFile(path: path, root: root, stamp: stamp, content: .media(identity))
        let recorded = try write { db in try Self.record(file, at: now, db) }
        guard let media = recorded.media else { preconditionFailure("a media item without an id") }
        return (media, recorded.isNew, recorded.hidden)
    }

    /// As ``record(_:at:)``, for one file that can't be taken in.
    ///
    /// - Returns: as ``removeFiles(_:at:)``.
    package func recordProblem(
        _ path: FilePath, root: RootID?, stamp: FileStamp, problem: Problem, at now: Timestamp
    ) throws(CatalogError) -> [MediaID] {
        let file = FoundFile(path: path, root: root, stamp: stamp, content: .problem(problem))
        return try write { db in try Self.record(file, at: now, db).hidden }
    }

    private static func record(_ file: FoundFile, at now: Timestamp, _ db: Database) throws -> RecordedFile {
        let identity: ContentIdentity
        switch file.content {
        case .problem(let problem):
            let before = try upsert(file, media: nil, problem: problem, at: now, db)
            return RecordedFile(media: nil, isNew: false, hidden: try hideIfGone(before, at: now, db))
        case .media(let content): identity = content
        }
        let digest = Data(identity.digest)
        let known = try Row.fetchOne(
            db.cachedStatement(sql: "SELECT id, deleted_at FROM media WHERE size = ? AND digest = ?"),
            arguments: [identity.size, digest])
        let media: MediaID
        if let known {
            media = known["id"]
            try show(media, db)
        } else {
            try db.cachedStatement(sql: "INSERT INTO media (size, digest, added_at) VALUES (?, ?, ?)")
                .execute(arguments: [identity.size, digest, now])
            media = db.lastInsertedRowID
        }
        try db.cachedStatement(
            sql: """
                INSERT OR IGNORE INTO jobs (media_id, generation_id, state)
                SELECT ?, id, 'pending' FROM generations WHERE state <> 'retired'
                """
        ).execute(arguments: [media])
        let before = try upsert(file, media: media, problem: nil, at: now, db)
        let isOther = before != nil && before != media
        return RecordedFile(
            media: media, isNew: known == nil, hidden: isOther ? try hideIfGone(before, at: now, db) : [])
    }

    /// Makes the one row of `path`.
    ///
    /// - Returns: the media that lay at it until now, when it was no tombstone.
    private static func upsert(
        _ file: FoundFile, media: MediaID?, problem: Problem?, at now: Timestamp, _ db: Database
    ) throws -> MediaID? {
        let (path, stamp) = (file.path, file.stamp)
        let before = try Row.fetchOne(
            db.cachedStatement(sql: "SELECT media_id FROM files WHERE path = ? AND deleted_at IS NULL"),
            arguments: [path.data])
        try db.cachedStatement(
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
                """
        ).execute(arguments: [
            file.root, path.data, path.removingLastComponent().data, media, stamp.size, stamp.modified,
            Int64(bitPattern: stamp.device), Int64(bitPattern: stamp.inode), problem?.code.rawValue,
            problem?.message, problem?.retryAt, problem == nil ? 0 : 1,
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

    /// Keeps that files have other paths now, one after the other in one transaction. One row of each changes; a tombstone comes back to life.
    ///
    /// - Returns: as ``removeFiles(_:at:)``, of files that lay at the paths.
    package func move(_ files: [MovedFile], at now: Timestamp) throws(CatalogError) -> [MediaID] {
        guard !files.isEmpty else { return [] }
        return try write { db in try files.flatMap { try Self.move($0, at: now, db) } }
    }

    private static func move(_ file: MovedFile, at now: Timestamp, _ db: Database) throws -> [MediaID] {
        let path = file.path.data
        var hidden: [MediaID] = []
        let other = try Row.fetchOne(
            db.cachedStatement(sql: "SELECT id, media_id, deleted_at FROM files WHERE path = ? AND id <> ?"),
            arguments: [path, file.id])
        if let other {
            try db.cachedStatement(sql: "DELETE FROM files WHERE id = ?").execute(arguments: [other["id"] as FileID])
            if other["deleted_at"] as Timestamp? == nil { hidden = try hideIfGone(other["media_id"], at: now, db) }
        }
        try db.cachedStatement(
            sql: """
                UPDATE files SET path = ?, directory = ?, root_id = ?, deleted_at = NULL, problem_code = NULL,
                    problem = NULL WHERE id = ?
                """
        ).execute(arguments: [path, file.path.removingLastComponent().data, file.root, file.id])
        let media = try MediaID.fetchOne(
            db.cachedStatement(sql: "SELECT media_id FROM files WHERE id = ?"), arguments: [file.id])
        if let media { try show(media, db) }
        return hidden
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

    /// Keeps files that are gone in the index, as missing, until ``release(_:)`` or ``removeFiles(_:at:)``.
    package func hold(_ files: [FileID]) throws(CatalogError) {
        guard !files.isEmpty else { return }
        try write { db in
            let statement = try db.cachedStatement(
                sql: """
                    UPDATE files SET problem_code = ?, problem = ?, retry_at = NULL
                    WHERE id = ? AND deleted_at IS NULL AND media_id IS NOT NULL
                    """)
            for file in files {
                try statement.execute(arguments: [Problem.Code.missing.rawValue, Self.missing, file])
            }
        }
    }

    private static let missing = "It is missing, as most of its folder is: it is kept until that is confirmed."

    /// Keeps that files which were missing are back.
    package func release(_ files: [FileID]) throws(CatalogError) {
        guard !files.isEmpty else { return }
        try write { db in
            let statement = try db.cachedStatement(
                sql: "UPDATE files SET problem_code = NULL, problem = NULL WHERE id = ? AND problem_code = ?")
            for file in files { try statement.execute(arguments: [file, Problem.Code.missing.rawValue]) }
        }
    }

    /// Those of some files whose media item has another file that isn't missing and is none of them.
    package func filesWithCopies(among files: [FileID]) throws(CatalogError) -> [FileID] {
        guard !files.isEmpty else { return [] }
        let all = Set(files)
        return try read { db in
            let statement = try db.cachedStatement(
                sql: """
                    SELECT other.id FROM files JOIN files AS other ON other.media_id = files.media_id
                    WHERE files.id = ? AND other.id <> files.id AND other.deleted_at IS NULL
                    AND other.problem_code IS NULL
                    """)
            return try files.filter { file in
                try FileID.fetchAll(statement, arguments: [file]).contains { !all.contains($0) }
            }
        }
    }

    /// The next `limit` files after `after` in the order of their ids that are missing from a root and held.
    package func heldFiles(
        of root: RootID, after: FileID = 0, limit: Int = 4096
    ) throws(CatalogError) -> [MediaFile] {
        try read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT * FROM files WHERE root_id = ? AND problem_code = ? AND deleted_at IS NULL AND id > ?
                    ORDER BY id LIMIT ?
                    """, arguments: [root, Problem.Code.missing.rawValue, after, limit]
            ).map(MediaFile.init)
        }
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
        try db.cachedStatement(sql: "UPDATE media SET deleted_at = NULL WHERE id = ? AND deleted_at IS NOT NULL")
            .execute(arguments: [media])
    }
}
