package import Catalog

/// Answers queries: text to vector, scan, re-ranking, lookup.
///
/// Safe from any number of threads. No search waits for a write; the catalog's readers and the processor's threads it shares with
/// whatever else runs. Every search blocks the thread it is called on: call it off Swift's cooperative pool.
package final class Searcher: Sendable {
    /// Clips scanned beyond those wanted, for clips that are gone from the catalog but not yet from the index.
    private static let spare = 32

    private let catalog: Catalog
    private let index: @Sendable () throws -> SearchIndex

    /// - Parameter index: is asked at the beginning of each search, so that none goes to an index that nobody keeps up to date.
    package init(catalog: Catalog, index: @escaping @Sendable () throws -> SearchIndex) {
        self.catalog = catalog
        self.index = index
    }

    /// For one index and no other.
    package convenience init(catalog: Catalog, index: SearchIndex) {
        self.init(catalog: catalog) { index }
    }

    /// The best clips for a request. The same request gets the same answer while the catalog doesn't change, so pages neither overlap nor leave
    /// a gap.
    ///
    /// - Parameter progress: called with the first `limit` results after the Fast model and each batch of the re-ranker, but not
    ///   with the final ones. It ends the search by throwing.
    /// - Throws: ``SearchError``; `CatalogError`; `ModelError`; what `progress` and the index's closure throw.
    package func search(
        _ request: SearchRequest, progress: ((SearchAnswer) throws -> Void)? = nil
    ) throws -> SearchAnswer {
        let index = try index()
        guard request.minProbability == nil || index.reranker?.calibration != nil else {
            throw SearchError(
                .invalidRerank, field: .minProbability,
                "needs a calibrated model, and this one's scores aren't: leave it out, or calibrate the model with "
                    + "`saccade calibrate`")
        }
        if let root = request.filter.root, try !catalog.hasRoot(root) {
            throw SearchError(
                .rootNotFound, field: .filter(.root), "is \(root), and there is no such root: see `saccade watch list`")
        }
        var run = SearchRun(request: request, index: index, catalog: catalog)
        return try run.run(spare: Self.spare, progress: progress)
    }
}
