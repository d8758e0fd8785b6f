internal import Foundation
internal import GRDB

/// How far a follower of an index has come.
package struct IndexCursor: Sendable, Equatable {
    /// The last clip that it was given; ids grow.
    package var clip: ClipID
    /// The last change other than by new clips.
    package var change: Int64

    package init(clip: ClipID, change: Int64) {
        self.clip = clip
        self.change = change
    }
}

/// A clip's vector as an index wants it.
package struct EmbeddingRow: Sendable, Equatable {
    package var clip: ClipID
    package var media: MediaID
    /// Unit length.
    package var vector: [Float]
}

/// One step of a follower: what leaves its index, and then what comes in.
package struct IndexChanges: Sendable, Equatable {
    /// Media items of which every clip leaves.
    package var left: [MediaID] = []
    /// Clips that come in.
    package var entered: [EmbeddingRow] = []
    /// Where the next step begins.
    package var cursor: IndexCursor
    /// Whether the index is the catalog's now; ask again at once when it isn't.
    package var isLevel = false
}

extension Catalog {
    /// The next changes of an index for who has followed it to `cursor`: clips that were committed, and media items that were hidden,
    /// shown again or made anew.
    ///
    /// The index is the live one or one that is built beside it: what leaves a retired one isn't kept.
    /// Who begins with a nil cursor and applies every step in order holds the clips of all media items that are no tombstones once a step
    /// says ``IndexChanges/isLevel``. Each step is one snapshot of the catalog. A step that was applied may be applied again.
    ///
    /// - Parameters:
    ///   - cursor: nil begins with an empty index.
    ///   - limit: about how many vectors one step brings.
    /// - Returns: nil when what happened since `cursor` is not known any more, or `cursor` is of a later state of the catalog, as after a loss of
    ///   power: begin anew.
    /// - Throws: ``CatalogError`` `notFound`.
    package func indexChanges(
        of index: IndexID, after cursor: IndexCursor?, limit: Int = 8192
    ) throws(CatalogError) -> IndexChanges? {
        try read { db in
            // A catalog that an earlier version wrote, and this one only reads, tells of no changes.
            let isLogged = try db.tableExists("index_changes")
            var cursor = try cursor ?? IndexCursor(clip: 0, change: isLogged ? Self.last(of: "index_changes", db) : 0)
            let log = isLogged ? "changes_from" : "0"
            let row = try Row.fetchOne(db, sql: "SELECT \(log) FROM generations WHERE id = ?", arguments: [index])
            guard let row else { throw CatalogError(.notFound, "There is no index \(index).") }
            guard cursor.change >= row[0], try cursor.clip <= Self.last(of: "clips", db),
                try !isLogged || cursor.change <= Self.last(of: "index_changes", db)
            else { return nil }
            var changes = IndexChanges(cursor: cursor)
            let changed = isLogged ? try Self.changedMedia(of: index, after: cursor.change, db) : []
            for (sequence, media) in changed where changes.entered.count < limit {
                changes.left.append(media)
                // Those after the cursor's clip come in by themselves.
                changes.entered += try Self.embeddings(
                    db, where: "clips.media_id = ? AND clips.generation_id = ? AND clips.id <= ?",
                    [media, index, cursor.clip])
                cursor.change = sequence
            }
            let room = limit - changes.entered.count
            if room > 0 {
                let new = try Self.embeddings(
                    db, where: "embeddings.generation_id = ? AND clip_id > ? ORDER BY clip_id LIMIT ?",
                    [index, cursor.clip, room])
                changes.entered += new
                if let last = new.last { cursor.clip = last.clip }
                changes.isLevel = new.count < room
            }
            if changes.isLevel {
                // What other indexes have beyond it is not looked at again and again.
                cursor.clip = try Self.last(of: "clips", db)
                if isLogged { cursor.change = try Self.last(of: "index_changes", db) }
            }
            changes.cursor = cursor
            return changes
        }
    }

    /// The greatest id that a table ever gave.
    static func last(of table: String, _ db: Database) throws -> Int64 {
        try Int64.fetchOne(db, sql: "SELECT seq FROM sqlite_sequence WHERE name = ?", arguments: [table]) ?? 0
    }

    private static func changedMedia(
        of index: IndexID, after change: Int64, _ db: Database
    ) throws -> [(sequence: Int64, media: MediaID)] {
        let statement = try db.cachedStatement(
            sql: "SELECT sequence, media_id FROM index_changes WHERE sequence > ? AND index_id = ? ORDER BY sequence")
        return try Row.fetchAll(statement, arguments: [change, index]).map { ($0[0], $0[1]) }
    }

    /// Vectors without those of tombstones.
    private static func embeddings(
        _ db: Database, where condition: String, _ arguments: StatementArguments
    ) throws -> [EmbeddingRow] {
        let statement = try db.cachedStatement(
            sql: """
                SELECT clip_id, clips.media_id, vector FROM embeddings
                JOIN clips ON clips.id = clip_id
                JOIN media ON media.id = clips.media_id AND media.deleted_at IS NULL
                WHERE \(condition)
                """)
        let cursor = try Row.fetchCursor(statement, arguments: arguments)
        var rows: [EmbeddingRow] = []
        while let row = try cursor.next() {
            let vector = try row.withUnsafeData(atIndex: 2) { data in
                unsafe data?.withUnsafeBytes { unsafe VectorBlob.decode($0) } ?? []
            }
            rows.append(EmbeddingRow(clip: row[0], media: row[1], vector: vector))
        }
        return rows
    }

    /// Forgets the oldest changes, so that they don't grow with all that ever was in the library.
    static func forgetChanges(butLast count: Int, _ db: Database) throws {
        let last = try Int64.fetchOne(
            db, sql: "SELECT sequence FROM index_changes ORDER BY sequence DESC LIMIT 1 OFFSET ?", arguments: [count])
        guard let last else { return }
        try db.execute(sql: "DELETE FROM index_changes WHERE sequence <= ?", arguments: [last])
        try db.execute(sql: "UPDATE generations SET changes_from = max(changes_from, ?)", arguments: [last])
    }
}
