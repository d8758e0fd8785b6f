internal import Foundation
internal import GRDB
package import SystemPackage

extension Catalog {
    /// The index of a model: the live one, the one that is being built, or a new one with pending jobs for every
    /// media.
    ///
    /// The first index is live from its beginning, so that answers come while the first library is indexed. A
    /// later one is built beside the live one; the previous one, if it is of this model, goes on being built. Another index that was being
    /// built is retired, unless it is kept.
    ///
    /// - Parameters:
    ///   - earlierDigests: other digests of the same model, by which earlier versions of the program knew it: its index goes on
    ///     under the new one.
    ///   - model: the model's directory, kept for ``IndexRecord/model``.
    ///   - keepsNext: whether another index that was being built stays as it is. Where one of this model has to be built as well there is no
    ///     room for it.
    package func prepareIndex(
        digest: String, earlierDigests: [String] = [], dimensions: Int, storesRerankFeatures: Bool, model: FilePath?,
        keepsNext: Bool = false, at now: Timestamp
    ) throws(CatalogError) -> IndexRecord {
        try write { db in
            // What is left of its clips goes with it, and who follows an index never meets the same id with other clips.
            try db.execute(sql: "DELETE FROM generations WHERE digest = ? AND state = 'retired'", arguments: [digest])
            let known = try Self.adopted(digest, from: earlierDigests, db)
            if let known, known.dimensions != dimensions || known.storesRerankFeatures != storesRerankFeatures {
                throw CatalogError(
                    .foreign, "The model \(digest) changed its dimensions without changing its digest.")
            }
            let others = try Row.fetchAll(db, sql: "SELECT * FROM generations WHERE state <> 'retired'")
                .map(IndexRecord.init).filter { $0.digest != digest }
            for building in others where building.state == .building && !(keepsNext && known?.state == .live) {
                try Self.retire(building.id, db)
            }
            let id: IndexID
            if let known {
                id = known.id
                try db.execute(
                    sql: """
                        UPDATE generations SET model = ?, state = CASE state WHEN 'previous' THEN 'building' ELSE state END
                        WHERE id = ?
                        """, arguments: [model?.data, id])
            } else {
                let state: IndexRecord.State = others.contains { $0.state == .live } ? .building : .live
                try db.execute(
                    sql: """
                        INSERT INTO generations (digest, dimensions, state, has_memories, model, created_at)
                        VALUES (?, ?, ?, ?, ?, ?)
                        """, arguments: [digest, dimensions, state.rawValue, storesRerankFeatures, model?.data, now])
                id = db.lastInsertedRowID
            }
            try db.execute(
                sql: """
                    INSERT OR IGNORE INTO jobs (media_id, generation_id, state) SELECT id, ?, 'pending' FROM media
                    """, arguments: [id])
            guard
                let row = try Row.fetchOne(db, sql: "SELECT * FROM generations WHERE id = ?", arguments: [id])
            else { throw CatalogError(.notFound, "There is no index \(id).") }
            return IndexRecord(row)
        }
    }

    /// The index of a model; one that is known by an earlier digest of the model gets the present one.
    ///
    /// The rerank features keep the digest that they were written with: nothing reads it.
    private static func adopted(_ digest: String, from earlier: [String], _ db: Database) throws -> IndexRecord? {
        let known = try Row.fetchAll(db, sql: "SELECT * FROM generations WHERE state <> 'retired'")
            .map(IndexRecord.init).filter { $0.digest == digest || earlier.contains($0.digest) }
        // The live one is complete, whatever was begun beside it.
        let chosen = known.first { $0.state == .live } ?? known.first { $0.digest == digest } ?? known.first
        guard var chosen, chosen.digest != digest else { return chosen }
        try db.execute(sql: "DELETE FROM generations WHERE digest = ?", arguments: [digest])
        try db.execute(sql: "UPDATE generations SET digest = ? WHERE id = ?", arguments: [digest, chosen.id])
        chosen.digest = digest
        return chosen
    }

