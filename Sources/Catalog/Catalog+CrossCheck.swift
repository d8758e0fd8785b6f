internal import Basics
internal import Foundation
internal import GRDB

extension Catalog {
    /// What of the two databases doesn't fit together, in sentences; empty when all does. Reads every row of clips, vectors and rerank
    /// features, from a snapshot of each file.
    ///
    /// What is being written may be found in one file and not yet in the other, so clips that are newer than the check aren't looked at.
    package func crossCheck() throws(CatalogError) -> [String] {
        let (findings, store, clips, leaving) = try read { db in
            (
                try Self.findings(db), try Data.fetchOne(db, sql: "SELECT id FROM store") ?? Data(),
                try Self.clipsWithFeatures(db), try Self.last(of: "clips", db)
            )
        }
        guard let features else {
            return clips.isEmpty
                ? findings : findings + ["\(featuresFile) is missing: its clips are found without re-ranking."]
        }
        let inFeatures = try features.read { db in
            try Self.features(db, store: store, wanted: clips, through: leaving)
        }
        return findings + inFeatures
    }

    private static func count(_ db: Database, _ sql: String) throws -> Int { try Int.fetchOne(db, sql: sql) ?? 0 }

    private static func findings(_ db: Database) throws -> [String] {
        var findings: [String] = []
        func check(_ what: String, _ sql: String) throws {
            let number = try count(db, sql)
            if number > 0 { findings.append("\(number) \(what)") }
        }
        let foreign = try Row.fetchAll(db, sql: "PRAGMA foreign_key_check")
        if !foreign.isEmpty { findings.append("\(foreign.count) rows belong to rows that are missing") }
        try check("clips have no vector", "SELECT count(*) FROM clips WHERE id NOT IN (SELECT clip_id FROM embeddings)")
        try check("vectors have no clip", "SELECT count(*) FROM embeddings WHERE clip_id NOT IN (SELECT id FROM clips)")
        try check(
            "vectors haven't as many numbers as their index says",
            """
            SELECT count(*) FROM embeddings JOIN generations ON generations.id = generation_id
            WHERE length(vector) <> 4 * dimensions
            """)
        try check(
            "media have gaps between their clips",
            """
            SELECT count(*) FROM (SELECT 1 FROM clips JOIN generations ON generations.id = generation_id AND state <> 'retired'
                JOIN media ON media.id = media_id AND deleted_at IS NULL
                GROUP BY generation_id, media_id HAVING count(*) <> max(ordinal) + 1)
            """)
        if try db.columns(in: "jobs").contains(where: { $0.name == "clips" }) {
            try check(
                "indexed media have lost clips",
                """
                SELECT count(*) FROM jobs JOIN media ON media.id = media_id AND deleted_at IS NULL
                WHERE state = 'indexed' AND is_stale = 0 AND clips > (SELECT count(*) FROM clips
                    WHERE clips.generation_id = jobs.generation_id AND clips.media_id = jobs.media_id)
                """)
        }
        if try db.tableExists("words_docsize") {
            try check(
                "lines of text are not in the index of words",
                "SELECT count(*) FROM lines WHERE id NOT IN (SELECT id FROM words_docsize)")
        }
        let vectors = try Row.fetchCursor(db, sql: "SELECT vector FROM embeddings")
        var odd = 0
        while let row = try vectors.next() {
            let vector = try row.withUnsafeData(atIndex: 0) { data in
                unsafe data?.withUnsafeBytes { unsafe VectorBlob.decode($0) } ?? []
            }
            if !EmbeddingLength.admits(vector) { odd += 1 }
        }
        if odd > 0 { findings.append("\(odd) vectors have a length that no embedding has") }
        return findings
    }

    /// Clips that must have rerank features; those of media items that are due to be made anew need none.
    private static func clipsWithFeatures(_ db: Database) throws -> Set<ClipID> {
        try ClipID.fetchSet(
            db,
            sql: """
                SELECT clips.id FROM clips
                JOIN generations ON generations.id = clips.generation_id AND has_memories AND generations.state <> 'retired'
                JOIN jobs ON jobs.generation_id = clips.generation_id AND jobs.media_id = clips.media_id AND is_stale = 0
                """)
    }

    private static func features(
        _ db: Database, store: Data, wanted clips: Set<ClipID>, through last: ClipID
    ) throws -> [String] {
        guard try Data.fetchOne(db, sql: "SELECT id FROM store") == store else {
            return ["memories.sqlite belongs to another catalog"]
        }
        let isSummed = try db.columns(in: "memories").contains { $0.name == "checksum" }
        var (missing, altered) = (clips, 0)
        let rows = try Row.fetchCursor(
            db,
            sql: "SELECT clip_id, memory, \(isSummed ? "checksum" : "NULL") FROM memories WHERE clip_id <= ?",
            arguments: [last])
        while let row = try rows.next() {
            missing.remove(row[0])
            if let sum = row[2] as Data?, FeatureChecksum.of(row[1] as Data) != sum { altered += 1 }
        }
        return [
            missing.isEmpty ? nil : "\(missing.count) clips have no rerank features",
            altered == 0 ? nil : "the rerank features of \(altered) clips are not what was written",
        ].compactMap { $0 }
    }
}
