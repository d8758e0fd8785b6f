import Basics
internal import Foundation
internal import GRDB
package import SystemPackage

extension Catalog {
    package func roots() throws(CatalogError) -> [Root] {
        try read(Self.roots)
    }

    static func roots(_ db: Database) throws -> [Root] {
        try Row.fetchAll(db, sql: Root.selection + " ORDER BY id").map(Root.init)
    }

    package func root(_ id: RootID) throws(CatalogError) -> Root? {
        try read { try Row.fetchOne($0, sql: Root.selection + " WHERE id = ?", arguments: [id]).map(Root.init) }
    }

    /// O(1), unlike ``root(_:)``, which counts its files.
    package func hasRoot(_ id: RootID) throws(CatalogError) -> Bool {
        try read { try Bool.fetchOne($0, sql: "SELECT EXISTS (SELECT 1 FROM roots WHERE id = ?)", arguments: [id]) }
            ?? false
    }

    /// A media item, also one that is a tombstone.
    package func media(_ id: MediaID) throws(CatalogError) -> Media? {
        try read { db in
            try Row.fetchOne(db, sql: Media.selection + " WHERE media.id = ?", arguments: [id]).map(Media.init)
        }
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

    /// The clips that are there, by id. One snapshot of the catalog.
    package func clips(_ ids: [ClipID]) throws(CatalogError) -> [ClipID: Clip] {
        try read { db in
            let statement = try db.cachedStatement(sql: "SELECT * FROM clips WHERE id = ?")
            var found: [ClipID: Clip] = [:]
            for id in ids { found[id] = try Row.fetchOne(statement, arguments: [id]).map(Clip.init) }
            return found
        }
    }

    /// The clip of the live index that holds a moment of a file, or else the one nearest to it; nil where no clip of the file is in it.
    ///
    /// - Parameter time: seconds from the beginning of the file.
    package func clip(at time: Double, inFileAt path: FilePath) throws(CatalogError) -> Clip? {
        try read { db in
            try Row.fetchOne(
                db,
                sql: """
                    SELECT clips.* FROM clips
                    JOIN files ON files.media_id = clips.media_id AND files.path = ? AND files.deleted_at IS NULL
                    JOIN generations ON generations.id = clips.generation_id AND generations.state = 'live'
                    ORDER BY max(clips.start - ?, ? - clips.end, 0), clips.start DESC LIMIT 1
                    """, arguments: [path.data, time, time]
            ).map(Clip.init)
        }
    }

    /// A media item's clips in the order of time.
    package func clips(of media: MediaID, index: IndexID) throws(CatalogError) -> [Clip] {
        try read { db in
            try Row.fetchAll(
                db, sql: "SELECT * FROM clips WHERE media_id = ? AND generation_id = ? ORDER BY ordinal",
                arguments: [media, index]
            ).map(Clip.init)
        }
    }

    package func indexes() throws(CatalogError) -> [IndexRecord] {
        try read { try Row.fetchAll($0, sql: "SELECT * FROM generations ORDER BY id").map(IndexRecord.init) }
    }

    /// The index that queries go to; nil before the first model.
    package func liveIndex() throws(CatalogError) -> IndexRecord? { try index(.live) }

    /// The index in a state of which there is at most one: live, building or previous.
    package func index(_ state: IndexRecord.State) throws(CatalogError) -> IndexRecord? {
        try indexes().first { $0.state == state }
    }

    /// The clips' rerank features that are there, by clip.
    ///
    /// Those that can't be read are left out, and ``mendFeatures()`` is due then.
    package func rerankFeatures(of clips: [ClipID]) throws(CatalogError) -> [ClipID: [UInt8]] {
        guard let features else { return [:] }
        let (found, damage) = try features.readStatementwise { db in
            var found: [ClipID: [UInt8]] = [:]
            var damage: DatabaseError?
            for clip in clips {
                do {
                    // A statement that failed is of no more use.
                    let statement = try db.cachedStatement(sql: "SELECT memory FROM memories WHERE clip_id = ?")
                    if let memory = try Data.fetchOne(statement, arguments: [clip]) { found[clip] = [UInt8](memory) }
                } catch let error as DatabaseError where error.isDamage {
                    damage = error
                }
            }
            return (found, damage)
        }
        guard let damage else { return found }
        noticeDamage()
        guard access == .readOnly, found.isEmpty else { return found }
        throw CatalogError(damage, file: featuresFile)
    }

    /// Media, files and files of subtitles that are not indexed because something is wrong with them, the newest of each first.
    package func failures(limit: Int = 100) throws(CatalogError) -> [Failure] {
        try read { db in
            let media = try Row.fetchAll(
                db,
                sql: """
                    SELECT jobs.*,
                        (SELECT path FROM files WHERE files.media_id = jobs.media_id AND deleted_at IS NULL LIMIT 1)
                        AS path
                    FROM jobs JOIN generations ON generations.id = generation_id
                    JOIN media ON media.id = jobs.media_id AND media.deleted_at IS NULL
                    WHERE problem_code IS NOT NULL AND (generations.state = 'live' OR generations.state = 'building'
                        AND NOT EXISTS (SELECT 1 FROM jobs AS other JOIN generations ON generations.id = other.generation_id
                            WHERE other.media_id = jobs.media_id AND generations.state = 'live'
                            AND other.problem_code IS NOT NULL))
                    ORDER BY finished_at DESC LIMIT ?
                    """, arguments: [limit])
            let files = try Row.fetchAll(
                db,
                sql: """
                    SELECT * FROM files WHERE problem_code IS NOT NULL AND problem_code <> 'missing'
                        AND deleted_at IS NULL ORDER BY id DESC LIMIT ?
                    """, arguments: [limit])
            let isWithText = try db.tableExists("text_sources")
            let text =
                try !isWithText
                ? []
                : Row.fetchAll(
                    db,
                    sql: """
                        SELECT text_sources.* FROM text_sources
                        JOIN media ON media.id = media_id AND media.deleted_at IS NULL
                        WHERE \(Self.isOpen) AND text_sources.state = 'failed' AND text_sources.kind = 'subtitles'
                        ORDER BY text_sources.id DESC LIMIT ?
                        """, arguments: [limit])
            let rows = media + files + text
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
            numbers.deletedClips =
                try Int.fetchOne(
                    db,
                    sql:
                        "SELECT count(*) FROM clips WHERE media_id IN (SELECT id FROM media WHERE deleted_at IS NOT NULL)"
                ) ?? 0
            return numbers
        }
        statistics.catalogBytes = size(catalogFile)
        statistics.featuresBytes = size(featuresFile)
        statistics.freeBytes = try freeBytes()
        if statistics.deletedClips > 0 {
            let all = try read { try Int.fetchOne($0, sql: "SELECT count(*) FROM clips") ?? 0 }
            let used = statistics.catalogBytes + statistics.featuresBytes - statistics.freeBytes
            statistics.deletedBytes = Int64(
                Double(max(0, used)) * Double(statistics.deletedClips) / Double(max(1, all)))
        }
        return statistics
    }

    /// - Parameter index: whose queue is meant; nil leaves out when its oldest job was found.
    package func queueStatistics(of index: IndexID?, at now: Timestamp) throws(CatalogError) -> QueueStatistics {
        try read { db in
            var numbers = QueueStatistics()
            if let index {
                numbers.oldestWaiting = try Timestamp.fetchOne(
                    db,
                    sql: """
                        SELECT min(media.added_at) FROM jobs
                        JOIN media ON media.id = jobs.media_id AND media.deleted_at IS NULL
                        WHERE jobs.generation_id = ? AND jobs.state = 'pending' AND coalesce(jobs.retry_at, 0) <= ?
                            AND \(Self.isReachable)
                        """, arguments: [index, now])
            }
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT problem_code AS code, count(*) AS count FROM jobs
                    JOIN media ON media.id = jobs.media_id AND media.deleted_at IS NULL
                    WHERE generation_id = ? AND jobs.state = 'failed' AND problem_code IS NOT NULL GROUP BY problem_code
                    UNION ALL SELECT problem_code AS code, count(*) AS count FROM files
                    WHERE problem_code IS NOT NULL AND deleted_at IS NULL GROUP BY problem_code
                    """, arguments: [index])
            for row in rows { numbers.failures[Problem.Code(rawValue: row["code"]), default: 0] += row["count"] }
            return numbers
        }
    }

    private static let stateCounts = """
        SELECT state, count(*) AS count, sum(duration) AS seconds
        FROM jobs JOIN media ON media.id = media_id AND deleted_at IS NULL WHERE generation_id = ? GROUP BY state
        """

    func size(_ file: FilePath) -> Int64 {
        ["", "-wal"].reduce(0) { total, suffix in
            let attributes = try? FileManager.default.attributesOfItem(atPath: file.string + suffix)
            return total + ((attributes?[.size] as? NSNumber)?.int64Value ?? 0)
        }
    }
}