    /// Has the catalog know indexes again that it lost while they were in use; all media are due in them.
    ///
    /// - Parameter live: the one that queries go to.
    package func reinstate(_ indexes: [IndexRecord], live: IndexID?) throws(CatalogError) {
        try write { db in
            for index in indexes {
                let state = index.id == live ? IndexRecord.State.live : .building
                // What they held is followed from here.
                try db.execute(
                    sql: """
                        INSERT OR IGNORE INTO generations
                            (id, digest, dimensions, state, has_memories, model, created_at, changes_from)
                        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                        """,
                    arguments: [
                        index.id, index.digest, index.dimensions, state.rawValue, index.storesRerankFeatures,
                        index.model?.data, index.createdAt, try Self.last(of: "index_changes", db),
                    ])
                guard db.changesCount > 0 else { continue }
                try db.execute(
                    sql: """
                        INSERT OR IGNORE INTO jobs (media_id, generation_id, state) SELECT id, ?, 'pending' FROM media
                        """, arguments: [index.id])
            }
        }
    }

    /// How many media are searchable in the live index and still wait in `index`, in roots of any state.
    ///
    /// An index that is being built takes over when this is 0: until then, asking it would find less.
    package func mediaMissing(from index: IndexID) throws(CatalogError) -> Int {
        try read { db in
            try Int.fetchOne(
                db,
                sql: """
                    SELECT count(*) FROM jobs AS new JOIN media ON media.id = new.media_id AND media.deleted_at IS NULL
                    LEFT JOIN jobs AS old ON old.media_id = new.media_id
                        AND old.generation_id = (SELECT id FROM generations WHERE state = 'live')
                    WHERE new.generation_id = ? AND new.state IN ('pending', 'running') AND new.crashes < ?
                        AND (old.state = 'indexed' OR \(Self.isReachable))
                    """, arguments: [index, Self.suspectCrashes]) ?? 0
        }
    }

    /// Makes an index the live one. The one that was is kept as the previous one, and the one before it is retired.
    ///
    /// - Parameter choice: the model that is to be used from now on, in the same transaction; nil leaves the choice as it is.
    /// - Throws: ``CatalogError`` `notFound`.
    package func switchLive(to index: IndexID, choosing choice: ModelChoice? = nil) throws(CatalogError) {
        defer { if choice != nil { keepChoices() } }
        try write { db in
            let state = try String.fetchOne(db, sql: "SELECT state FROM generations WHERE id = ?", arguments: [index])
            guard let state, state != IndexRecord.State.retired.rawValue else {
                throw CatalogError(.notFound, "There is no index \(index).")
            }
            if state != IndexRecord.State.live.rawValue {
                let old = try IndexID.fetchAll(
                    db, sql: "SELECT id FROM generations WHERE state = 'previous' AND id <> ?", arguments: [index])
                for id in old { try Self.retire(id, db) }
                // There is one of each at any moment.
                try db.execute(sql: "UPDATE generations SET state = 'retired' WHERE id = ?", arguments: [index])
                try db.execute(sql: "UPDATE generations SET state = 'previous' WHERE state = 'live'")
                try db.execute(sql: "UPDATE generations SET state = 'live' WHERE id = ?", arguments: [index])
            }
            if let choice { try Self.choose(choice, db) }
        }
    }

    /// Gives up an index that isn't the live one; its clips go with the next purges.
    ///
    /// - Parameter choice: as for ``switchLive(to:choosing:)``.
    /// - Throws: ``CatalogError`` `notFound`.
    package func retire(_ index: IndexID, choosing choice: ModelChoice? = nil) throws(CatalogError) {
        defer { if choice != nil { keepChoices() } }
        try write { db in
            if let choice { try Self.choose(choice, db) }
            let isThere = try Bool.fetchOne(
                db, sql: "SELECT EXISTS (SELECT 1 FROM generations WHERE id = ? AND state IN ('building', 'previous'))",
                arguments: [index])
            guard isThere == true else { throw CatalogError(.notFound, "There is no index \(index) to be given up.") }
            try Self.retire(index, db)
        }
    }

