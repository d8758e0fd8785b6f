internal import Foundation
internal import GRDB

/// A line that answers a ``WordQuery``.
package struct WordMatch: Sendable, Equatable {
    package var line: Line
    package var media: MediaID
    /// The clip of the live index that holds the middle of the line; the media item's first for a line about all of it.
    package var clip: ClipID
    /// Which of the query's words it has, by their place in the query.
    package var words: Set<Int>
    /// BM25; more is better.
    package var score: Double

    package init(line: Line, media: MediaID, clip: ClipID, words: Set<Int>, score: Double) {
        self.line = line
        self.media = media
        self.clip = clip
        self.words = words
        self.score = score
    }
}

/// The lines that answer a ``WordQuery``.
package struct WordMatches: Sendable, Equatable {
    /// Best first by ``WordMatch/score``.
    package var matches: [WordMatch] = []
    /// How much each of the query's words tells: its inverse document frequency. Empty for quoted words, which each line has.
    package var weights: [Double] = []

    package init() {}

    /// How much a word tells that so many of all lines have: Robertson and Spärck Jones, as BM25 has it; never negative.
    package static func weight(lines: Double, of count: Double) -> Double {
        log(1 + max(0, count - lines + 0.5) / (lines + 0.5))
    }
}

extension Catalog {
    /// The best lines for a query of media items that are no tombstones and that `filter` lets through.
    ///
    /// - Parameter limit: lines at most.
    package func matches(
        of query: WordQuery, limit: Int, where filter: MediaFilter
    ) throws(CatalogError) -> WordMatches {
        guard !query.isEmpty else { return WordMatches() }
        let admitted = filter == .all ? nil : Set(try media(where: filter))
        return try read { db in
            // A catalog that an earlier version wrote, and this one only reads, has none.
            guard try db.tableExists("lines"),
                let index = try IndexID.fetchOne(db, sql: "SELECT id FROM generations WHERE state = 'live'")
            else { return WordMatches() }
            var found = WordMatches()
            var places: [Int64: Int] = [:]
            let statement = try db.cachedStatement(
                sql: """
                    SELECT lines.*, words.rank AS word_rank FROM words
                    JOIN lines ON lines.id = words.rowid
                    JOIN media ON media.id = lines.media_id AND media.deleted_at IS NULL
                    WHERE words MATCH ? ORDER BY words.rank
                    """)
            let rows = try Row.fetchCursor(statement, arguments: [query.expression])
            while found.matches.count < limit, let row = try rows.next() {
                let media: MediaID = row["media_id"]
                guard admitted?.contains(media) ?? true, let line = Line(row),
                    let clip = try Self.clip(at: line, of: media, index: index, db)
                else { continue }
                places[row["id"]] = found.matches.count
                found.matches.append(
                    WordMatch(line: line, media: media, clip: clip, words: [], score: -(row["word_rank"] as Double)))
            }
            guard !found.matches.isEmpty, !query.isQuoted else { return found }
            let count = try Double(Int.fetchOne(db, sql: "SELECT max(id) FROM lines") ?? 0)
            for (place, word) in query.words.enumerated() {
                var lines = 0.0
                let statement = try db.cachedStatement(sql: "SELECT rowid FROM words WHERE words MATCH ?")
                let rows = try Int64.fetchCursor(statement, arguments: [WordQuery.quoted(word)])
                while let line = try rows.next() {
                    lines += 1
                    if let match = places[line] { found.matches[match].words.insert(place) }
                }
                found.weights.append(WordMatches.weight(lines: lines, of: count))
            }
            return found
        }
    }

    private static func clip(at line: Line, of media: MediaID, index: IndexID, _ db: Database) throws -> ClipID? {
        let statement = try db.cachedStatement(
            sql: """
                SELECT id FROM clips WHERE generation_id = ? AND media_id = ? AND (start <= ? OR ordinal = 0)
                ORDER BY ordinal DESC LIMIT 1
                """)
        let middle = line.kind.isOfWholeMedia ? -1 : (line.start + line.end) / 2
        return try ClipID.fetchOne(statement, arguments: [index, media, middle])
    }

    /// The embeddings of clips that are there, by clip; whichever index they are of.
    package func embeddings(of clips: [ClipID]) throws(CatalogError) -> [ClipID: [Float]] {
        try read { db in
            let statement = try db.cachedStatement(sql: "SELECT vector FROM embeddings WHERE clip_id = ?")
            var found: [ClipID: [Float]] = [:]
            for clip in clips {
                guard let row = try Row.fetchOne(statement, arguments: [clip]) else { continue }
                found[clip] = try row.withUnsafeData(atIndex: 0) { data in
                    unsafe data?.withUnsafeBytes { unsafe VectorBlob.decode($0) } ?? []
                }
            }
            return found
        }
    }
}
