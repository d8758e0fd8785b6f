internal import Foundation
internal import GRDB
internal import Synchronization
internal import SystemPackage

/// SQLite's check of all pages of the catalog, as far as it was not made when the catalog was opened.
struct WholeCheck {
    var isDue: Bool
    var isEnded = false
    /// The connection that reads.
    fileprivate var reader: DatabaseQueue?

    init(isDue: Bool) {
        self.isDue = isDue
    }

    /// The first thing that is wrong; nil when nothing is. O(the file).
    static func finding(_ db: Database) throws -> String? {
        let finding = try String.fetchOne(db, sql: "PRAGMA quick_check(1)") ?? "ok"
        return finding == "ok" ? nil : finding
    }

    /// Ends it now and for good.
    mutating func end() {
        isEnded = true
        reader?.interrupt()
    }
}

extension Catalog {
    /// Bytes of `catalog.sqlite` up to which it is checked whole when it is opened: a tenth of a second or so.
    package static let checkedAtOnce: Int64 = 64 << 20

    /// Whether the catalog hasn't been checked whole since it was opened.
    package var isUnchecked: Bool { wholeCheck.withLock { $0.isDue } }

    /// Has SQLite check the catalog whole, where that was not done when it was opened; a damaged one is mended under those who use it. Others read
    /// and write meanwhile. O(the file). Ends early after ``endMaintenance()``.
    package func checkWhole() throws(CatalogError) {
        let pool = catalog.pool
        guard isUnchecked else { return }
        let isSound: Bool
        do throws(CatalogError) {
            isSound = try translatingErrors(on: catalogFile) {
                var configuration = Configuration()
                configuration.readonly = true
                configuration.busyMode = .timeout(10)
                let reader = try DatabaseQueue(path: catalogFile.string, configuration: configuration)
                defer { try? reader.close() }
                let mayRead = wholeCheck.withLock { check in
                    check.reader = reader
                    return !check.isEnded
                }
                defer { wholeCheck.withLock { $0.reader = nil } }
                guard mayRead else { return true }
                return try reader.read { try WholeCheck.finding($0) } == nil
            }
        } catch {
            if wholeCheck.withLock({ $0.isEnded }) { return }
            guard error.code == .damaged else { throw error }
            isSound = false
        }
        if wholeCheck.withLock({ $0.isEnded }) { return }
        // Where it was mended meanwhile, this does nothing.
        if !isSound { try mendCatalog(pool) }
        wholeCheck.withLock { $0.isDue = false }
    }
}
