internal import Foundation
internal import GRDB

package typealias SavedSearchID = Int64

/// A search that is asked of each media item that comes to the library, once.
package struct SavedSearch: Sendable, Equatable, Identifiable {
    package var id: SavedSearchID
    /// Unique.
    package var name: String
    /// What is asked, as the layer above writes it; nothing here reads it.
    package var request: String
    /// The program, by its absolute path, and its arguments; nil where none is run.
    package var command: [String]?
    package var createdAt: Timestamp
    /// This clip and earlier ones are not told.
    package var afterClip: ClipID
    /// Matches whose command has not run yet.
    package var waiting: Int
}

/// Media items that a saved search has not been asked of.
package struct Arrivals: Sendable, Equatable {
    package var search: SavedSearch
    /// In ascending order.
    package var media: [MediaID]
}

/// A clip that a saved search found.
package struct SavedMatch: Sendable, Equatable {
    package var media: MediaID
    package var clip: ClipID
    /// In seconds.
    package var start: Double
    package var end: Double
    package var probability: Double?

    package init(media: MediaID, clip: ClipID, start: Double, end: Double, probability: Double?) {
        self.media = media
        self.clip = clip
        self.start = start
        self.end = end
        self.probability = probability
    }
}

/// A match whose command is to be run.
package struct WaitingMatch: Sendable, Equatable, Identifiable {
    package var id: Int64
    package var search: SavedSearch
    package var match: SavedMatch
}

extension Catalog {
    /// Saved searches at most.
    package static let maximumSavedSearches = 100

    /// In order of their names.
    package func savedSearches() throws(CatalogError) -> [SavedSearch] {
        try read { try Self.savedSearches($0, where: "1 ORDER BY name") }
    }

    package func savedSearch(named name: String) throws(CatalogError) -> SavedSearch? {
        try read { try Self.savedSearches($0, where: "name = ?", [name]).first }
    }

    /// Keeps a search. It is asked of what comes from now on; what is there already is not told.
    ///
    /// - Parameter replacing: whether it may take the place of one with the same name, whose matches that wait are forgotten.
    /// - Throws: ``CatalogError`` `nameTaken`, `tooMany`.
    package func save(
        _ name: String, request: String, command: [String]?, replacing: Bool = false, at now: Timestamp
    ) throws(CatalogError) -> SavedSearch {
        defer { keepChoices() }
        return try write { db in
            if replacing {
                try db.execute(sql: "DELETE FROM saved_searches WHERE name = ?", arguments: [name])
            } else if try Self.savedSearches(db, where: "name = ?", [name]).first != nil {
                throw CatalogError(.nameTaken, "There is a saved search “\(name)” already.")
            }
            let count = try Int.fetchOne(db, sql: "SELECT count(*) FROM saved_searches") ?? 0
            guard count < Self.maximumSavedSearches else {
                throw CatalogError(
                    .tooMany, "There are \(count) saved searches, as many as there may be: remove one first.")
            }
            try db.execute(
                sql:
                    "INSERT INTO saved_searches (name, request, command, created_at, after_clip) VALUES (?, ?, ?, ?, ?)",
                arguments: [
                    name, request, try command.map { String(decoding: try JSONEncoder().encode($0), as: UTF8.self) },
                    now, try Self.last(of: "clips", db),
                ])
            guard let saved = try Self.savedSearches(db, where: "saved_searches.id = ?", [db.lastInsertedRowID]).first
            else { throw CatalogError(.notFound, "There is no saved search “\(name)”.") }
            return saved
        }
    }

    /// Forgets a search, and its matches that wait.
    ///
    /// - Throws: ``CatalogError`` `notFound`.
    package func removeSavedSearch(named name: String) throws(CatalogError) {
        defer { keepChoices() }
        try write { db in
            try db.execute(sql: "DELETE FROM saved_searches WHERE name = ?", arguments: [name])
            guard db.changesCount == 1 else {
                throw CatalogError(.notFound, "There is no saved search “\(name)”: see `saccade saved list`.")
            }
        }
    }

