internal import Basics
internal import Foundation
internal import GRDB
internal import SystemPackage

/// Makes a sound file of rerank features out of a damaged one.
struct FeatureMending {
    let file: FilePath
    private var half: FilePath { FilePath(file.string + ".mending") }

    /// Forgets a mending that was cut short.
    func clear() { DatabaseFile.remove(half) }

    /// Writes all that can be read, and is what was written, into a file beside the damaged one.
    ///
    /// - Parameters:
    ///   - last: the greatest clip id that there can be.
    ///   - store: the id of the catalog.
    ///   - isStopped: is asked at each row; when it says so, nothing has changed.
    func save(from source: Database, through last: ClipID, store: Data, isStopped: () -> Bool) throws {
        clear()
        let size = DatabaseFile.size(file)
        if let free = FreeSpace.bytes(in: file.removingLastComponent()), free < size {
            throw CatalogError(
                .diskFull,
                """
                \(file) is damaged, and mending it needs \(size >> 20) MB more than it takes: free some. Until then its clips \
                are found without re-ranking.
                """)
        }
        do {
            try Schema.features.prepareNew(half)
            let fresh = try DatabaseQueue(path: half.string)
            try Schema.features.migrate(fresh, file: half)
            try fresh.write { db in
                try db.execute(sql: "INSERT INTO store (id) VALUES (?)", arguments: [store])
                let insert = try db.makeStatement(
                    sql: "INSERT OR IGNORE INTO memories (clip_id, generation, memory, checksum) VALUES (?, ?, ?, ?)")
                var rows = RowCopy(from: source)
                try rows.copy("memories", columns: "generation, memory, checksum", key: "clip_id", through: last) {
                    clip, row in
                    if isStopped() { throw CatalogError(.busy, "\(file) is mended another time: the program stops.") }
                    guard let memory = Data.fromDatabaseValue(row["memory"]),
                        let digest = String.fromDatabaseValue(row["generation"])
                    else { return }
                    let checksum = Data.fromDatabaseValue(row["checksum"])
                    guard checksum == nil || checksum == FeatureChecksum.of(memory) else { return }
                    try insert.execute(arguments: [clip, digest, memory, checksum])
                }
            }
            try fresh.close()
            DatabaseFile.makePrivate(half)
        } catch {
            clear()
            throw error
        }
    }

    /// The clips whose rerank features were saved.
    func saved() throws -> Set<ClipID> {
        let fresh = try DatabaseQueue(path: half.string)
        defer { try? fresh.close() }
        return try fresh.read { try ClipID.fetchSet($0, sql: "SELECT clip_id FROM memories") }
    }

    /// Puts the sound file where the damaged one was, which is closed and of no more use.
    func place() throws(CatalogError) {
        DatabaseFile.removeLog(of: file)
        do {
            try DatabaseFile.move(half, to: file)
        } catch {
            throw CatalogError(.unreadable, "\(half) can't be renamed to \(file): \(error)")
        }
    }
}

extension Catalog {
    /// Clips at most that are being committed at one moment.
    private static let uncommitted: Int64 = 10_000

    /// Makes a sound file of the rerank features, of all that can be read of the one that there is; media items that lack some
    /// of theirs go back to pending, and are found without re-ranking until then.
    ///
    /// Searches go on meanwhile. O(n), and as much room as the file takes.
    ///
    /// - Throws: ``CatalogError`` `diskFull` when there isn't that much; nothing has changed then.
    package func mendFeatures(isStopped: () -> Bool = { false }) throws(CatalogError) {
        guard access == .readWrite, let features else { return }
        let old = features.pool
        let mending = FeatureMending(file: featuresFile)
        let (last, store) = try read { db in
            (try Self.last(of: "clips", db), try Data.fetchOne(db, sql: "SELECT id FROM store") ?? Data())
        }
        var again = 0
        let isMended = try features.exchange(
            old,
            takingOver: { db in
                // Clips that are being committed have greater ids than the catalog knows.
                try mending.save(from: db, through: last + Self.uncommitted, store: store, isStopped: isStopped)
            },
            preparing: {
                let saved = try mending.saved()
                again = try catalog.write { try Self.makeAgain(withoutFeaturesIn: saved, $0) }
                try catalog.maintain { _ = try $0.checkpoint(.passive) }
            },
            placing: {
                try mending.place()
                return try Self.open(.features, featuresFile, isOfCatalog: false)
            })
        featuresAreMended()
        guard isMended else { return }
        add(
            notice: again == 0
                ? "\(featuresFile) was damaged and has been mended; no rerank features were lost."
                : """
                \(featuresFile) was damaged and has been mended: \(again) media are indexed again, because rerank features of \
                theirs were lost; until then they are found without re-ranking.
                """)
    }

    /// - Returns: how many media items.
    private static func makeAgain(withoutFeaturesIn saved: Set<ClipID>, _ db: Database) throws -> Int {
        var incomplete: Set<[Int64]> = []
        let rows = try Row.fetchCursor(
            db,
            sql: """
                SELECT id, media_id, generation_id FROM clips
                WHERE generation_id IN (SELECT id FROM generations WHERE has_memories AND state <> 'retired')
                """)
        while let row = try rows.next() {
            if !saved.contains(row[0]) { incomplete.insert([row[1], row[2]]) }
        }
        for job in incomplete {
            try db.execute(
                sql: """
                    UPDATE jobs SET state = CASE state WHEN 'running' THEN state ELSE 'pending' END, problem_code = NULL,
                        problem = NULL, retry_at = NULL, is_stale = 1
                    WHERE media_id = ? AND generation_id = ?
                    """, arguments: [job[0], job[1]])
        }
        return Set(incomplete.map { $0[0] }).count
    }
}
