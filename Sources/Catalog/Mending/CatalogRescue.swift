internal import Foundation
internal import GRDB
internal import SystemPackage

/// Copies what can be read of a damaged catalog into an empty one of the same schema.
struct CatalogRescue {
    /// What could not be read.
    struct Losses {
        /// Ids of clips, if they were there.
        var clips: [ClosedRange<Int64>] = []
        var files = false
        var text = false
        var roots = false
        var searches = false
        var model = false
    }

    private let source: Database
    private let target: Database
    private let features: FilePath
    private let now: Timestamp
    private(set) var losses = Losses()

    init(from source: Database, to target: Database, features: FilePath, at now: Timestamp) {
        self.source = source
        self.target = target
        self.features = features
        self.now = now
    }

    mutating func run() throws {
        let triggers = try Row.fetchAll(target, sql: "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
            .map { ($0["name"] as String, $0["sql"] as String) }
        for (name, _) in triggers { try target.execute(sql: "DROP TRIGGER \"\(name)\"") }
        try copyStore()
        losses.roots = try !copy("roots").isEmpty
        try recoverRoots()
        try copy("generations")
        try copy("media")
        losses.files = try !copy("files").isEmpty
        let clips = try last(of: "clips", key: "id") ?? lastClipOfFeatures()
        losses.clips += try copy("clips", through: clips)
        losses.clips += try copyEmbeddings(through: clips)
        try recoverIndexes()
        _ = try copy("left_memories", key: "clip_id", through: clips)
        try copyJobs()
        if try target.tableExists("lines") {
            losses.text = try !copy("text_sources").isEmpty
            losses.text = try !copy("lines", through: last(of: "lines", key: "id") ?? lastLine()).isEmpty || losses.text
        }
        if try target.tableExists("saved_searches") {
            losses.searches = try !copy("saved_searches").isEmpty
            _ = try copyAll("arrivals")
            try copy("saved_matches")
        }
        if try target.tableExists("chosen_model") { losses.model = try !copyAll("chosen_model") }
        for (_, sql) in triggers { try target.execute(sql: sql) }
        if try target.tableExists("lines") { try target.execute(sql: "INSERT INTO words (words) VALUES ('rebuild')") }
        try copySequences()
    }

    /// - Returns: what the source says, or nil where it can't be read.
    private func ask<Value>(_ body: (Database) throws -> Value?) throws -> Value? {
        do {
            return try body(source)
        } catch let error as DatabaseError {
            try RowCopy.requireDamage(error)
            return nil
        }
    }

    /// The greatest id of a table that there is, or was.
    private func last(of table: String, key: String) throws -> Int64? {
        let greatest = try ask { try Int64.fetchOne($0, sql: "SELECT coalesce(max(\(key)), 0) FROM \(table)") }
        return try greatest ?? sequence(of: table)
    }

    private func sequence(of table: String) throws -> Int64? {
        try ask { try Int64.fetchOne($0, sql: "SELECT seq FROM sqlite_sequence WHERE name = ?", arguments: [table]) }
    }

    private func lastLine() throws -> Int64 {
        try ask { try Int64.fetchOne($0, sql: "SELECT max(id) FROM words_docsize") } ?? 0
    }

    /// What the file of rerank features says, where there is one.
    private func inFeatures<Value>(_ body: (Database) throws -> Value?) -> Value? {
        var configuration = Configuration()
        configuration.readonly = true
        guard DatabaseFile.isThere(features.string),
            let queue = try? DatabaseQueue(path: features.string, configuration: configuration)
        else { return nil }
        defer { try? queue.close() }
        return try? queue.read(body)
    }

    private func lastClipOfFeatures() -> Int64 {
        inFeatures { try Int64.fetchOne($0, sql: "SELECT max(clip_id) FROM memories") } ?? 0
    }

    /// Both files carry the same id.
    private func copyStore() throws {
        let id = try ask { try Data.fetchOne($0, sql: "SELECT id FROM store") }
        guard let id = id ?? inFeatures({ try Data.fetchOne($0, sql: "SELECT id FROM store") }) else { return }
        try target.execute(sql: "UPDATE store SET id = ?", arguments: [id])
    }

    private func columns(of table: String) throws -> [String] {
        let known = try ask { try $0.columns(in: table).map(\.name) } ?? []
        return try target.columns(in: table).map(\.name).filter { known.contains($0) }
    }

    private func insertion(into table: String, _ columns: [String]) throws -> Statement {
        let places = repeatElement("?", count: columns.count).joined(separator: ", ")
        return try target.makeStatement(
            sql: "INSERT OR IGNORE INTO \(table) (\(columns.joined(separator: ", "))) VALUES (\(places))")
    }

    /// - Returns: the ids that could not be read.
    @discardableResult
    private mutating func copy(
        _ table: String, key: String = "id", through last: Int64? = nil
    ) throws -> [ClosedRange<Int64>] {
        let columns = try columns(of: table)
        let last = try last ?? self.last(of: table, key: key) ?? 0
        guard !columns.isEmpty else { return [0...max(0, last)] }
        let insert = try insertion(into: table, columns)
        var rows = RowCopy(from: source)
        try rows.copy(table, columns: columns.joined(separator: ", "), key: key, through: last) { _, row in
            try insert.execute(arguments: StatementArguments(row.databaseValues.dropFirst()))
        }
        return rows.lost
    }

    /// Copies the rows of a small table until one can't be read.
    ///
    /// - Returns: whether all could.
    private func copyAll(_ table: String) throws -> Bool {
        let columns = try columns(of: table)
        guard !columns.isEmpty else { return false }
        let insert = try insertion(into: table, columns)
        let (rows, isWhole) = try rows("SELECT \(columns.joined(separator: ", ")) FROM \(table)")
        for row in rows { try insert.execute(arguments: StatementArguments(row)) }
        return isWhole
    }

    /// - Returns: the values of the rows before the first that can't be read, and whether those are all.
    private func rows(_ sql: String) throws -> (rows: [[DatabaseValue]], isWhole: Bool) {
        var rows: [[DatabaseValue]] = []
        let isWhole = try ask { db -> Bool? in
            let cursor = try Row.fetchCursor(db, sql: sql)
            while let row = try cursor.next() { rows.append(Array(row.databaseValues)) }
            return true
        }
        return (rows, isWhole ?? false)
    }

    /// Vectors that are none any more are left out.
    private mutating func copyEmbeddings(through last: Int64) throws -> [ClosedRange<Int64>] {
        guard try !columns(of: "embeddings").isEmpty else { return [0...max(0, last)] }
        let insert = try insertion(into: "embeddings", ["clip_id", "generation_id", "vector"])
        var rows = RowCopy(from: source)
        var spoiled: [ClosedRange<Int64>] = []
        try rows.copy("embeddings", columns: "generation_id, vector", key: "clip_id", through: last) { clip, row in
            guard let data = Data.fromDatabaseValue(row["vector"]) else { return }
            let vector = unsafe data.withUnsafeBytes { unsafe VectorBlob.decode($0) }
            let length = vector.reduce(0) { $0 + Double($1) * Double($1) }
            guard data.count % 4 == 0, length.isFinite, !vector.isEmpty else {
                spoiled.append(clip...clip)
                return
            }
            try insert.execute(arguments: [clip, row["generation_id"] as DatabaseValue, data])
        }
        return rows.lost + spoiled
    }

    /// One at a time: the table has no ids by which to go on beyond what can't be read.
    private func copyJobs() throws {
        let columns = try columns(of: "jobs")
        guard !columns.isEmpty else { return }
        let insert = try insertion(into: "jobs", columns)
        let indexes = try Int64.fetchAll(target, sql: "SELECT id FROM generations WHERE state <> 'retired'")
        let media = try Int64.fetchAll(target, sql: "SELECT id FROM media")
        let sql = "SELECT \(columns.joined(separator: ", ")) FROM jobs WHERE generation_id = ? AND media_id = ?"
        for index in indexes {
            for item in media {
                let row = try ask { try Row.fetchOne(try $0.cachedStatement(sql: sql), arguments: [index, item]) }
                if let row { try insert.execute(arguments: StatementArguments(row.databaseValues)) }
            }
        }
    }

    /// Roots whose rows can't be read may still stand in the index of paths.
    private func recoverRoots() throws {
        for row in try rows("SELECT id, path FROM roots INDEXED BY sqlite_autoindex_roots_1 ORDER BY path").rows {
            try target.execute(
                sql: "INSERT OR IGNORE INTO roots (id, path, state, added_at) VALUES (?, ?, 'online', ?)",
                arguments: StatementArguments(row + [now.databaseValue]))
        }
    }

    /// An index whose row can't be read may still stand in the index of digests; the rest is known by its clips.
    private func recoverIndexes() throws {
        let known = try rows("SELECT id, digest FROM generations INDEXED BY sqlite_autoindex_generations_1").rows
        let live = try ask { db in
            try Int64.fetchOne(
                db, sql: "SELECT id FROM generations INDEXED BY generations_one_live WHERE state = 'live'")
        }
        for row in known {
            guard let id = Int64.fromDatabaseValue(row[0]), let digest = String.fromDatabaseValue(row[1]),
                let bytes = try Int.fetchOne(
                    target, sql: "SELECT length(vector) FROM embeddings WHERE generation_id = ? LIMIT 1",
                    arguments: [id])
            else { continue }
            let hasFeatures = inFeatures { db in
                try Bool.fetchOne(
                    db, sql: "SELECT EXISTS (SELECT 1 FROM memories WHERE generation = ?)", arguments: [digest])
            }
            try target.execute(
                sql: """
                    INSERT OR IGNORE INTO generations (id, digest, dimensions, state, has_memories, created_at)
                    VALUES (?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    id, digest, bytes / 4, id == live ? "live" : "retired", hasFeatures ?? false,
                    now,
                ])
        }
    }

    /// Ids are never given twice, and who follows an index begins anew.
    private func copySequences() throws {
        for table in try String.fetchAll(target, sql: "SELECT name FROM sqlite_schema WHERE sql LIKE '%AUTOINCREMENT%'")
        {
            let known = try sequence(of: table)
            let last: Int64
            if table == "index_changes" {
                // More than whatever is forgotten, however often that happens.
                last = max((known ?? 0) + 1, Int64(now))
                try target.execute(sql: "UPDATE generations SET changes_from = ?", arguments: [last])
            } else {
                var greatest = try Int64.fetchOne(target, sql: "SELECT max(id) FROM \(table)") ?? 0
                if table == "clips" { greatest = max(greatest, lastClipOfFeatures()) }
                last = max(greatest, known ?? greatest + Self.unknownIDs)
            }
            try target.execute(sql: "DELETE FROM sqlite_sequence WHERE name = ?", arguments: [table])
            try target.execute(sql: "INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", arguments: [table, last])
        }
    }

    /// More than were given since the greatest id that is known.
    private static let unknownIDs: Int64 = 100_000
}
