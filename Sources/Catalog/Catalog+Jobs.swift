internal import Foundation
internal import GRDB
internal import SystemPackage

extension Catalog {
    /// A media item that was in work at so many ends of the program, with nothing of it committed between them, is a suspect: see ``Job/isSuspect``.
    static let suspectCrashes = 2

    /// SQL: that a row's media has a file that isn't missing, in a root that is online, or one that was named.
    static let isReachable = """
        EXISTS (SELECT 1 FROM files LEFT JOIN roots ON roots.id = files.root_id
            WHERE files.media_id = media.id AND files.deleted_at IS NULL AND files.problem_code IS NULL
            AND roots.state IS NOT 'offline')
        """

    /// SQL: that a job's time has come, twice.
    private static let isDue = """
        (jobs.state = 'pending' AND coalesce(jobs.retry_at, 0) <= ? OR jobs.state = 'failed' AND jobs.retry_at <= ?)
        """

    /// The next jobs of an index that can be done now: pending, or failed with a time to try again that has come,
    /// of media that lie in a root that is online or were named. Suspects come last.
    ///
    /// - Parameter excluding: media in work.
    package func nextJobs(
        of index: IndexID, at now: Timestamp, limit: Int, excluding: Set<MediaID> = []
    ) throws(CatalogError) -> [Job] {
        try read { db in
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT media.id, media.size, media.digest, jobs.* FROM jobs
                    JOIN media ON media.id = jobs.media_id AND media.deleted_at IS NULL
                    WHERE jobs.generation_id = ? AND \(Self.isDue) AND \(Self.isReachable)
                    ORDER BY jobs.crashes >= ?, jobs.state = 'failed', media.id LIMIT ?
                    """, arguments: [index, now, now, Self.suspectCrashes, limit + excluding.count])
            return try rows.filter { !excluding.contains($0["id"]) }.prefix(limit).map { row in
                try Self.job(row, index: index, db)
            }
        }
    }

    /// The job of one media item, whatever its state; nil when it has none.
    package func job(of media: MediaID, index: IndexID) throws(CatalogError) -> Job? {
        try read { db in
            try Row.fetchOne(
                db,
                sql: """
                    SELECT media.id, media.size, media.digest, jobs.* FROM jobs
                    JOIN media ON media.id = jobs.media_id WHERE media.id = ? AND generation_id = ?
                    """, arguments: [media, index]
            ).map { try Self.job($0, index: index, db) }
        }
    }

    /// Why a media item is not in an index; nil when nothing is wrong with it.
    package func problem(of media: MediaID, index: IndexID) throws(CatalogError) -> Problem? {
        try read { db in
            try Row.fetchOne(
                db, sql: "SELECT * FROM jobs WHERE media_id = ? AND generation_id = ?", arguments: [media, index]
            )?.problem()
        }
    }

    private static func job(_ row: Row, index: IndexID, _ db: Database) throws -> Job {
        let media: MediaID = row["id"]
        let files = try Row.fetchAll(
            db,
            sql: """
                SELECT files.* FROM files LEFT JOIN roots ON roots.id = files.root_id
                WHERE media_id = ? AND deleted_at IS NULL AND problem_code IS NULL AND roots.state IS NOT 'offline'
                ORDER BY files.id
                """, arguments: [media])
        let isStale: Bool = row["is_stale"]
        let crashes: Int = row["crashes"]
        let last =
            isStale
            ? nil
            : try Row.fetchOne(
                db,
                sql: """
                    SELECT ordinal, end, shot FROM clips WHERE media_id = ? AND generation_id = ?
                    ORDER BY ordinal DESC LIMIT 1
                    """, arguments: [media, index])
        return Job(
            media: media, index: index,
            identity: ContentIdentity(size: row["size"], digest: [UInt8](row["digest"] as Data)),
            state: Media.State(rawValue: row["state"]) ?? .pending, attempts: row["attempts"],
            isSuspect: crashes >= suspectCrashes, files: files.map(MediaFile.init), isStale: isStale,
            committedClips: last.map { ($0["ordinal"] as Int) + 1 } ?? 0, committedEnd: last?["end"],
            committedShot: last?["shot"])
    }

    /// How many jobs of an index are begun, or are among those that ``nextJobs(of:at:limit:excluding:)`` gives now.
    package func queueDepth(of index: IndexID, at now: Timestamp) throws(CatalogError) -> Int {
        try read { db in
            try Int.fetchOne(
                db,
                sql: """
                    SELECT count(*) FROM jobs JOIN media ON media.id = jobs.media_id AND media.deleted_at IS NULL
                    WHERE jobs.generation_id = ?
                    AND (jobs.state = 'running' OR \(Self.isDue) AND \(Self.isReachable))
                    """, arguments: [index, now, now]) ?? 0
        }
    }

    /// The first time after `now` at which a job of an index or a file is to be tried again, of those that can be: what
    /// ``nextJobs(of:at:limit:excluding:)`` and ``filesToRetry(at:limit:)`` have then. Nil when there is none.
    package func nextRetry(of index: IndexID, after now: Timestamp) throws(CatalogError) -> Timestamp? {
        try read { db in
            try Timestamp.fetchOne(
                db,
                sql: """
                    SELECT min(retry_at) FROM (
                        SELECT retry_at FROM jobs JOIN media ON media.id = jobs.media_id AND media.deleted_at IS NULL
                            WHERE jobs.generation_id = ? AND jobs.state IN ('pending', 'failed') AND retry_at > ?
                            AND \(Self.isReachable)
                        UNION ALL SELECT retry_at FROM files JOIN roots ON roots.id = root_id
                            WHERE problem_code IS NOT NULL AND deleted_at IS NULL AND roots.state <> 'offline'
                            AND retry_at > ?)
                    """, arguments: [index, now, now])
        }
    }

    /// Has all that waits to be tried again wait so many seconds less: the clock, by which their times were kept, was set back.
    package func bringRetriesForward(by seconds: Double) throws(CatalogError) {
        try write { db in
            for table in ["jobs", "files", "text_sources"] {
                try db.execute(
                    sql: "UPDATE \(table) SET retry_at = retry_at - ? WHERE retry_at IS NOT NULL", arguments: [seconds])
            }
        }
    }

    /// Marks a job as started, before anything of it is read, so that a media item that takes the program down is known.
    ///
    /// - Returns: false, and nothing changes, when somebody else has begun it since it was looked up, who may have done it by now.
    @discardableResult
    package func begin(_ job: Job) throws(CatalogError) -> Bool {
        try write { db in
            try db.execute(
                sql: """
                    UPDATE jobs SET state = 'running', attempts = attempts + 1, retry_at = NULL
                    WHERE media_id = ? AND generation_id = ? AND state = ? AND attempts = ?
                    """, arguments: [job.media, job.index, job.state.rawValue, job.attempts])
            return db.changesCount == 1
        }
    }

    /// Removes the clips of a stale job that is begun, whose file is there: they are made anew.
    package func clear(_ job: Job) throws(CatalogError) {
        try write { db in
            try db.execute(
                sql: "DELETE FROM clips WHERE media_id = ? AND generation_id = ?",
                arguments: [job.media, job.index])
            try db.execute(
                sql: "UPDATE jobs SET is_stale = 0 WHERE media_id = ? AND generation_id = ?",
                arguments: [job.media, job.index])
        }
    }

    /// Keeps what a media item's container says.
    package func setProperties(_ properties: MediaProperties, of media: MediaID) throws(CatalogError) {
        try write { db in
            try db.execute(
                sql: """
                    UPDATE media SET duration = ?, width = ?, height = ?, codec = ?, container = ?, recorded_at = ?
                    WHERE id = ?
                    """,
                arguments: [
                    properties.duration, properties.width, properties.height, properties.codec, properties.container,
                    properties.recordedAt, media,
                ])
        }
    }

    /// Commits a group of clips in one transaction, and with them that the media in `finished` are indexed.
    ///
    /// A clip that is there already (same media, index and ordinal) is left as it is. Clips of a media item that has
    /// left the catalog meanwhile are dropped. The rerank features are on the disk before the catalog's transaction commits; those
    /// of a transaction that fails are gone with the next one that doesn't.
    ///
    /// - Parameter finished: media whose last clip is in this group or was committed before it.
    /// - Returns: the ids of the clips, in their order; nil for one that was dropped or was there already.
    package func commit(
        _ clips: [NewClip], of index: IndexRecord, finished: [MediaID] = [], at now: Timestamp
    ) throws(CatalogError) -> [ClipID?] {
        try write { db in
            let last = try Self.last(of: "clips", db)
            let insert = try db.cachedStatement(
                sql: """
                    INSERT OR IGNORE INTO clips (media_id, generation_id, ordinal, start, end, shot)
                    SELECT id, ?, ?, ?, ?, ? FROM media WHERE id = ?
                    """)
            let embed = try db.cachedStatement(
                sql: "INSERT INTO embeddings (clip_id, generation_id, vector) VALUES (?, ?, ?)")
            var ids: [ClipID?] = []
            for clip in clips {
                try insert.execute(arguments: [
                    index.id, clip.ordinal, clip.start, clip.end, clip.shot, clip.media,
                ])
                guard db.changesCount == 1 else {
                    ids.append(nil)
                    continue
                }
                let id = db.lastInsertedRowID
                try embed.execute(arguments: [id, index.id, VectorBlob.encode(clip.embedding)])
                ids.append(id)
            }
            // A media item that gets on is not what ends the program.
            for media in Set(clips.map(\.media)) {
                try db.execute(
                    sql: "UPDATE jobs SET crashes = 0 WHERE media_id = ? AND generation_id = ? AND crashes > 0",
                    arguments: [media, index.id])
            }
            for media in finished {
                try db.execute(
                    sql: """
                        UPDATE jobs SET state = 'indexed', problem_code = NULL, problem = NULL, retry_at = NULL,
                            attempts = 0, crashes = 0, finished_at = ?, clips = (SELECT count(*) FROM clips
                                WHERE clips.generation_id = jobs.generation_id AND clips.media_id = jobs.media_id)
                        WHERE media_id = ? AND generation_id = ?
                        """, arguments: [now, media, index.id])
            }
            var stored: [(ClipID, [UInt8])] = []
            for case (let id?, let memory?) in zip(ids, clips.map(\.rerankFeatures)) { stored.append((id, memory)) }
            try store(stored, after: last, index: index.digest)
            return ids
        }
    }

    /// Writes what belongs to the clips after `last`, and nothing else stays there.
    ///
    /// Called inside of the catalog's transaction, which alone knows the clips' ids.
    private func store(_ stored: [(ClipID, [UInt8])], after last: ClipID, index: String) throws(CatalogError) {
        guard let features else { return }
        try features.writeAtOnce { db in
            try db.execute(sql: "DELETE FROM memories WHERE clip_id > ?", arguments: [last])
            let insert = try db.cachedStatement(
                sql: "INSERT INTO memories (clip_id, generation, memory, checksum) VALUES (?, ?, ?, ?)")
            for (clip, memory) in stored {
                try insert.execute(arguments: [clip, index, Data(memory), FeatureChecksum.of(memory)])
            }
        }
    }

    /// Keeps that a media item could not be indexed. Its committed clips stay.
    ///
    /// - Parameter isAttempt: whether it counts as an attempt: not where its file was never opened.
    package func fail(
        _ media: MediaID, of index: IndexID, _ problem: Problem, isAttempt: Bool = true, at now: Timestamp
    ) throws(CatalogError) {
        try write { db in
            try db.execute(
                sql: """
                    UPDATE jobs SET state = 'failed', problem_code = ?, problem = ?, retry_at = ?, finished_at = ?,
                        attempts = max(0, attempts - ?), crashes = 0
                    WHERE media_id = ? AND generation_id = ?
                    """,
                arguments: [
                    problem.code.rawValue, problem.message, problem.retryAt, now, isAttempt ? 0 : 1, media, index,
                ])
        }
    }

    /// Puts a begun job back, as if it had not been begun: the program stops, its file moved away meanwhile, or another machine is at it.
    ///
    /// - Parameter time: before which its turn doesn't come again.
    package func release(
        _ media: MediaID, of index: IndexID, until time: Timestamp? = nil
    ) throws(CatalogError) {
        try write { db in
            try db.execute(
                sql: """
                    UPDATE jobs SET state = 'pending', attempts = max(0, attempts - 1), retry_at = ?
                    WHERE media_id = ? AND generation_id = ? AND state = 'running'
                    """, arguments: [time, media, index])
        }
    }

    /// Removes a media item's clips and puts its job back to pending, so that it is made anew.
    package func restart(_ media: MediaID, of index: IndexID) throws(CatalogError) {
        try write { db in
            try db.execute(
                sql: "DELETE FROM clips WHERE media_id = ? AND generation_id = ?", arguments: [media, index])
            try db.execute(
                sql: """
                    UPDATE jobs SET state = 'pending', problem_code = NULL, problem = NULL, retry_at = NULL,
                        attempts = 0, crashes = 0, is_stale = 0
                    WHERE media_id = ? AND generation_id = ?
                    """, arguments: [media, index])
        }
    }

    /// Puts jobs that were left begun back to pending. The program's end is no proof against a media item: a suspect is tried again, after a delay that
    /// doubles each time.
    ///
    /// - Parameter afterCrash: whether the last writer crashed. One that was stopped leaves jobs begun too, when their release
    ///   couldn't be written: on a full disk.
    func recoverUnfinishedJobs(afterCrash: Bool, at now: Timestamp) throws(CatalogError) {
        try write { db in
            // Version 0.1 gave suspects up.
            try db.execute(
                sql: """
                    UPDATE jobs SET state = 'pending', problem_code = NULL, problem = NULL, retry_at = NULL, crashes = ?
                    WHERE state = 'failed' AND problem_code = 'crash'
                    """, arguments: [Self.suspectCrashes])
            let begun = try Row.fetchAll(
                db, sql: "SELECT media_id, generation_id, crashes FROM jobs WHERE state = 'running'")
            for row in begun {
                let crashes = (row["crashes"] as Int) + (afterCrash ? 1 : 0)
                let retry =
                    crashes < Self.suspectCrashes
                    ? nil : RetryPolicy().next(after: 1 + crashes - Self.suspectCrashes, at: now)
                try db.execute(
                    sql: """
                        UPDATE jobs SET state = 'pending', crashes = ?, retry_at = ?, attempts = max(0, attempts - 1)
                        WHERE media_id = ? AND generation_id = ?
                        """,
                    arguments: [crashes, retry, row["media_id"] as MediaID, row["generation_id"] as IndexID])
            }
        }
    }
}
