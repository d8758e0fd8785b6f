internal import Catalog
internal import Search
internal import Synchronization
internal import Threads

/// Holds the index that queries go to, and exchanges it.
final class LiveIndexKeeper: Sendable {
    private let catalog: Catalog
    private let storage: IndexStorage
    /// Its file may be due.
    let fileWakeup = Wakeup()
    private let current: Mutex<LiveIndex?>
    /// Held while the index follows a write, so that none falls between two indexes.
    private let following = Mutex(())

    /// Loads the live index, if there is one.
    ///
    /// - Throws: ``CatalogError``, `VectorIndexError`.
    init(catalog: Catalog, storage: IndexStorage) throws {
        self.catalog = catalog
        self.storage = storage
        current = Mutex(try catalog.liveIndex().map { [fileWakeup] in try Self.load($0, catalog, storage, fileWakeup) })
    }

    private static func load(
        _ index: IndexRecord, _ catalog: Catalog, _ storage: IndexStorage, _ wakeup: Wakeup
    ) throws -> LiveIndex {
        try LiveIndex(index, of: catalog, storage: storage) { wakeup.fire() }
    }

    /// O(1).
    var live: LiveIndex? { current.withLock { $0 } }

    /// Takes over what the catalog has committed, after each write to it.
    ///
    /// - Throws: ``CatalogError``.
    func catchUp() throws {
        try following.withLock { _ in try live?.catchUp() }
        if live?.isFileDue == true { fileWakeup.fire() }
    }

    /// Lets another index take over. The one before answers, and is kept up to date, while this one is loaded.
    ///
    /// - Parameter choice: see ``Catalog/switchLive(to:choosing:)``.
    /// - Throws: ``CatalogError``, `VectorIndexError`; nothing has changed then.
    func switchLive(to index: IndexRecord, choosing choice: ModelChoice? = nil) throws {
        let next = try Self.load(index, catalog, storage, fileWakeup)
        try following.withLock { _ in
            try catalog.switchLive(to: index.id, choosing: choice)
            current.withLock { $0 = next }
            // What was committed while it was loaded; the next write does it again, should it fail.
            try? next.catchUp()
        }
        fileWakeup.fire()
    }
}
