internal import Basics
internal import Foundation
internal import GRDB

package import SystemPackage

extension Catalog {
    package func roots() throws(CatalogError) -> [Root] {
        try read(Self.roots)
    }

    static func roots(_ db: Database) throws -> [Root] {
        try Row.fetchAll(
            db,
            sql: """
                SELECT roots.*, (SELECT count(*) FROM files WHERE root_id = roots.id AND deleted_at IS NULL)
                    AS file_count
                FROM roots ORDER BY id
                """
        ).map(Root.init)
    }

    package func root(_ id: RootID) throws(CatalogError) -> Root? {
        try roots().first { $0.id == id }
    }

    /// A media, also one that is a tombstone.
    package func media(_ id: MediaID) throws(CatalogError) -> Media? {
        try read { db in
            try Row.fetchOne(db, sql: Media.selection + " WHERE media.id = ?", arguments: [id]).map(Media.init)
        }
    }

    package func media(identity: ContentIdentity) throws(CatalogError) -> Media? {
        try read { db in
            try Row.fetchOne(
                db, sql: Media.selection + " WHERE media.size = ? AND media.digest = ?",
                arguments: [identity.size, Data(identity.digest)]
            ).map(Media.init)
        }
    }

    /// The media's files that are not tombstones, those of online roots first.
    package func files(of media: MediaID) throws(CatalogError) -> [MediaFile] {
        try read { try Self.files(of: media, $0) }
    }

    package func paths(of media: MediaID) throws(CatalogError) -> [FilePath] {
        try files(of: media).map(\.path)
    }

    static func files(of media: MediaID, _ db: Database) throws -> [MediaFile] {
        try Row.fetchAll(
            db,
            sql: """
                SELECT files.* FROM files LEFT JOIN roots ON roots.id = files.root_id
                WHERE media_id = ? AND deleted_at IS NULL
                ORDER BY roots.state IS 'offline', files.id
                """, arguments: [media]
        ).map(MediaFile.init)
    }

    /// The file at a path, also when it is a tombstone.
    package func file(at path: FilePath) throws(CatalogError) -> MediaFile? {
        try read { db in
            try Row.fetchOne(db, sql: "SELECT * FROM files WHERE path = ?", arguments: [path.data]).map(MediaFile.init)
        }
    }

    package func clip(_ id: ClipID) throws(CatalogError) -> Clip? {
        try read { db in
            try Row.fetchOne(db, sql: "SELECT * FROM clips WHERE id = ?", arguments: [id]).map(Clip.init)
        }
    }

    /// A media's clips in the order of time.
    package func clips(of media: MediaID, generation: GenerationID) throws(CatalogError) -> [Clip] {
        try read { db in
            try Row.fetchAll(
                db, sql: "SELECT * FROM clips WHERE media_id = ? AND generation_id = ? ORDER BY ordinal",
                arguments: [media, generation]
            ).map(Clip.init)
        }
    }

    /// The clips of these ids that are in the catalog and whose media is no tombstone, in the order asked for.
    package func records(of clips: [ClipID]) throws(CatalogError) -> [ClipRecord] {
        try read { db in
            var media: [MediaID: (Media, [FilePath])] = [:]
            return try clips.compactMap { id -> ClipRecord? in
                guard
                    let clip = try Row.fetchOne(
                        db.cachedStatement(sql: "SELECT * FROM clips WHERE id = ?"), arguments: [id]
                    ).map(Clip.init)
                else { return nil }
                if media[clip.media] == nil {
                    guard
                        let found = try Row.fetchOne(
                            db.cachedStatement(sql: Media.selection + " WHERE media.id = ? AND deleted_at IS NULL"),
                            arguments: [clip.media]
                        ).map(Media.init)
                    else { return nil }
                    media[clip.media] = (found, try Self.files(of: clip.media, db).map(\.path))
                }
                return media[clip.media].map { ClipRecord(clip: clip, media: $0.0, paths: $0.1) }
            }
        }
    }

