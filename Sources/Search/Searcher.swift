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
    let index: @Sendable () throws -> SearchIndex

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
        try check(request, of: index)
        var run = SearchRun(request: request, index: index, catalog: catalog)
        return try run.run(spare: Self.spare, while: isWanted, progress: progress)
    }

    /// Refuses what can't be asked of the model or of the catalog.
    ///
    /// - Throws: ``SearchError``, `CatalogError`.
    func check(_ request: SearchRequest, of index: SearchIndex) throws {
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
    }
}

/// One request on its way through the stages.
struct SearchRun {
    let request: SearchRequest
    let index: SearchIndex
    let catalog: Catalog

    private let words: WordQuery
    private let channel: SearchRequest.Channel
    /// What the model reads: the query without marks of quotation.
    private let query: String
    private let pieces: QueryPieces
    private let clock = ContinuousClock()
    private var timings = SearchTimings()
    private var said = WordCandidates()
    /// What is known of the clips that text found, by their embeddings.
    private var scores: [ClipID: SearchScores] = [:]

    init(request: SearchRequest, index: SearchIndex, catalog: Catalog) {
        self.request = request
        self.index = index
        self.catalog = catalog
        words = WordQuery(request.query)
        channel = request.channel == .both && words.isQuoted ? .words : request.channel
        query = words.isQuoted ? words.plain : request.query
        pieces = index.reranker?.pieces(of: query) ?? QueryPieces(count: 0)
    }

    private var relevance: Relevance? { index.reranker?.reranking.relevance }

    /// - Parameter spare: candidates to have beyond those wanted.
    mutating func run(
        spare: Int, while isWanted: @escaping @Sendable () -> Bool, progress: ((SearchAnswer) throws -> Void)?
    ) throws -> SearchAnswer {
        let started = clock.now
        let budget = RerankBudget(
            deadline: request.rerank?.deadline.map { started.advanced(by: $0) }, isWanted: isWanted)
        let vector = try measured(\.embed) { run in try run.index.encoder.embed(query: run.query) }
        if channel != .picture { try listen(vector) }
        guard channel != .words else {
            var answer = SearchAnswer(
                results: [], stage: .fast, reranked: 0, modelDigest: index.encoder.modelDigest,
                clips: index.candidates.count, timings: timings)
            return try finished(&answer, [], since: started)
        }
        let reranker = request.rerank == nil ? nil : index.reranker
        let depth = reranker.map { request.rerank?.depth ?? $0.reranking.depth(of: pieces) } ?? 0
        let fused = said.entries.isEmpty ? 0 : Fusion.depth
        let found = try index.candidates.candidates(
            for: vector, limit: max(depth, request.offset + request.limit, fused) + spare, where: request.filter,
            group: request.group)
        _ = try budget.allowsMore()
        timings.filter = found.filterTime
        timings.scan = found.scanTime
        var candidates = found.entries.map { candidate($0.clip, $0.media, cosine: $0.cosine) }
        var answer = SearchAnswer(
            results: [], stage: .fast, reranked: 0, modelDigest: index.encoder.modelDigest, clips: found.count,
            timings: timings)
        if let reranker {
            let head = Array(candidates.prefix(depth))
            if let progress { try progress(try finished(&answer, candidates, since: started)) }
            let rerankStarted = clock.now
            let reranked = try reranker.rerank(
                query: query, candidates: head, beta: request.rerank?.beta ?? reranker.reranking.beta,
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

    /// Looks for the query's words in the text, and for the pictures of the clips that have them.
    private mutating func listen(_ vector: [Float]) throws {
        let began = clock.now
        let found = try catalog.matches(of: words, limit: WordCandidates.lines, where: request.filter)
        said = WordCandidates(found, group: request.group)
        let vectors = try catalog.embeddings(of: said.entries.map(\.clip))
        for entry in said.entries {
            guard let other = vectors[entry.clip], other.count == vector.count else { continue }
            let cosine = zip(vector, other).reduce(0) { $0 + Double($1.0) * Double($1.1) }
            guard cosine.isFinite else { continue }
            scores[entry.clip] = candidate(entry.clip, entry.media, cosine: cosine).scores
        }
        // Of another index since a moment ago, or damaged.
        said.removeAll { scores[$0.clip] == nil }
        timings.words = milliseconds(since: began)
    }

    /// With the Fast model's scores alone.
    private func candidate(_ clip: ClipID, _ media: MediaID, cosine: Double) -> Candidate {
        let probability = relevance?.probability(fast: cosine, evidence: nil, of: pieces)
        return Candidate(
            clip: clip, media: media, scores: SearchScores(fast: cosine, combined: cosine, probability: probability))
    }

    /// The re-ranked candidates in their order, then the rest in theirs.
    private func merged(_ reranked: [Candidate], before all: [Candidate]) -> [Candidate] {
        reranked.sorted(by: Candidate.ranksBefore) + all.dropFirst(reranked.count)
    }

    private func note(_ reranked: [Candidate], in answer: inout SearchAnswer) {
        answer.reranked = reranked.count { $0.scores.slow != nil }
        answer.stage = answer.reranked == reranked.count ? .slow : answer.reranked == 0 ? .fast : .partial
    }

    /// Puts pictures and text together and looks the wanted page up. Clips that are gone from the catalog are passed over.
    ///
    /// - Parameter pictures: in their order.
    private mutating func finished(
        _ answer: inout SearchAnswer, _ pictures: [Candidate], since started: ContinuousClock.Instant
    ) throws -> SearchAnswer {
        let isSeen = relevance?.isFound(best: pictures.first?.scores.probability)
        answer.isFound = said.sayAll ? true : channel == .words ? false : isSeen
        let candidates =
            channel == .words
            ? Fusion.texts(said, scores: scores, relevance: relevance)
            : Fusion.fused(pictures, with: said, scores: scores, group: request.group, relevance: relevance)
        let least = request.minProbability ?? 0
        let likely =
            least > 0 ? candidates.filter { $0.saysAll || $0.scores.probability ?? 0 >= least } : candidates
        let wanted = likely.dropFirst(request.offset)
        let known = Dictionary(wanted.lazy.map { ($0.clip, $0) }) { first, _ in first }
        let findings = try measured(\.lookup) { run in
            try run.catalog.findings(
                for: wanted.lazy.map(\.clip), limit: run.request.limit, where: run.request.filter)
        }
        answer.results = findings.compactMap { finding in
            known[finding.clip.id].map { SearchResult(finding, $0) }
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
