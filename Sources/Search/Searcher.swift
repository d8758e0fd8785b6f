package import Catalog
import Models

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
    /// - Parameters:
    ///   - isWanted: asked before each stage and each batch; when it says no, the search ends with a `CancellationError`.
    ///   - progress: called with the first `limit` results after the Fast model and each batch of the re-ranker, but not
    ///     with the final ones. It ends the search by throwing.
    /// - Throws: ``SearchError``; `CatalogError`; `ModelError`; `CancellationError`; what `progress` and the index's closure throw.
    package func search(
        _ request: SearchRequest, while isWanted: @escaping @Sendable () -> Bool = { true },
        progress: ((SearchAnswer) throws -> Void)? = nil
    ) throws -> SearchAnswer {
        guard isWanted() else { throw CancellationError() }
        let index = try index()
        guard request.minProbability == nil || index.reranker?.reranking.relevance != nil else {
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
        return try run.run(spare: Self.spare, while: isWanted, progress: progress)
    }
}

/// One request on its way through the stages.
struct SearchRun {
    let request: SearchRequest
    let index: SearchIndex
    let catalog: Catalog

    private let pieces: QueryPieces
    private let clock = ContinuousClock()
    private var timings = SearchTimings()

    init(request: SearchRequest, index: SearchIndex, catalog: Catalog) {
        self.request = request
        self.index = index
        self.catalog = catalog
        pieces = index.reranker?.pieces(of: request.query) ?? QueryPieces(count: 0)
    }

    private var relevance: Relevance? { index.reranker?.reranking.relevance }

    /// - Parameter spare: candidates to have beyond those wanted.
    mutating func run(
        spare: Int, while isWanted: @escaping @Sendable () -> Bool, progress: ((SearchAnswer) throws -> Void)?
    ) throws -> SearchAnswer {
        let started = clock.now
        let budget = RerankBudget(
            deadline: request.rerank?.deadline.map { started.advanced(by: $0) }, isWanted: isWanted)
        let vector = try measured(\.embed) { run in try run.index.encoder.embed(query: run.request.query) }
        let reranker = request.rerank == nil ? nil : index.reranker
        let depth = reranker.map { request.rerank?.depth ?? $0.reranking.depth(of: pieces) } ?? 0
        let found = try index.candidates.candidates(
            for: vector, limit: max(depth, request.offset + request.limit) + spare, where: request.filter,
            group: request.group)
        _ = try budget.allowsMore()
        timings.filter = found.filterTime
        timings.scan = found.scanTime
        var candidates = found.entries.map(candidate)
        var answer = SearchAnswer(
            results: [], stage: .fast, reranked: 0, modelDigest: index.encoder.modelDigest, clips: found.count,
            timings: timings)
        if let reranker {
            let head = Array(candidates.prefix(depth))
            if let progress { try progress(try finished(&answer, candidates, since: started)) }
            let rerankStarted = clock.now
            let reranked = try reranker.rerank(
                query: request.query, candidates: head, beta: request.rerank?.beta ?? reranker.reranking.beta,
                budget: budget
            ) { improved in
                guard let progress else { return }
                note(improved, in: &answer)
                timings.rerank = milliseconds(since: rerankStarted)
                try progress(try finished(&answer, merged(improved, before: candidates), since: started))
            }
            timings.rerank = milliseconds(since: rerankStarted)
            note(reranked, in: &answer)
            candidates = merged(reranked, before: candidates)
        }
        return try finished(&answer, candidates, since: started)
    }

    /// With the Fast model's scores alone.
    private func candidate(_ entry: CandidateList.Entry) -> Candidate {
        let probability = relevance?.probability(fast: entry.cosine, evidence: nil, of: pieces)
        return Candidate(
            clip: entry.clip, media: entry.media,
            scores: SearchScores(fast: entry.cosine, combined: entry.cosine, probability: probability))
    }

    /// The re-ranked candidates in their order, then the rest in theirs.
    private func merged(_ reranked: [Candidate], before all: [Candidate]) -> [Candidate] {
        reranked.sorted(by: Candidate.ranksBefore) + all.dropFirst(reranked.count)
    }

    private func note(_ reranked: [Candidate], in answer: inout SearchAnswer) {
        answer.reranked = reranked.count { $0.scores.slow != nil }
        answer.stage = answer.reranked == reranked.count ? .slow : answer.reranked == 0 ? .fast : .partial
    }

    /// Looks the wanted page up. Clips that are gone from the catalog are passed over.
    private mutating func finished(
        _ answer: inout SearchAnswer, _ candidates: [Candidate], since started: ContinuousClock.Instant
    ) throws -> SearchAnswer {
        answer.isFound = relevance?.isFound(best: candidates.first?.scores.probability)
        let least = request.minProbability ?? 0
        let likely = least > 0 ? candidates.filter { $0.scores.probability ?? 0 >= least } : candidates
        let wanted = likely.dropFirst(request.offset)
        let scores = Dictionary(wanted.lazy.map { ($0.clip, $0.scores) }) { first, _ in first }
        let findings = try measured(\.lookup) { run in
            try run.catalog.findings(
                for: wanted.lazy.map(\.clip), limit: run.request.limit, where: run.request.filter)
        }
        answer.results = findings.compactMap { finding in
            scores[finding.clip.id].map { SearchResult(finding, scores: $0) }
        }
        timings.total = milliseconds(since: started)
        answer.timings = timings
        return answer
    }

    private mutating func measured<Value>(
        _ stage: WritableKeyPath<SearchTimings, Double>, _ body: (inout Self) throws -> Value
    ) rethrows -> Value {
        let started = clock.now
        defer { timings[keyPath: stage] += milliseconds(since: started) }
        return try body(&self)
    }

    private func milliseconds(since start: ContinuousClock.Instant) -> Double {
        start.duration(to: clock.now) / .milliseconds(1)
    }
}