    /// The next `limit` vectors of a generation after clip `after`, in the order of clip ids, without those of
    /// tombstones.
    ///
    /// A cursor for loading an index in pieces: begin with `after: 0`, go on with the last row's clip, stop at an empty
    /// answer. Clips that are committed meanwhile come last, so none is missed by a reader that then listens to changes.
    package func embeddings(
        of generation: GenerationID, after: ClipID = 0, limit: Int = 4096
    ) throws(CatalogError) -> [EmbeddingRow] {
        try read { db in
            try Self.embeddings(
                db, where: "embeddings.generation_id = ? AND clip_id > ? ORDER BY clip_id LIMIT ?",
                [generation, after, limit])
        }
    }

    /// The vectors of one media.
    package func embeddings(
        of generation: GenerationID, media: MediaID
    ) throws(CatalogError) -> [EmbeddingRow] {
        try read { db in
            try Self.embeddings(
                db, where: "embeddings.generation_id = ? AND clips.media_id = ? ORDER BY clip_id", [generation, media])
        }
    }

    private static func embeddings(
        _ db: Database, where condition: String, _ arguments: StatementArguments
    ) throws -> [EmbeddingRow] {
        let cursor = try Row.fetchCursor(
            db,
            sql: """
                SELECT clip_id, clips.media_id, clips.start, clips.end, vector FROM embeddings
                JOIN clips ON clips.id = clip_id
                JOIN media ON media.id = clips.media_id AND media.deleted_at IS NULL
                WHERE \(condition)
                """, arguments: arguments)
        var rows: [EmbeddingRow] = []
        while let row = try cursor.next() {
            let vector = try row.withUnsafeData(atIndex: 4) { data in
                unsafe data?.withUnsafeBytes { unsafe VectorBlob.decode($0) } ?? []
            }
            rows.append(EmbeddingRow(clip: row[0], media: row[1], start: row[2], end: row[3], vector: vector))
        }
        return rows
    }

    /// What filters look at, of the next `limit` media after `after` that are no tombstones, in the order of their ids.
    package func mediaAttributes(
        after: MediaID = 0, limit: Int = 4096
    ) throws(CatalogError) -> [MediaAttributes] {
        try read { db in
            let media = try Row.fetchAll(
                db,
                sql: """
                    SELECT id, duration, recorded_at FROM media WHERE id > ? AND deleted_at IS NULL ORDER BY id LIMIT ?
                    """, arguments: [after, limit])
            return try media.map { try Self.attributes($0, db) }
        }
    }

    /// What filters look at, of one media; nil when it is a tombstone or isn't there.
    package func attributes(of media: MediaID) throws(CatalogError) -> MediaAttributes? {
        try read { db in
            try Row.fetchOne(
                db, sql: "SELECT id, duration, recorded_at FROM media WHERE id = ? AND deleted_at IS NULL",
                arguments: [media]
            ).map { try Self.attributes($0, db) }
        }
    }

    private static func attributes(_ row: Row, _ db: Database) throws -> MediaAttributes {
        let id: MediaID = row["id"]
        let places = try Row.fetchAll(
            db.cachedStatement(
                sql: "SELECT root_id, path FROM files WHERE media_id = ? AND deleted_at IS NULL ORDER BY id"),
            arguments: [id])
        return MediaAttributes(
            media: id, duration: row["duration"], recordedAt: row["recorded_at"],
            places: places.map { MediaAttributes.Place(root: $0["root_id"], path: $0.path("path")) })
    }

    package func generations() throws(CatalogError) -> [Generation] {
        try read { try Row.fetchAll($0, sql: "SELECT * FROM generations ORDER BY id").map(Generation.init) }
    }

    /// The generation that queries go to; nil before the first model.
    package func liveGeneration() throws(CatalogError) -> Generation? {
        try generations().first { $0.state == .live }
    }

    /// The clips' memories that are there, by clip.
    package func memories(of clips: [ClipID]) throws(CatalogError) -> [ClipID: [UInt8]] {
        guard let memories else { return [:] }
        return try translatingErrors(on: memoriesFile) {
            try memories.read { db in
                var found: [ClipID: [UInt8]] = [:]
                let statement = try db.cachedStatement(sql: "SELECT memory FROM memories WHERE clip_id = ?")
                for clip in clips {
                    if let memory = try Data.fetchOne(statement, arguments: [clip]) { found[clip] = [UInt8](memory) }
                }
                return found
            }
        }
    }

