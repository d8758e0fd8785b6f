internal import GRDB

/// The rows of a damaged catalog that could be saved: makes a catalog of them, in which what is missing is due to be indexed again.
struct RescuedCatalog {
    let losses: CatalogRescue.Losses
    /// Of the schema that the rows were written with.
    let version: Int
    /// What people have said, where that is known from elsewhere.
    let choices: KeptChoices?

    /// The version from which on a job knows how many clips it made.
    private static let countsClips = 7

    func complete(_ db: Database, at now: Timestamp) throws -> CatalogMending.Saved {
        try choices?.add(to: db, instead: losses, at: now)
        try dropOrphans(db)
        try restoreJobs(db)
        if losses.files {
            // A file that is still there brings its media item back, with all that it has, at the next scan.
            try db.execute(
                sql: """
                    UPDATE media SET deleted_at = ? WHERE deleted_at IS NULL
                    AND NOT EXISTS (SELECT 1 FROM files WHERE media_id = media.id AND deleted_at IS NULL)
                    """, arguments: [now])
        }
        try restoreText(db)
        let again = try makeAgain(db)
        func count(_ table: String) throws -> Int { try Int.fetchOne(db, sql: "SELECT count(*) FROM \(table)") ?? 0 }
        return CatalogMending.Saved(
            roots: try count("roots"), searches: try count("saved_searches"), media: try count("media"),
            clips: try count("clips"), again: again)
    }

    /// What belongs to rows that were lost goes, and is found again.
    private func dropOrphans(_ db: Database) throws {
        try db.execute(
            sql: """
                DELETE FROM clips WHERE media_id NOT IN (SELECT id FROM media)
                    OR generation_id NOT IN (SELECT id FROM generations) OR id NOT IN (SELECT clip_id FROM embeddings);
                DELETE FROM embeddings WHERE clip_id NOT IN (SELECT id FROM clips);
                DELETE FROM jobs WHERE media_id NOT IN (SELECT id FROM media)
                    OR generation_id NOT IN (SELECT id FROM generations);
                DELETE FROM files WHERE media_id NOT IN (SELECT id FROM media);
                UPDATE files SET root_id = NULL WHERE root_id NOT IN (SELECT id FROM roots);
                DELETE FROM lines WHERE source_id NOT IN
                    (SELECT id FROM text_sources WHERE media_id IN (SELECT id FROM media));
                DELETE FROM text_sources WHERE media_id NOT IN (SELECT id FROM media);
                DELETE FROM arrivals WHERE media_id NOT IN (SELECT id FROM media)
                    OR search_id NOT IN (SELECT id FROM saved_searches);
                DELETE FROM saved_matches WHERE media_id NOT IN (SELECT id FROM media)
                    OR search_id NOT IN (SELECT id FROM saved_searches);
                """)
        // The rerank features of clips that are gone are of no use.
        for range in losses.clips {
            try db.execute(
                sql: """
                    WITH RECURSIVE ids (id) AS (SELECT ? UNION ALL SELECT id + 1 FROM ids WHERE id < ?)
                    INSERT OR IGNORE INTO left_memories (clip_id) SELECT id FROM ids WHERE id > 0
                    """, arguments: [range.lowerBound, range.upperBound])
        }
        try db.execute(sql: "DELETE FROM left_memories WHERE clip_id IN (SELECT id FROM clips)")
    }

    private func restoreJobs(_ db: Database) throws {
        try db.execute(
            sql: """
                INSERT OR IGNORE INTO jobs (media_id, generation_id, state, is_stale)
                SELECT media.id, generations.id, 'pending', EXISTS (SELECT 1 FROM clips
                    WHERE clips.generation_id = generations.id AND clips.media_id = media.id)
                FROM media JOIN generations ON generations.state <> 'retired'
                """)
    }

    private func restoreText(_ db: Database) throws {
        try db.execute(
            sql: """
                INSERT OR IGNORE INTO text_sources (media_id, kind, path, state) SELECT id, 'names', X'', 'pending' FROM media;
                INSERT OR IGNORE INTO text_sources (media_id, kind, path, state)
                    SELECT id, 'media', X'', CASE
                        WHEN NOT EXISTS (SELECT 1 FROM jobs WHERE media_id = media.id AND state = 'indexed') THEN 'waiting'
                        WHEN duration = 0 THEN 'read' ELSE 'pending' END
                    FROM media;
                """)
        guard losses.text else { return }
        try db.execute(
            sql: """
                UPDATE text_sources SET state = 'pending' WHERE state = 'read'
                AND NOT (kind = 'media' AND (SELECT duration FROM media WHERE id = media_id) = 0)
                """)
    }

    /// Media items of which clips are missing: in the middle, or, by what the job knows, at the end. Their clips answer until their turn comes.
    ///
    /// - Returns: how many.
    private func makeAgain(_ db: Database) throws -> Int {
        // A catalog of before jobs knew has the length of the file alone to tell.
        let isShort =
            version >= Self.countsClips
            ? "state = 'indexed' AND clips IS NOT found.count"
            : """
            state = 'indexed' AND (found.count IS NULL OR found.until < (SELECT duration FROM media WHERE id = jobs.media_id) - 1)
            """
        let incomplete = try Row.fetchAll(
            db,
            sql: """
                SELECT jobs.media_id, jobs.generation_id FROM jobs LEFT JOIN (
                    SELECT media_id, generation_id, count(*) AS count, max(ordinal) + 1 AS ordinals, max(end) AS until
                    FROM clips GROUP BY generation_id, media_id
                ) AS found ON found.media_id = jobs.media_id AND found.generation_id = jobs.generation_id
                WHERE found.count <> found.ordinals OR \(isShort)
                """)
        for row in incomplete {
            try db.execute(
                sql: """
                    UPDATE jobs SET state = 'pending', problem_code = NULL, problem = NULL, retry_at = NULL, is_stale = 1
                    WHERE media_id = ? AND generation_id = ?
                    """, arguments: [row[0] as Int64, row[1] as Int64])
        }
        return try Int.fetchOne(
            db,
            sql: """
                SELECT count(DISTINCT media_id) FROM jobs JOIN media ON media.id = media_id AND deleted_at IS NULL
                WHERE state IN ('pending', 'running')
                """) ?? 0
    }
}