    /// The jobs go at once, the clips bit by bit by ``purge(tombstonesBefore:limit:)``.
    private static func retire(_ index: IndexID, _ db: Database) throws {
        try db.execute(sql: "UPDATE generations SET state = 'retired' WHERE id = ?", arguments: [index])
        try db.execute(sql: "DELETE FROM jobs WHERE generation_id = ?", arguments: [index])
        try db.execute(sql: "DELETE FROM index_changes WHERE index_id = ?", arguments: [index])
    }

    /// Deletes clips of retired indexes, tombstones that are older than `before` with their clips, and rerank features without a clip.
    ///
    /// Indexing of a media item that comes back before all of it is deleted resumes after the clips that it still has: the last ones go first.
    ///
    /// - Parameters:
    ///   - limit: at most about this many clips and this many files and media in one call, so that the writer is soon
    ///     free again.
    ///   - changes: the newest ones that are kept for those who follow an index, see ``indexChanges(of:after:limit:)``.
    /// - Returns: whether there is more.
    package func purge(
        tombstonesBefore before: Timestamp, limit: Int = 2000, keepingChanges changes: Int = 100_000
    ) throws(CatalogError) -> Bool {
        let (left, clips, isMore) = try write { db in
            try db.execute(
                sql: """
                    DELETE FROM clips WHERE id IN (SELECT id FROM clips
                        WHERE generation_id IN (SELECT id FROM generations WHERE state = 'retired') LIMIT ?)
                    """, arguments: [limit])
            var clips = db.changesCount
            if clips == 0 {
                let old = try Row.fetchAll(
                    db,
                    sql: """
                        SELECT id, media_id FROM clips WHERE media_id IN (SELECT id FROM media WHERE deleted_at < ?)
                        ORDER BY media_id, ordinal DESC LIMIT ?
                        """, arguments: [before, limit])
                let delete = try db.cachedStatement(sql: "DELETE FROM clips WHERE id = ?")
                for row in old { try delete.execute(arguments: [row["id"] as ClipID]) }
                for media in Set(old.map { $0["media_id"] as MediaID }) {
                    try db.execute(
                        sql: """
                            UPDATE jobs SET state = 'pending', problem_code = NULL, problem = NULL, retry_at = NULL,
                                attempts = 0, crashes = 0 WHERE media_id = ?
                            """, arguments: [media])
                }
                clips = old.count
            }
            var others = 0
            if clips < limit {
                try db.execute(
                    sql: "DELETE FROM files WHERE id IN (SELECT id FROM files WHERE deleted_at < ? LIMIT ?)",
                    arguments: [before, limit])
                others = db.changesCount
                try db.execute(
                    sql: """
                        DELETE FROM media WHERE id IN (SELECT id FROM media WHERE deleted_at < ?
                            AND NOT EXISTS (SELECT 1 FROM clips WHERE media_id = media.id) LIMIT ?)
                        """, arguments: [before, limit])
                others += db.changesCount
            }
            try Self.forgetChanges(butLast: changes, db)
            let left = try ClipID.fetchAll(
                db, sql: "SELECT clip_id FROM left_memories LIMIT ?", arguments: [limit])
            return (left, clips, clips >= limit || others >= limit || left.count >= limit)
        }
        countPurged(clips)
        guard !left.isEmpty else { return isMore }
        func deleteLeft(from table: String, _ db: Database) throws {
            let delete = try db.cachedStatement(sql: "DELETE FROM \(table) WHERE clip_id = ?")
            for clip in left { try delete.execute(arguments: [clip]) }
        }
        try writeFeatures { try deleteLeft(from: "memories", $0) }
        // They are forgotten last: what is cut short is done again.
        try write { try deleteLeft(from: "left_memories", $0) }
        return isMore
    }
}
