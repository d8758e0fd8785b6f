internal import Foundation
internal import GRDB
package import SystemPackage

/// What is known about the media: the truth from which everything in memory can be made again.
///
/// Two SQLite files in the state folder: `catalog.sqlite` with everything but the clips' rerank features, and
/// `memories.sqlite` with those. Readers never wait for the writer. One process at a time may write.
///
/// When a file is lost: without `catalog.sqlite`, everything is made again (a features file of another catalog is
/// emptied). Without `memories.sqlite`, or when it is damaged (it is set aside then), a new one is made and the media
/// whose clips had rerank features go back to pending; see ``notices``.
///
/// Every method blocks on SQLite: call them off Swift's cooperative pool, for example with ``BlockingExecutor``.
/// Every method throws ``CatalogError``.
package final class Catalog: Sendable {
    package enum Access: Sendable {
        /// For the one writer; takes `STATE/lock`.
        case readWrite
        /// Beside a writer or without one; no lock.
        case readOnly
    }

    /// The state folder.
    package let state: FilePath
    package let access: Access
    /// What opening had to mend, in sentences for people.
    package let notices: [String]

    let pool: DatabasePool
    /// nil when it is opened to be read only and there is none.
    let features: DatabasePool?
    private let lock: StateLock?

    package static func catalogFile(in state: FilePath) -> FilePath { state.appending("catalog.sqlite") }
    package static func featuresFile(in state: FilePath) -> FilePath { state.appending("memories.sqlite") }
    var catalogFile: FilePath { Self.catalogFile(in: state) }
    var featuresFile: FilePath { Self.featuresFile(in: state) }

    /// Opens the catalog of a state folder; with `.readWrite` it is made when it isn't there, and work that the last
    /// writer left unfinished goes back to pending.
    ///
    /// - Parameter now: what the delays of media are counted from that may have ended the last writer.
    package init(
        state: FilePath, access: Access, at now: Timestamp = Date.now.timeIntervalSince1970
    ) throws(CatalogError) {
        self.state = state
        self.access = access
        let catalogFile = Self.catalogFile(in: state)
        let featuresFile = Self.featuresFile(in: state)
        var notices: [String] = []
        switch access {
        case .readWrite:
            do {
                try FileManager.default.createDirectory(
                    atPath: state.string, withIntermediateDirectories: true,
                    attributes: [.posixPermissions: 0o700])
            } catch {
                throw CatalogError(
                    .unreadable, "The state folder \(state) can't be made: \(error.localizedDescription)")
            }
            lock = try StateLock(state: state)
            try DatabaseFile.claim(catalogFile)
            try DatabaseFile.claim(featuresFile)
            pool = try translatingErrors(on: catalogFile) {
                try Schema.catalog.checkHeader(of: catalogFile)
                let pool = try DatabasePool(
                    path: catalogFile.string,
                    configuration: Self.configuration(access, synchronous: "NORMAL"))
                try Schema.catalog.migrate(pool, file: catalogFile)
                return pool
            }
            let store = try translatingErrors(on: catalogFile) { [pool] in
                try pool.read { try Data.fetchOne($0, sql: "SELECT id FROM store") ?? Data() }
            }
            features = try Self.openFeatures(featuresFile, store: store, catalog: pool, notices: &notices)
        case .readOnly:
            lock = nil
            guard FileManager.default.fileExists(atPath: catalogFile.string) else {
                throw CatalogError(
                    .notFound,
                    "There is no index in \(state): make one with `saccade index FILE… --state \(state)`.")
            }
            try DatabaseFile.requireFile(catalogFile)
            try DatabaseFile.requireFile(featuresFile)
            pool = try translatingErrors(on: catalogFile) {
                let pool = try DatabasePool(
                    path: catalogFile.string, configuration: Self.configuration(access, synchronous: "NORMAL"))
                try pool.read { _ = try Schema.catalog.check($0, file: catalogFile) }
                return pool
            }
            if FileManager.default.fileExists(atPath: featuresFile.string) {
                do {
                    features = try DatabasePool(
                        path: featuresFile.string, configuration: Self.configuration(access, synchronous: "NORMAL"))
                } catch {
                    features = nil
                    notices.append(
                        "\(featuresFile) can't be read (\(error)): nothing is re-ranked. Who next writes the index, the "
                            + "daemon or `saccade index`, makes it again.")
                }
            } else {
                features = nil
            }
        }
        self.notices = notices
        if let lock { try recoverUnfinishedJobs(afterCrash: lock.wasAbandoned, at: now) }
    }

    private static func configuration(
        _ access: Access, synchronous: String
    ) -> Configuration {
        var configuration = Configuration()
        configuration.readonly = access == .readOnly
        configuration.busyMode = .timeout(10)
        configuration.maximumReaderCount = 4
        configuration.prepareDatabase { db in
            try db.execute(sql: "PRAGMA synchronous = \(synchronous)")
            try db.execute(sql: "PRAGMA cache_size = -4096")
        }
        return configuration
    }

    /// Opens the second file. A commit to it is on the disk before the catalog's commit that counts on it, so it
    /// syncs each one.
    private static func openFeatures(
        _ file: FilePath, store: Data, catalog: DatabasePool, notices: inout [String]
    ) throws(CatalogError) -> DatabasePool {
        let open = { () throws(CatalogError) in
            try translatingErrors(on: file) {
                try Schema.features.checkHeader(of: file)
                let pool = try DatabasePool(
                    path: file.string, configuration: configuration(.readWrite, synchronous: "FULL"))
                try Schema.features.migrate(pool, file: file)
                return pool
            }
        }
        var pool: DatabasePool
        do {
            pool = try open()
        } catch  where error.code == .damaged {
            let aside = "\(file.string).damaged-\(Int(Date().timeIntervalSince1970))"
            for suffix in ["", "-wal", "-shm"] where FileManager.default.fileExists(atPath: file.string + suffix) {
                do {
                    try FileManager.default.moveItem(atPath: file.string + suffix, toPath: aside + suffix)
                } catch {
                    throw CatalogError(.damaged, "\(file) is damaged and can't be moved away: delete it.")
                }
            }
            notices.append("\(file) was damaged; it is now \(aside), and the rerank features are made again.")
            pool = try open()
        }
        let known = try translatingErrors(on: file) { [pool] in
            try pool.read { try Data.fetchOne($0, sql: "SELECT id FROM store") }
        }
        guard known != store else { return pool }
        let again = try translatingErrors(on: file) {
            let again = try catalog.write { db in
                try db.execute(
                    sql: """
                        UPDATE jobs SET state = 'pending', problem_code = NULL, problem = NULL, retry_at = NULL,
                            is_stale = 1
                        WHERE generation_id IN (SELECT id FROM generations WHERE has_memories)
                        AND EXISTS (SELECT 1 FROM clips
                            WHERE clips.media_id = jobs.media_id AND clips.generation_id = jobs.generation_id)
                        """)
                return db.changesCount
            }
            // On the disk before the file is taken for this catalog's: a crash between them makes the same again.
            try catalog.writeWithoutTransaction { _ = try $0.checkpoint(.full) }
            return again
        }
        try translatingErrors(on: file) { [pool] in
            try pool.write { db in
                try db.execute(sql: "DELETE FROM memories")
                try db.execute(sql: "DELETE FROM store")
                try db.execute(sql: "INSERT INTO store (id) VALUES (?)", arguments: [store])
            }
        }
        if again > 0 {
            notices.append(
                """
                \(file) was lost: \(again) media are indexed again, to make their rerank features; until \
                then they are found without re-ranking.
                """)
        }
        return pool
    }

    /// Reads from a snapshot of the catalog.
    func read<Value>(_ body: (Database) throws -> Value) throws(CatalogError) -> Value {
        try translatingErrors(on: catalogFile) { try pool.read(body) }
    }

    /// Writes in one transaction: all of it is kept, or none.
    func write<Value>(_ body: (Database) throws -> Value) throws(CatalogError) -> Value {
        guard access == .readWrite else {
            throw CatalogError(.readOnly, "The catalog in \(state) was opened to be read only.")
        }
        return try translatingErrors(on: catalogFile) { try pool.write(body) }
    }

    /// What SQLite finds wrong with the two files; empty when they are sound. Reads both whole.
    package func quickCheck() throws(CatalogError) -> [String] {
        var findings: [String] = []
        for (pool, file) in [(pool, catalogFile), (features, featuresFile)] {
            guard let pool else { continue }
            do {
                findings += try translatingErrors(on: file) {
                    try pool.read { db in
                        let lines = try String.fetchAll(db, sql: "PRAGMA quick_check")
                        return lines == ["ok"] ? [] : lines.map { "\(file): \($0)" }
                    }
                }
            } catch  where error.code == .damaged {
                findings.append(error.message)
            }
        }
        return findings
    }

    /// Makes the disk full for `catalog.sqlite` when it would grow by more than so many pages of 4096 bytes; nil lifts
    /// the limit. For tests.
    package func limitGrowth(pages: Int?) throws(CatalogError) {
        try translatingErrors(on: catalogFile) {
            try pool.writeWithoutTransaction { db in
                let count = try Int.fetchOne(db, sql: "PRAGMA page_count") ?? 0
                // SQLite's own greatest number of pages.
                try db.execute(sql: "PRAGMA max_page_count = \(pages.map { count + $0 } ?? 4_294_967_294)")
            }
        }
    }

    /// Writes what the write-ahead logs hold into the database files.
    package func checkpoint() throws(CatalogError) {
        for (pool, file) in [(pool, catalogFile), (features, featuresFile)] {
            guard let pool else { continue }
            try translatingErrors(on: file) {
                _ = try pool.writeWithoutTransaction { try $0.checkpoint(.truncate) }
            }
        }
    }

    /// Closes both files and lets another writer in; the catalog can't be used afterwards. A writer that ends without it has crashed.
    package func close() {
        try? features?.close()
        try? pool.close()
        lock?.release()
    }
}