    /// Media and files that are not indexed because something is wrong with them, the newest first.
    package func failures(limit: Int = 100) throws(CatalogError) -> [Failure] {
        try read { db in
            let media = try Row.fetchAll(
                db,
                sql: """
                    SELECT jobs.*,
                        (SELECT path FROM files WHERE files.media_id = jobs.media_id AND deleted_at IS NULL LIMIT 1)
                        AS path
                    FROM jobs JOIN generations ON generations.id = generation_id AND generations.state <> 'retired'
                    JOIN media ON media.id = jobs.media_id AND media.deleted_at IS NULL
                    WHERE problem_code IS NOT NULL ORDER BY finished_at DESC LIMIT ?
                    """, arguments: [limit])
            let files = try Row.fetchAll(
                db,
                sql: """
                    SELECT * FROM files WHERE problem_code IS NOT NULL AND deleted_at IS NULL ORDER BY id DESC LIMIT ?
                    """, arguments: [limit])
            let rows = media + files
            return rows.prefix(limit).compactMap { row in
                row.problem().map {
                    Failure(
                        media: row["media_id"], path: (row["path"] as Data?).map { FilePath(bytes: $0) }, problem: $0,
                        attempts: row["attempts"])
                }
            }
        }
    }

    /// - Parameter unfinished: media in work. One whose last transaction has committed counts as running until its vectors can be
    ///   searched.
    package func statistics(unfinished: Set<MediaID> = []) throws(CatalogError) -> CatalogStatistics {
        var statistics = try read { db in
            var numbers = CatalogStatistics()
            numbers.roots = try Int.fetchOne(db, sql: "SELECT count(*) FROM roots") ?? 0
            numbers.files =
                try Int.fetchOne(
                    db, sql: "SELECT count(*) FROM files WHERE deleted_at IS NULL AND problem_code IS NULL") ?? 0
            numbers.unreadableFiles =
                try Int.fetchOne(
                    db, sql: "SELECT count(*) FROM files WHERE deleted_at IS NULL AND problem_code IS NOT NULL") ?? 0
            let live = try Int64.fetchOne(db, sql: "SELECT id FROM generations WHERE state = 'live'")
            for row in try Row.fetchAll(db, sql: Self.stateCounts, arguments: [live]) {
                if let state = Media.State(rawValue: row["state"]) {
                    numbers.media[state] = row["count"]
                    if state == .indexed { numbers.indexedSeconds = row["seconds"] ?? 0 }
                }
            }
            for media in unfinished {
                let state = try String.fetchOne(
                    db,
                    sql: """
                        SELECT state FROM jobs JOIN media ON media.id = media_id AND deleted_at IS NULL
                        WHERE media_id = ? AND generation_id = ?
                        """, arguments: [media, live])
                guard state == Media.State.indexed.rawValue else { continue }
                numbers.media[.indexed, default: 0] -= 1
                numbers.media[.running, default: 0] += 1
            }
            numbers.clips =
                try Int.fetchOne(
                    db,
                    sql: """
                        SELECT count(*) FROM clips JOIN media ON media.id = media_id AND deleted_at IS NULL
                        WHERE generation_id = ?
                        """, arguments: [live]) ?? 0
            if let building = try Int64.fetchOne(db, sql: "SELECT id FROM generations WHERE state = 'building'") {
                let counts = try Row.fetchAll(db, sql: Self.stateCounts, arguments: [building])
                let total = counts.reduce(0) { $0 + ($1["count"] as Int) }
                let done = counts.filter { ["indexed", "failed"].contains($0["state"] as String) }
                numbers.building = .init(done: done.reduce(0) { $0 + ($1["count"] as Int) }, total: total)
            }
            return numbers
        }
        statistics.catalogBytes = size(catalogFile)
        statistics.memoriesBytes = size(memoriesFile)
        return statistics
    }

    private static let stateCounts = """
        SELECT state, count(*) AS count, sum(duration) AS seconds
        FROM jobs JOIN media ON media.id = media_id AND deleted_at IS NULL WHERE generation_id = ? GROUP BY state
        """

    private func size(_ file: FilePath) -> Int64 {
        ["", "-wal"].reduce(0) { total, suffix in
            let attributes = try? FileManager.default.attributesOfItem(atPath: file.string + suffix)
            return total + ((attributes?[.size] as? NSNumber)?.int64Value ?? 0)
        }
    }
}
