internal import Foundation
internal import GRDB
internal import Synchronization
internal import SystemPackage

extension Catalog {
    /// What of the files may be unused before pages are given back: it is soon written to again.
    private static let leastFree: Int64 = 1 << 20
    private static let mostFree = 0.1
    /// What of the catalog may be unused, within its pages as well, before all of it is written again: it then takes 1.3 times what it holds.
    private static let mostUnused = 0.23
    /// Pages that are given back in one turn of the writer: 2 MB.
    private static let pagesAtOnce = 512

    /// Makes the two files about as small as what they hold, after rows were deleted.
    ///
    /// Searches never wait for it, and who writes waits for some milliseconds at a time; but where a file has to be written anew, ingest waits for
    /// as long as that takes, which is done in a quiet moment alone: a file of an earlier version, which gives no pages back, or a catalog whose
    /// pages have become half empty.
    ///
    /// - Parameters:
    ///   - isQuiet: whether nothing waits to be written.
    ///   - freeBytes: what may still be written to their file system; nil when nobody knows.
    package func giveSpaceBack(
        isQuiet: Bool, freeBytes: Int64?, isStopped: () -> Bool = { false }
    ) throws(CatalogError) {
        for database in databases {
            var use = try database.read { try PageUse($0) }
            if isQuiet, !isStopped(), try isWorthWritingAnew(database, use), Self.hasRoom(for: use, freeBytes) {
                rewriting.withLock { $0 = database }
                defer { rewriting.withLock { $0 = nil } }
                try database.maintain { try $0.execute(sql: "PRAGMA auto_vacuum = INCREMENTAL; VACUUM") }
                use = try database.read { try PageUse($0) }
            }
            guard use.givesBack else { continue }
            var gaveBack = false
            while !isStopped(), use.freeBytes > max(Self.leastFree, Int64(Double(use.bytes) * Self.mostFree)) {
                try database.maintain { try $0.execute(sql: "PRAGMA incremental_vacuum(\(Self.pagesAtOnce))") }
                let before = use.freeBytes
                use = try database.read { try PageUse($0) }
                gaveBack = true
                guard use.freeBytes < before else { break }
            }
            // The file is cut when the log is written into it; a reader in the way only puts that off.
            if gaveBack { _ = try? database.maintain { try $0.checkpoint(.truncate) } }
        }
        if isQuiet { forgetPurged() }
    }

    /// Ends the writing of a file anew, if one is being written, without a change to it, and ``checkWhole()``.
    package func endMaintenance() {
        rewriting.withLock { $0 }?.pool.interrupt()
        wholeCheck.withLock { $0.end() }
    }

    private func isWorthWritingAnew(_ database: OpenDatabase, _ use: PageUse) throws(CatalogError) -> Bool {
        guard use.bytes > Self.leastFree * 2 else { return false }
        if !use.givesBack { return use.freeBytes > Int64(Double(use.bytes) * Self.mostUnused) }
        // Looking at each page is worth it where much was deleted.
        guard database === catalog, purgedClips > 0 else { return false }
        let unused = try database.read { db in
            try Int64.fetchOne(db, sql: "SELECT sum(unused) FROM dbstat WHERE aggregate = TRUE") ?? 0
        }
        return unused > Int64(Double(use.bytes - use.freeBytes) * Self.mostUnused)
    }

    /// SQLite writes a copy, and then the log.
    private static func hasRoom(for use: PageUse, _ freeBytes: Int64?) -> Bool {
        freeBytes.map { $0 > 3 * (use.bytes - use.freeBytes) } ?? false
    }
}

/// How many pages a file has.
private struct PageUse {
    var bytes: Int64
    var freeBytes: Int64
    /// Whether free pages can be cut off.
    var givesBack: Bool

    init(_ db: Database) throws {
        let size = try Int64.fetchOne(db, sql: "PRAGMA page_size") ?? 0
        bytes = try (Int64.fetchOne(db, sql: "PRAGMA page_count") ?? 0) * size
        freeBytes = try (Int64.fetchOne(db, sql: "PRAGMA freelist_count") ?? 0) * size
        givesBack = try Int.fetchOne(db, sql: "PRAGMA auto_vacuum") != 0
    }
}
