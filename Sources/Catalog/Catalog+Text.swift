internal import Basics
internal import Foundation
internal import GRDB
package import SystemPackage

extension Catalog {
    /// The next file whose text is to be read: pending, or failed with a time to try again that has come, of a media item that can be
    /// reached. Files of subtitles come first, because they are small.
    ///
    /// - Parameter media: only of this media item.
    package func nextTextSource(at now: Timestamp, of media: MediaID? = nil) throws(CatalogError) -> TextSource? {
        try read { db in
            for kind in [TextSource.Kind.subtitles, .media] {
                // In the order of the index, so that the first that fits ends the search.
                let row = try Row.fetchOne(
                    db,
                    sql: """
                        SELECT text_sources.* FROM text_sources
                        JOIN media ON media.id = text_sources.media_id AND media.deleted_at IS NULL
                        WHERE text_sources.kind = ? AND \(Self.isOpen)
                            AND (text_sources.state = 'pending' OR text_sources.retry_at <= ?)
                            AND coalesce(media.id = ?, 1) AND \(Self.isReachable)
                        ORDER BY text_sources.id LIMIT 1
                        """, arguments: [kind.rawValue, now, media])
                guard let row else { continue }
                var source = TextSource(
                    id: row["id"], media: row["media_id"], kind: kind, path: row.path("path"),
                    language: row["language"], attempts: row["attempts"])
                switch kind {
                case .media:
                    guard let place = try Self.places(of: source.media, db).first else { continue }
                    source.path = place.path
                case .subtitles:
                    source.version = .init(size: row["size"], modified: row["modified"], inode: row["inode"])
                }
                return source
            }
            return nil
        }
    }

    /// SQL: that a source of text has not been read. As the partial index says it, so that SQLite uses it.
    static let isOpen = "text_sources.state IN ('pending', 'failed')"

    /// When the next text is to be read again that could not be; nil when there is none.
    package func nextTextRetry(after now: Timestamp) throws(CatalogError) -> Timestamp? {
        try read { db in
            try Timestamp.fetchOne(
                db,
                sql:
                    "SELECT min(retry_at) FROM text_sources WHERE \(Self.isOpen) AND state = 'failed' AND retry_at > ?",
                arguments: [now])
        }
    }

    /// Keeps what was read of a source, in the place of what it had.
    ///
    /// - Returns: false when its file has changed or gone since it was handed out: it is read again, or not wanted any more.
    package func setLines(_ lines: [Line], of source: TextSource) throws(CatalogError) -> Bool {
        try write { db in
            guard try Self.close(source, state: "read", problem: nil, db) else { return false }
            try Self.replaceLines(of: source.id, media: source.media, with: lines, db)
            return true
        }
    }

    /// Keeps that a source could not be read. What it had stays while another try may help.
    package func failText(of source: TextSource, _ problem: Problem) throws(CatalogError) {
        try write { db in
            guard try Self.close(source, state: "failed", problem: problem, db), problem.retryAt == nil else { return }
            try Self.replaceLines(of: source.id, media: source.media, with: [], db)
        }
    }

    private static func close(_ source: TextSource, state: String, problem: Problem?, _ db: Database) throws -> Bool {
        try db.execute(
            sql: """
                UPDATE text_sources SET state = ?, problem_code = ?, problem = ?, retry_at = ?,
                    attempts = CASE WHEN ? IS NULL THEN 0 ELSE attempts + 1 END
                WHERE id = ? AND size IS ? AND modified IS ? AND inode IS ?
                """,
            arguments: [
                state, problem?.code.rawValue, problem?.message, problem?.retryAt, problem?.code.rawValue, source.id,
                source.version?.size, source.version?.modified, source.version?.inode,
            ])
        return db.changesCount == 1
    }

    private static func replaceLines(
        of source: Int64, media: MediaID, with lines: [Line], _ db: Database
    ) throws {
        try db.execute(sql: "DELETE FROM lines WHERE source_id = ?", arguments: [source])
        let insert = try db.cachedStatement(
            sql: """
                INSERT INTO lines (source_id, media_id, kind, start, end, language, text, indexed)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                """)
        for line in lines {
            let indexed = WordText.indexed(line.text)
            try insert.execute(arguments: [
                source, media, line.kind.rawValue, line.start, line.end, line.language, line.text,
                indexed == line.text ? nil : indexed,
            ])
        }
    }

