internal import Basics
internal import Foundation
internal import GRDB
internal import Synchronization
package import SystemPackage

/// What is known about the media: the truth from which everything in memory can be made again.
///
/// Two SQLite files in the state folder: `catalog.sqlite` with everything but the clips' rerank features, and
/// `memories.sqlite` with those. Readers never wait for the writer. One process at a time may write.
///
/// What is damaged or lost is mended by who writes, when it is opened and later, and told of in ``notices``. A large catalog is looked at whole by
/// ``checkWhole()``, so that opening it takes no longer the more it holds. Of a damaged
/// `catalog.sqlite`, which is set aside, all rows are saved that can be read; of a damaged `memories.sqlite` all rerank
/// features. Media items of which something is missing go back to pending.
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

    let catalog: OpenDatabase
    /// nil when it is opened to be read only and there is none.
    let features: OpenDatabase?
    let filesBeside = FilesBeside()
    /// What is being written anew.
    let rewriting = Mutex<OpenDatabase?>(nil)
    let wholeCheck: Mutex<WholeCheck>
    private let lock: StateLock?
    private let mended: Mutex<Mended>

    private struct Mended {
        var notices: [String]
        var areFeaturesDamaged = false
        /// Clips that were deleted since the files were last made smaller.
        var purgedClips = 0
        var notify: (@Sendable () -> Void)?
        /// Files that were looked at because SQLite called the disk full.
        var examined: Set<FilePath> = []
    }

    /// Bytes beside which no disk is full.
    private static let ampleSpace: Int64 = 64 << 20

    package static func catalogFile(in state: FilePath) -> FilePath { state.appending("catalog.sqlite") }
    package static func featuresFile(in state: FilePath) -> FilePath { state.appending("memories.sqlite") }
    var catalogFile: FilePath { Self.catalogFile(in: state) }
    var featuresFile: FilePath { Self.featuresFile(in: state) }
    /// Those that are there.
    var databases: [OpenDatabase] { [catalog, features].compactMap { $0 } }

    /// Opens the catalog of a state folder; with `.readWrite` it is made when it isn't there, mended when it is damaged, and work that the
    /// last writer left unfinished goes back to pending.
    ///
    /// - Parameters:
    ///   - now: what the delays of media are counted from that may have ended the last writer.
    ///   - checkedAtOnce: bytes up to which the catalog is checked whole before it is used, when it is opened to be written.
    package init(
        state: FilePath, access: Access, at now: Timestamp = Date.now.timeIntervalSince1970,
        checkedAtOnce: Int64 = Catalog.checkedAtOnce
    ) throws(CatalogError) {
        self.state = state
        self.access = access
        let catalogFile = Self.catalogFile(in: state)
        let featuresFile = Self.featuresFile(in: state)
        var notices: [String] = []
        var areFeaturesDamaged = false
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
            try RestoredFiles(state: state).finish()
            let isSmall = DatabaseFile.size(catalogFile) <= checkedAtOnce
            let opened: OpenedFiles
            do {
                opened = try Self.openFiles(catalogFile, featuresFile, checksWhole: isSmall, at: now)
            } catch {
                guard !isSmall, error.code == .damaged else { throw error }
                opened = try Self.openFiles(catalogFile, featuresFile, checksWhole: true, at: now)
            }
            catalog = OpenDatabase(opened.catalog, file: catalogFile)
            features = OpenDatabase(opened.features, file: featuresFile)
            notices = opened.notices
            wholeCheck = Mutex(WholeCheck(isDue: !opened.isChecked))
            areFeaturesDamaged = opened.areFeaturesDamaged
        case .readOnly:
            lock = nil
            wholeCheck = Mutex(WholeCheck(isDue: false))
            guard FileManager.default.fileExists(atPath: catalogFile.string) else {
                throw CatalogError(
                    .notFound,
                    "There is no index in \(state): make one with `saccade index FILE… --state \(state)`.")
            }
            try RestoredFiles(state: state).requireFinished()
            try DatabaseFile.requireFile(catalogFile)
            try DatabaseFile.requireFile(featuresFile)
            catalog = OpenDatabase(
                try translatingErrors(on: catalogFile) {
                    let pool = try DatabasePool(
                        path: catalogFile.string, configuration: Self.configuration(access, synchronous: "NORMAL"))
                    try pool.read { _ = try Schema.catalog.check($0, file: catalogFile) }
                    return pool
                }, file: catalogFile)
            if FileManager.default.fileExists(atPath: featuresFile.string) {
                do {
                    features = OpenDatabase(
                        try DatabasePool(
                            path: featuresFile.string, configuration: Self.configuration(access, synchronous: "NORMAL")),
                        file: featuresFile)
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
        mended = Mutex(Mended(notices: notices, areFeaturesDamaged: areFeaturesDamaged))
        if let lock { try recoverUnfinishedJobs(afterCrash: lock.wasAbandoned, at: now) }
        keepChoices()
    }

    /// What had to be mended since it was opened, in sentences for people.
    package var notices: [String] { mended.withLock { $0.notices } }

    /// Has `notify` called, from any thread, when there is one more of ``notices``, or when ``mendFeatures()`` is due.
    package func onNotice(_ notify: @escaping @Sendable () -> Void) {
        mended.withLock { $0.notify = notify }
    }

    func add(notice: String) {
        let notify = mended.withLock { mended in
            mended.notices.append(notice)
            return mended.notify
        }
        notify?()
    }

    /// Whether rerank features were met that can't be read, and have not been mended.
    package var areFeaturesDamaged: Bool { mended.withLock { $0.areFeaturesDamaged } }

    /// Rerank features can't be read.
    func noticeDamage() {
        let notify = mended.withLock { mended in
            defer { mended.areFeaturesDamaged = true }
            return mended.areFeaturesDamaged ? nil : mended.notify
        }
        notify?()
    }

    var purgedClips: Int { mended.withLock { $0.purgedClips } }
    func countPurged(_ clips: Int) { mended.withLock { $0.purgedClips += clips } }
    func forgetPurged() { mended.withLock { $0.purgedClips = 0 } }

    func featuresAreMended() { mended.withLock { $0.areFeaturesDamaged = false } }

    static func configuration(
        _ access: Access, synchronous: String
    ) -> Configuration {
        var configuration = Configuration()
        configuration.readonly = access == .readOnly
        configuration.busyMode = .timeout(10)
        configuration.maximumReaderCount = 4
        configuration.prepareDatabase { db in
            try db.execute(sql: "PRAGMA synchronous = \(synchronous)")
            try db.execute(sql: "PRAGMA cache_size = -4096")
            // What the log grew to while it couldn't be written back, as during a backup, is given back.
            try db.execute(sql: "PRAGMA journal_size_limit = 16777216")
        }
        return configuration
    }

    /// Opens a database to be written; it is made when it isn't there.
    ///
    /// A commit to the rerank features is on the disk before the catalog's commit that counts on it, so each one is synced.
    static func open(_ schema: Schema, _ file: FilePath, isOfCatalog: Bool) throws(CatalogError) -> DatabasePool {
        try DatabaseFile.claim(file)
        return try translatingErrors(on: file) {
            try schema.checkHeader(of: file)
            try schema.prepareNew(file)
            let first = try schema.begunLog(of: file)
            defer { try? first.close() }
            let pool = try DatabasePool(
                path: file.string,
                configuration: configuration(.readWrite, synchronous: isOfCatalog ? "NORMAL" : "FULL"))
            try schema.migrate(pool, file: file)
            return pool
        }
    }

    private struct OpenedFiles {
        var catalog: DatabasePool
        /// Whether it was found sound as a whole.
        var isChecked: Bool
        var features: DatabasePool
        var areFeaturesDamaged: Bool
        var notices: [String]
    }

    private static func openFiles(
        _ catalogFile: FilePath, _ featuresFile: FilePath, checksWhole: Bool, at now: Timestamp
    ) throws(CatalogError) -> OpenedFiles {
        var notices: [String] = []
        let (pool, isChecked) = try openCatalog(
            catalogFile, features: featuresFile, checksWhole: checksWhole, at: now, notices: &notices)
        let store = try translatingErrors(on: catalogFile) {
            try pool.read { try Data.fetchOne($0, sql: "SELECT id FROM store") ?? Data() }
        }
        let features = try openFeatures(featuresFile, store: store, catalog: pool, at: now, notices: &notices)
        return OpenedFiles(
            catalog: pool, isChecked: isChecked, features: features.pool, areFeaturesDamaged: features.isDamaged,
            notices: notices)
    }

    /// Opens the first file; a damaged one is mended.
    ///
    /// - Parameter isChecked: whether the whole file is read for it.
    private static func openCatalog(
        _ file: FilePath, features: FilePath, checksWhole: Bool, at now: Timestamp, notices: inout [String]
    ) throws(CatalogError) -> (pool: DatabasePool, isChecked: Bool) {
        let mending = CatalogMending(file: file, features: features)
        if let notice = try mending.finish() { notices.append(notice) }
        do {
            let pool = try open(.catalog, file, isOfCatalog: true)
            guard checksWhole else { return (pool, false) }
            let finding = try translatingErrors(on: file) { try pool.read { try WholeCheck.finding($0) } }
            if finding == nil { return (pool, true) }
            try? pool.close()
        } catch {
            guard error.code == .damaged else { throw error }
        }
        let source = try? DatabaseQueue(path: file.string, configuration: CatalogMending.sourceConfiguration)
        let saved = try translatingErrors(on: file) {
            guard let source else { return try mending.save(from: nil, at: now) }
            return try source.writeWithoutTransaction { try mending.save(from: $0, at: now) }
        }
        try? source?.close()
        notices.append(try mending.place(saved))
        return (try open(.catalog, file, isOfCatalog: true), true)
    }

    /// Opens the second file; one that can't be opened is set aside, and one of another catalog is emptied.
    private static func openFeatures(
        _ file: FilePath, store: Data, catalog: DatabasePool, at now: Timestamp, notices: inout [String]
    ) throws(CatalogError) -> (pool: DatabasePool, isDamaged: Bool) {
        FeatureMending(file: file).clear()
        var pool: DatabasePool
        do {
            pool = try open(.features, file, isOfCatalog: false)
        } catch  where error.code == .damaged {
            let aside = try DatabaseFile.setAside(file, at: now)
            notices.append("\(file) was damaged; it is now \(aside), and the rerank features are made again.")
            pool = try open(.features, file, isOfCatalog: false)
        }
        let known: Data?
        do throws(CatalogError) {
            known = try translatingErrors(on: file) { [pool] in
                try pool.read { try Data.fetchOne($0, sql: "SELECT id FROM store") }
            }
        } catch {
            guard error.code == .damaged else { throw error }
            return (pool, isDamaged: true)
        }
        guard known != store else { return (pool, isDamaged: false) }
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
        return (pool, isDamaged: false)
    }

    /// Reads from a snapshot of the catalog. A damaged file is mended first.
    func read<Value>(_ body: (Database) throws -> Value) throws(CatalogError) -> Value {
        try mending { () throws(CatalogError) in try catalog.read(body) }
    }

    /// Writes in one transaction: all of it is kept, or none. A damaged file is mended first.
    func write<Value>(_ body: (Database) throws -> Value) throws(CatalogError) -> Value {
        guard access == .readWrite else {
            throw CatalogError(.readOnly, "The catalog in \(state) was opened to be read only.")
        }
        return try mending { () throws(CatalogError) in try catalog.write(body) }
    }

    /// Writes rerank features in one transaction, where there are any. A damaged file is mended first.
    func writeFeatures(_ body: (Database) throws -> Void) throws(CatalogError) {
        guard let features else { return }
        try mending { () throws(CatalogError) in try features.write(body) }
    }

    /// Runs `body` in the writer's turn, outside of any transaction.
    func maintain<Value>(_ body: (Database) throws -> Value) throws(CatalogError) -> Value {
        guard access == .readWrite else {
            throw CatalogError(.readOnly, "The catalog in \(state) was opened to be read only.")
        }
        return try catalog.maintain(body)
    }

    /// Runs `body`, and again when the file has been mended that it found damaged.
    private func mending<Value>(_ body: () throws(CatalogError) -> Value) throws(CatalogError) -> Value {
        let pool = catalog.pool
        do throws(CatalogError) {
            return try body()
        } catch {
            guard access == .readWrite, error.code == .damaged || isDamaged(despite: error) else { throw error }
            switch error.file {
            case catalogFile?: try mendCatalog(pool)
            case featuresFile?: try mendFeatures()
            default: throw error
            }
        }
        return try body()
    }

    /// Whether SQLite called the disk full because of a damaged page, whose numbers of other pages are greater than there can be.
    private func isDamaged(despite error: CatalogError) -> Bool {
        guard error.code == .diskFull, let database = databases.first(where: { $0.file == error.file }),
            let free = FreeSpace.bytes(in: state), free > Self.ampleSpace,
            mended.withLock({ $0.examined.insert(database.file).inserted })
        else { return false }
        do throws(CatalogError) {
            return try database.read { try WholeCheck.finding($0) } != nil
        } catch {
            return error.code == .damaged
        }
    }

    /// What SQLite finds wrong with the two files; empty when they are sound. Reads both whole.
    package func quickCheck() throws(CatalogError) -> [String] {
        var findings: [String] = []
        for database in databases {
            do {
                findings += try database.read { db in
                    let lines = try String.fetchAll(db, sql: "PRAGMA quick_check")
                        .flatMap { $0.split(separator: "\n") }.filter { !$0.hasPrefix("***") }
                    return lines == ["ok"] ? [] : lines.map { "\(database.file): \($0)" }
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
        try catalog.maintain { db in
            let count = try Int.fetchOne(db, sql: "PRAGMA page_count") ?? 0
            // SQLite's own greatest number of pages.
            try db.execute(sql: "PRAGMA max_page_count = \(pages.map { count + $0 } ?? 4_294_967_294)")
        }
    }

    /// Which catalog it is: random bytes that were made with it, which a backup shares.
    package func storeID() throws(CatalogError) -> [UInt8] {
        try read { Array(try Data.fetchOne($0, sql: "SELECT id FROM store") ?? Data()) }
    }

    /// Has every commit on the disk that was made until now.
    package func sync() throws(CatalogError) {
        // A checkpoint syncs the log before anything else, whatever it can then write back.
        try catalog.maintain { _ = try $0.checkpoint(.passive) }
    }

    /// Writes what the write-ahead logs hold into the database files.
    package func checkpoint() throws(CatalogError) {
        for database in databases { try database.maintain { _ = try $0.checkpoint(.truncate) } }
    }

    /// Closes both files and lets another writer in; the catalog can't be used afterwards. A writer that ends without it has crashed.
    package func close() {
        for database in databases.reversed() { database.close() }
        filesBeside.close()
        lock?.release()
    }
}
