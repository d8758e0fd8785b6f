package import Catalog
internal import Models

extension Searcher {
    /// What a saved search would have to tell of some media items: the clips that its request finds there and that are likely enough.
    ///
    /// A clip is, from the request's `minProbability` on; where that is nil, from the probability on at which the model calls a query answered.
    /// One whose text says all of the query always is. Everything else is as in ``search(_:while:progress:)``: text, re-ranking, groups.
    ///
    /// - Parameter request: its limit and offset are of no account.
    /// - Throws: as ``search(_:while:progress:)``.
    package func matches(of request: SearchRequest, in media: Set<MediaID>) throws -> [SearchResult] {
        let least = try leastProbability(of: request)
        let asked = try SearchRequest(
            query: request.query, limit: SearchLimits.results, filter: request.filter.within(media),
            group: request.group, channel: request.channel, rerank: request.rerank, minProbability: least)
        let results = try search(asked).results
        return least == nil ? results.filter { $0.scores.words ?? 0 >= WordCandidates.whole } : results
    }

    /// Refuses a request that can't be asked, or could never match.
    ///
    /// - Throws: ``SearchError``, `invalid_rerank` also where the model can't tell a match of a picture; `CatalogError`; what the index's closure
    ///   throws.
    package func checkMatchable(_ request: SearchRequest) throws {
        try check(request, of: try index())
        guard request.channel != .words, !WordQuery(request.query).isQuoted else { return }
        if request.minProbability == nil, try leastProbability(of: request) == nil {
            throw SearchError(
                .invalidRerank, field: .minProbability,
                "is needed, since this model can't tell when a picture matches: give one to a calibrated model "
                    + "(`saccade calibrate`), or save a search of the text alone")
        }
    }

    private func leastProbability(of request: SearchRequest) throws -> Double? {
        guard let relevance = try index().reranker?.reranking.relevance else {
            // Of a picture nothing is known then; a request that was saved for another model still finds its text.
            return nil
        }
        return request.minProbability ?? relevance.threshold
    }
}