    /// Keeps which files of subtitles lie beside the media files of a directory. One that is new or has changed is to be read; the lines of
    /// one that is gone go.
    ///
    /// - Parameter found: all there are in the directory.
    /// - Returns: whether anything has changed.
    package func recordSubtitles(
        _ found: [FoundSubtitles], inDirectory directory: FilePath
    ) throws(CatalogError) -> Bool {
        struct Key: Hashable {
            var media: MediaID
            var path: Data
        }
        let wanted = Dictionary(found.map { (Key(media: $0.media, path: $0.path.data), $0) }) { first, _ in first }
        // Most directories have none, and are looked at often: writing begins only where there is something to write.
        let known = try read { db in
            try Row.fetchAll(
                db.cachedStatement(sql: "SELECT * FROM text_sources WHERE directory = ?"), arguments: [directory.data])
        }
        var rest = wanted
        var gone: [Int64] = []
        var changed: [(Int64, FoundSubtitles)] = []
        for row in known {
            guard let now = rest.removeValue(forKey: Key(media: row["media_id"], path: row["path"])) else {
                gone.append(row["id"])
                continue
            }
            let isSame =
                row["size"] == now.stamp.size && row["modified"] == now.stamp.modified
                && row["inode"] == Int64(bitPattern: now.stamp.inode) && row["language"] == now.language
            if !isSame { changed.append((row["id"], now)) }
        }
        guard !(rest.isEmpty && gone.isEmpty && changed.isEmpty) else { return false }
        let new = rest.values.sorted { ($0.media, $0.path.string) < ($1.media, $1.path.string) }
        return try write { [gone, changed] db in
            for id in gone { try db.execute(sql: "DELETE FROM text_sources WHERE id = ?", arguments: [id]) }
            for (id, file) in changed {
                try db.execute(
                    sql: """
                        UPDATE text_sources SET state = 'pending', attempts = 0, problem_code = NULL, problem = NULL,
                            retry_at = NULL, language = ?, size = ?, modified = ?, inode = ? WHERE id = ?
                        """,
                    arguments: [
                        file.language, file.stamp.size, file.stamp.modified, Int64(bitPattern: file.stamp.inode), id,
                    ])
            }
            for file in new {
                try db.execute(
                    sql: """
                        INSERT INTO text_sources (media_id, kind, path, directory, language, size, modified, inode, state)
                        SELECT id, 'subtitles', ?, ?, ?, ?, ?, ?, 'pending' FROM media WHERE id = ?
                        """,
                    arguments: [
                        file.path.data, directory.data, file.language, file.stamp.size, file.stamp.modified,
                        Int64(bitPattern: file.stamp.inode), file.media,
                    ])
            }
            return true
        }
    }

    /// The files of subtitles of a directory as they were last recorded.
    package func subtitles(inDirectory directory: FilePath) throws(CatalogError) -> [FoundSubtitles] {
        try read { db in
            try Row.fetchAll(
                db, sql: "SELECT * FROM text_sources WHERE directory = ? ORDER BY id", arguments: [directory.data]
            ).map { row in
                FoundSubtitles(
                    media: row["media_id"], path: row.path("path"), language: row["language"],
                    stamp: FileStamp(
                        size: row["size"], modified: row["modified"], device: 0,
                        inode: UInt64(bitPattern: row["inode"] as Int64)))
            }
        }
    }

    /// Makes lines of the names of media files and their folders, where these have changed.
    ///
    /// - Parameter limit: media items in one transaction.
    /// - Returns: whether there were any: there may be more.
    package func renewNames(limit: Int = 500) throws(CatalogError) -> Bool {
        let pending = try read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT text_sources.id, media_id FROM text_sources
                    WHERE kind = 'names' AND \(Self.isOpen) ORDER BY text_sources.id LIMIT ?
                    """, arguments: [limit])
        }
        guard !pending.isEmpty else { return false }
        try write { db in
            for row in pending {
                let (source, media): (Int64, MediaID) = (row["id"], row["media_id"])
                // Of those whose row has gone meanwhile nothing is kept.
                try db.execute(sql: "UPDATE text_sources SET state = 'read' WHERE id = ?", arguments: [source])
                guard db.changesCount == 1 else { continue }
                try Self.replaceLines(of: source, media: media, with: try Self.names(of: media, db), db)
            }
        }
        return true
    }

    /// A file's name without its extension, and the folders between its root and it; of a file in no root, the folder alone.
    private static func names(of media: MediaID, _ db: Database) throws -> [Line] {
        let rows = try Row.fetchAll(
            db,
            sql: """
                SELECT files.path AS path, roots.path AS root FROM files LEFT JOIN roots ON roots.id = root_id
                WHERE media_id = ? AND deleted_at IS NULL ORDER BY files.id LIMIT 16
                """, arguments: [media])
        var lines: [Line] = []
        for row in rows {
            let path = row.path("path")
            var folders = path.removingLastComponent()
            if let root = row["root"] as Data? {
                _ = folders.removePrefix(FilePath(bytes: root))
            } else {
                folders = FilePath(root: nil, folders.components.suffix(1))
            }
            let names = [
                Line(kind: .fileName, text: path.stem ?? ""),
                Line(kind: .folderName, text: folders.components.suffix(8).map(\.string).joined(separator: " / ")),
            ]
            for line in names where !line.text.isEmpty && !lines.contains(line) { lines.append(line) }
        }
        return lines
    }

    /// A media item's lines, in the order of time.
    package func lines(of media: MediaID) throws(CatalogError) -> [Line] {
        try read { db in
            guard try db.tableExists("lines") else { return [] }
            return try Row.fetchAll(
                db,
                sql:
                    "SELECT * FROM lines WHERE source_id IN (SELECT id FROM text_sources WHERE media_id = ?) ORDER BY start, id",
                arguments: [media]
            ).compactMap(Line.init)
        }
    }
}

extension Line {
    /// Nil for a kind of a later version.
    init?(_ row: Row) {
        guard let kind = Kind(rawValue: row["kind"]) else { return nil }
        self.init(kind: kind, start: row["start"], end: row["end"], language: row["language"], text: row["text"])
    }
}
