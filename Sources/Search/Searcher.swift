package import Catalog
import Models
import Synchronization
import VectorIndex

/// Answers queries: text to vector, scan, re-ranking, lookup.
///
/// Safe from any number of threads. Nothing here waits for anything that ingests. Every search blocks the thread it is called on:
/// call it off Swift's cooperative pool.
package final class Searcher: Sendable {
    /// Clips scanned beyond those wanted, for clips that are gone from the catalog but not yet from the index.
    private static let spare = 32

    private let catalog: Catalog
    private let current: Mutex<SearchGeneration>

    package init(catalog: Catalog, generation: SearchGeneration) {
        self.catalog = catalog
        current = Mutex(generation)
    }

    /// The generation that new searches go to.
    package var generation: SearchGeneration { current.withLock { $0 } }

    /// Sends new searches to another generation; those under way finish with the one they began with.
    package func use(_ generation: SearchGeneration) {
        current.withLock { $0 = generation }
    }

    /// The best clips for a request. The same request gets the same answer while the catalog doesn't change, so pages neither overlap nor leave
    /// a gap.
    ///
    /// - Parameter progress: called with the first `limit` results after the Fast model and each batch of the re-ranker, but not
    ///   with the final ones. It ends the search by throwing.
    /// - Throws: ``SearchError``; `CatalogError`; `ModelError`; what `progress` throws.
    package func search(
        _ request: SearchRequest, progress: ((SearchAnswer) throws -> Void)? = nil
    ) throws -> SearchAnswer {
        let query = try Self.checked(request)
        let filter = try MediaFilter(request.filters)
        let generation = generation
        guard request.minProbability == nil || generation.reranker?.calibration != nil else {
            throw SearchError(
                .invalidRerank,
                "This model's scores aren't calibrated, so there are no probabilities: leave out the least probability, "
                    + "or calibrate the model with `saccade calibrate`.")
        }
        var run = SearchRun(request: request, filter: filter, generation: generation, catalog: catalog)
        return try run.run(query: query, spare: Self.spare, progress: progress)
    }

    /// The query without white space around it.
    private static func checked(_ request: SearchRequest) throws(SearchError) -> String {
        // A scalar has at most four bytes: a query of megabytes is refused before anything looks at its characters.
        guard request.query.utf8.count <= SearchLimits.query * 4,
            request.query.unicodeScalars.count <= SearchLimits.query
        else {
            throw SearchError(
                .queryTooLong, "The query has more than \(SearchLimits.query) characters: say it in a sentence.")
        }
        let scalars = request.query.unicodeScalars
        let isBlank = { (scalar: Unicode.Scalar) in
            scalar.properties.isWhitespace || scalar.properties.generalCategory == .control
                || scalar.properties.generalCategory == .format
        }
        guard let first = scalars.firstIndex(where: { !isBlank($0) }),
            let last = scalars.lastIndex(where: { !isBlank($0) })
        else {
            throw SearchError(.emptyQuery, "The query is empty: describe what to look for, as in “a dog on a beach”.")
        }
        guard (1...SearchLimits.results).contains(request.limit) else {
            throw SearchError(.invalidLimit, "The limit must be 1 to \(SearchLimits.results), not \(request.limit).")
        }
        guard (0...SearchLimits.offset).contains(request.offset) else {
            throw SearchError(.invalidOffset, "The offset must be 0 to \(SearchLimits.offset), not \(request.offset).")
        }
        if let least = request.minProbability, !(0...1).contains(least) {
            throw SearchError(.invalidRerank, "The least probability must be 0 to 1.")
        }
        if let rerank = request.rerank {
            guard rerank.depth.map({ (1...SearchLimits.rerank).contains($0) }) ?? true else {
                throw SearchError(.invalidRerank, "Between 1 and \(SearchLimits.rerank) clips can be re-ranked.")
            }
            guard rerank.beta?.isFinite ?? true, rerank.timeLimit.map({ $0 >= .zero }) ?? true else {
                throw SearchError(
                    .invalidRerank, "The weight must be a finite number, and the time limit not negative.")
            }
        }
        return String(scalars[first...last])
    }
}
