internal import Basics
internal import Foundation
internal import GRDB
package import SystemPackage

/// Which model is to be used, where somebody has chosen.
package enum ModelChoice: Sendable, Equatable {
    /// What the configuration says.
    case configured
    case folder(FilePath)
}

/// How far an index is built.
package struct BuildProgress: Sendable, Equatable {
    /// Media items that are no tombstones.
    package var media = 0
    package var indexed = 0
    package var failed = 0
    package var clips = 0
    /// Seconds of video of all media items, as far as they are known, and of those that are indexed or failed. A picture counts as
    /// two seconds.
    package var seconds = 0.0
    package var doneSeconds = 0.0

    package init() {}
}

/// What an index takes of the two databases.
package struct IndexSize: Sendable, Equatable {
    package var clips: Int
    /// An estimate from a few of its rows.
    package var bytes: Int64
}

/// What a clip takes of the two databases, in bytes.
package enum ClipCost {
    /// The row of a clip and its places in the indexes of the table.
    private static let row = 150
    private static let page = 4096

    /// - Parameter features: bytes of its rerank features; nil without.
    package static func bytes(dimensions: Int, features: Int?) -> Int64 {
        Int64(row + blob(4 * dimensions) + (features.map(blob) ?? 0))
    }

    /// A row with a value of so many bytes in a table of pages: rows aren't divided between leaves, and what is too long for one has pages of
    /// its own (SQLite's file format, 1.6).
    static func blob(_ bytes: Int) -> Int {
        let room = page - 8
        guard bytes > page - 60 else { return page / max(1, room / (bytes + 16)) }
        return (bytes - 489 + page - 5) / (page - 4) * page + 512
    }
}

extension Catalog {
    /// The folder of the model that was chosen; nil where the configuration's is used.
    package func chosenModel() throws(CatalogError) -> FilePath? {
        try read { db in
            guard try db.tableExists("chosen_model") else { return nil }
            return try Data.fetchOne(db, sql: "SELECT folder FROM chosen_model").map { FilePath(bytes: $0) }
        }
    }

    package func choose(_ choice: ModelChoice) throws(CatalogError) {
        defer { keepChoices() }
        try write { try Self.choose(choice, $0) }
    }

    static func choose(_ choice: ModelChoice, _ db: Database) throws {
        try db.execute(sql: "DELETE FROM chosen_model")
        guard case .folder(let folder) = choice else { return }
        try db.execute(sql: "INSERT INTO chosen_model (folder) VALUES (?)", arguments: [folder.data])
    }

    package func progress(of index: IndexID) throws(CatalogError) -> BuildProgress {
        try read { db in
            var progress = BuildProgress()
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT state, count(*) AS count, sum(max(coalesce(duration, 0), 2)) AS seconds
                    FROM jobs JOIN media ON media.id = media_id AND deleted_at IS NULL
                    WHERE generation_id = ? GROUP BY state
                    """, arguments: [index])
            for row in rows {
                let (count, seconds): (Int, Double) = (row["count"], row["seconds"])
                progress.media += count
                progress.seconds += seconds
                switch Media.State(rawValue: row["state"]) {
                case .indexed:
                    progress.indexed += count
                    progress.doneSeconds += seconds
                case .failed:
                    progress.failed += count
                    progress.doneSeconds += seconds
                case .pending, .running, nil: break
                }
            }
            progress.clips = try Self.clipCount(of: index, db)
            return progress
        }
    }

    private static func clipCount(of index: IndexID, _ db: Database) throws -> Int {
        try Int.fetchOne(db, sql: "SELECT count(*) FROM clips WHERE generation_id = ?", arguments: [index]) ?? 0
    }

    package func size(of index: IndexRecord) throws(CatalogError) -> IndexSize {
        let (clips, some) = try read { db in
            (
                try Self.clipCount(of: index.id, db),
                try ClipID.fetchAll(
                    db, sql: "SELECT id FROM clips WHERE generation_id = ? LIMIT 32", arguments: [index.id])
            )
        }
        let features = index.storesRerankFeatures ? try rerankFeatures(of: some).values.map(\.count) : []
        let mean = features.isEmpty ? nil : features.reduce(0, +) / features.count
        return IndexSize(
            clips: clips, bytes: Int64(clips) * ClipCost.bytes(dimensions: index.dimensions, features: mean))
    }

    /// Bytes in the two files that nothing uses: what is written next goes there first.
    package func freeBytes() throws(CatalogError) -> Int64 {
        var bytes: Int64 = 0
        for database in databases {
            bytes += try database.read { db in
                let pages = try Int64.fetchOne(db, sql: "PRAGMA freelist_count") ?? 0
                return try pages * (Int64.fetchOne(db, sql: "PRAGMA page_size") ?? 0)
            }
        }
        return bytes
    }

    /// How many media items can be found in the live index and are neither in `index` nor have a reason there why not.
    package func gaps(in index: IndexID) throws(CatalogError) -> Int {
        try read { db in
            try Int.fetchOne(
                db,
                sql: """
                    SELECT count(*) FROM jobs AS old JOIN media ON media.id = old.media_id AND media.deleted_at IS NULL
                    LEFT JOIN jobs AS new ON new.media_id = old.media_id AND new.generation_id = :index
                    WHERE old.generation_id = (SELECT id FROM generations WHERE state = 'live') AND old.state = 'indexed'
                        AND NOT coalesce(new.state = 'failed' AND new.problem_code IS NOT NULL
                            OR new.crashes >= :crashes
                            OR new.state = 'indexed' AND EXISTS (SELECT 1 FROM clips
                                WHERE clips.generation_id = :index AND clips.media_id = new.media_id), 0)
                    """, arguments: ["index": index, "crashes": Self.suspectCrashes]) ?? 0
        }
    }

    /// Some media items that are whole in an index, evenly spread over all of them.
    package func someMedia(of index: IndexID, limit: Int) throws(CatalogError) -> [MediaID] {
        try read { db in
            let all = try MediaID.fetchAll(
                db,
                sql: """
                    SELECT media.id FROM jobs JOIN media ON media.id = media_id AND deleted_at IS NULL
                    WHERE generation_id = ? AND state = 'indexed' ORDER BY media.id
                    """, arguments: [index])
            guard all.count > limit else { return all }
            return (0..<limit).map { all[(2 * $0 + 1) * all.count / (2 * limit)] }
        }
    }

    /// The vector of a media item's first clip in an index, or of its last one.
    package func vector(
        ofMedia media: MediaID, index: IndexID, isLast: Bool
    ) throws(CatalogError) -> (clip: Clip, vector: [Float])? {
        try read { db in
            try Row.fetchOne(
                db,
                sql: """
                    SELECT clips.*, vector FROM clips JOIN embeddings ON clip_id = clips.id
                    WHERE clips.generation_id = ? AND media_id = ? ORDER BY ordinal \(isLast ? "DESC" : "") LIMIT 1
                    """, arguments: [index, media]
            ).map { row in
                let vector = unsafe (row["vector"] as Data).withUnsafeBytes { unsafe VectorBlob.decode($0) }
                return (Clip(row), vector)
            }
        }
    }
}