    /// Media items that a saved search is to be asked of next: complete in an index, with their text, and asked by no search of this name before.
    ///
    /// - Parameters:
    ///   - index: in which they must be complete; others wait until it is live.
    ///   - limit: media items at most, all for one search.
    ///   - mostWaiting: a search with as many matches that wait for their command is passed over.
    package func nextArrivals(
        in index: IndexID, limit: Int, mostWaiting: Int
    ) throws(CatalogError) -> Arrivals? {
        try read { db in
            let next = """
                FROM arrivals
                JOIN jobs ON jobs.media_id = arrivals.media_id AND jobs.generation_id = ? AND jobs.state = 'indexed'
                JOIN media ON media.id = arrivals.media_id AND media.deleted_at IS NULL
                """
            let searches = try SavedSearchID.fetchAll(
                db, sql: "SELECT DISTINCT search_id FROM arrivals ORDER BY search_id")
            for id in searches {
                guard let search = try Self.savedSearches(db, where: "saved_searches.id = ?", [id]).first,
                    search.waiting < mostWaiting
                else { continue }
                let media = try MediaID.fetchAll(
                    db,
                    sql: "SELECT arrivals.media_id \(next) WHERE search_id = ? ORDER BY arrivals.media_id LIMIT ?",
                    arguments: [index, id, limit])
                if !media.isEmpty { return Arrivals(search: search, media: media) }
            }
            return nil
        }
    }

    /// Keeps that a saved search was asked of media items, and what is to be done about what it found: one transaction.
    ///
    /// - Parameter matches: those whose command is to be run, in that order.
    /// - Returns: false when the search was removed or replaced meanwhile; nothing is kept then.
    package func settle(_ arrivals: Arrivals, matches: [SavedMatch]) throws(CatalogError) -> Bool {
        try write { db in
            guard
                try Bool.fetchOne(
                    db, sql: "SELECT EXISTS (SELECT 1 FROM saved_searches WHERE id = ?)",
                    arguments: [arrivals.search.id]) == true
            else { return false }
            for media in arrivals.media {
                try db.execute(
                    sql: "DELETE FROM arrivals WHERE search_id = ? AND media_id = ?",
                    arguments: [arrivals.search.id, media])
            }
            for match in matches {
                // Not of a media item that was purged meanwhile.
                try db.execute(
                    sql: """
                        INSERT INTO saved_matches (search_id, media_id, clip_id, start, end, probability)
                        SELECT ?, id, ?, ?, ?, ? FROM media WHERE id = ?
                        """,
                    arguments: [
                        arrivals.search.id, match.clip, match.start, match.end, match.probability, match.media,
                    ])
            }
            return true
        }
    }

    /// The match that has waited longest for its command.
    package func nextWaitingMatch() throws(CatalogError) -> WaitingMatch? {
        try read { db in
            guard let row = try Row.fetchOne(db, sql: "SELECT * FROM saved_matches ORDER BY id LIMIT 1"),
                let search = try Self.savedSearches(db, where: "saved_searches.id = ?", [row["search_id"]]).first
            else { return nil }
            return WaitingMatch(
                id: row["id"], search: search,
                match: SavedMatch(
                    media: row["media_id"], clip: row["clip_id"], start: row["start"], end: row["end"],
                    probability: row["probability"]))
        }
    }

    /// Keeps that a match was told.
    package func removeWaitingMatch(_ id: Int64) throws(CatalogError) {
        try write { try $0.execute(sql: "DELETE FROM saved_matches WHERE id = ?", arguments: [id]) }
    }

    private static func savedSearches(
        _ db: Database, where condition: String, _ arguments: StatementArguments = []
    ) throws -> [SavedSearch] {
        try Row.fetchAll(
            db,
            sql: """
                SELECT *, (SELECT count(*) FROM saved_matches WHERE search_id = saved_searches.id) AS waiting
                FROM saved_searches WHERE \(condition)
                """, arguments: arguments
        ).map { row in
            let command: String? = row["command"]
            return SavedSearch(
                id: row["id"], name: row["name"], request: row["request"],
                command: try command.map { try JSONDecoder().decode([String].self, from: Data($0.utf8)) },
                createdAt: row["created_at"], afterClip: row["after_clip"], waiting: row["waiting"])
        }
    }
}
