internal import Foundation
internal import GRDB
package import SystemPackage

extension Catalog {
    /// The generation of a model: the live one, the one that is being built, or a new one with pending jobs for every
    /// media.
    ///
    /// The first generation is live from its beginning, so that answers come while the first library is indexed. A
    /// later one is built beside the live one. Another generation that was being built is retired.
    ///
    /// - Parameter model: the model's directory, kept for ``Generation/model``.
    package func prepareGeneration(
        digest: String, dimensions: Int, hasMemories: Bool, model: FilePath?, at now: Timestamp
    ) throws(CatalogError) -> Generation {
        try write { db in
            let known = try Row.fetchOne(db, sql: "SELECT * FROM generations WHERE digest = ?", arguments: [digest])
                .map(Generation.init)
            if let known, known.dimensions != dimensions || known.hasMemories != hasMemories {
                throw CatalogError(
                    .foreign, "The model \(digest) changed its dimensions without changing its digest.")
            }
            let others = try Row.fetchAll(db, sql: "SELECT * FROM generations WHERE state <> 'retired'")
                .map(Generation.init).filter { $0.digest != digest }
            for building in others where building.state == .building {
                try Self.retire(building.id, db)
            }
            let id: GenerationID
            if let known, known.state != .retired {
                id = known.id
                try db.execute(
                    sql: "UPDATE generations SET model = ? WHERE id = ?", arguments: [model?.data, id])
            } else {
                let state: Generation.State = others.contains { $0.state == .live } ? .building : .live
                if let known {
                    id = known.id
                    try db.execute(sql: "DELETE FROM clips WHERE generation_id = ?", arguments: [id])
                    try db.execute(sql: "DELETE FROM jobs WHERE generation_id = ?", arguments: [id])
                    try db.execute(
                        sql: "UPDATE generations SET state = ?, model = ?, created_at = ? WHERE id = ?",
                        arguments: [state.rawValue, model?.data, now, id])
                } else {
                    try db.execute(
                        sql: """
                            INSERT INTO generations (digest, dimensions, state, has_memories, model, created_at)
                            VALUES (?, ?, ?, ?, ?, ?)
                            """, arguments: [digest, dimensions, state.rawValue, hasMemories, model?.data, now])
                    id = db.lastInsertedRowID
                }
            }
            try db.execute(
                sql: """
                    INSERT OR IGNORE INTO jobs (media_id, generation_id, state) SELECT id, ?, 'pending' FROM media
                    """, arguments: [id])
            guard
                let row = try Row.fetchOne(db, sql: "SELECT * FROM generations WHERE id = ?", arguments: [id])
            else { throw CatalogError(.notFound, "There is no generation \(id).") }
            return Generation(row)
        }
    }

    /// How many media are searchable in the live generation and still wait in `generation`, in roots of any state.
    ///
    /// A generation that is being built takes over when this is 0: until then, asking it would find less.
    package func mediaMissing(from generation: GenerationID) throws(CatalogError) -> Int {
        try read { db in
            try Int.fetchOne(
                db,
                sql: """
                    SELECT count(*) FROM jobs AS new JOIN media ON media.id = new.media_id AND media.deleted_at IS NULL
                    LEFT JOIN jobs AS old ON old.media_id = new.media_id
                        AND old.generation_id = (SELECT id FROM generations WHERE state = 'live')
                    WHERE new.generation_id = ? AND new.state IN ('pending', 'running')
                        AND (old.state = 'indexed' OR EXISTS (SELECT 1 FROM files
                            LEFT JOIN roots ON roots.id = files.root_id
                            WHERE files.media_id = media.id AND files.deleted_at IS NULL
                            AND roots.state IS NOT 'offline'))
                    """, arguments: [generation]) ?? 0
        }
    }

    /// Makes a generation the live one and retires the one that was.
    ///
    /// - Throws: ``CatalogError`` `notFound`.
    package func switchLive(to generation: GenerationID) throws(CatalogError) {
        try write { db in
            let live = try GenerationID.fetchAll(
                db, sql: "SELECT id FROM generations WHERE state = 'live' AND id <> ?", arguments: [generation])
            for id in live { try Self.retire(id, db) }
            try db.execute(sql: "UPDATE generations SET state = 'live' WHERE id = ?", arguments: [generation])
            guard db.changesCount == 1 else {
                throw CatalogError(.notFound, "There is no generation \(generation).")
            }
        }
    }

    /// The jobs go at once, the clips bit by bit by ``purge(tombstonesBefore:limit:)``.
    private static func retire(_ generation: GenerationID, _ db: Database) throws {
        try db.execute(sql: "UPDATE generations SET state = 'retired' WHERE id = ?", arguments: [generation])
        try db.execute(sql: "DELETE FROM jobs WHERE generation_id = ?", arguments: [generation])
    }

    /// Deletes clips of retired generations, tombstones that are older than `limit` says, and memories without a clip.
    ///
    /// - Parameter limit: at most about this many clips and this many files and media in one call, so that the writer
    ///   is soon free again.
    /// - Returns: whether there is more.
    package func purge(tombstonesBefore before: Timestamp, limit: Int = 2000) throws(CatalogError) -> Bool {
        let (clips, others) = try write { db in
            let retired = try ClipID.fetchAll(
                db,
                sql: """
                    SELECT id FROM clips WHERE generation_id IN (SELECT id FROM generations WHERE state = 'retired')
                    LIMIT ?
                    """, arguments: [limit])
            let clips =
                retired.isEmpty
                ? try ClipID.fetchAll(
                    db,
                    sql: """
                        SELECT id FROM clips WHERE media_id IN (SELECT id FROM media WHERE deleted_at < ?) LIMIT ?
                        """, arguments: [before, limit]) : retired
            let delete = try db.cachedStatement(sql: "DELETE FROM clips WHERE id = ?")
            for clip in clips { try delete.execute(arguments: [clip]) }
            var others = 0
            if clips.count < limit {
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
            return (clips, others)
        }
        if let memories, !clips.isEmpty {
            try translatingErrors(on: memoriesFile) {
                try memories.write { db in
                    let delete = try db.cachedStatement(sql: "DELETE FROM memories WHERE clip_id = ?")
                    for clip in clips { try delete.execute(arguments: [clip]) }
                }
            }
        }
        return clips.count >= limit || others >= limit
    }
}
