import Models
import Catalog

/// One request on its way through the stages.
struct SearchRun {
    let request: SearchRequest
    let index: SearchIndex
    let catalog: Catalog

    private let clock = ContinuousClock()
    private var timings = SearchTimings()

    init(request: SearchRequest, index: SearchIndex, catalog: Catalog) {
        self.request = request
        self.index = index
        self.catalog = catalog
    }

    /// - Parameter spare: candidates to have beyond those wanted.
    mutating func run(spare: Int, progress: ((SearchAnswer) throws -> Void)?) throws -> SearchAnswer {
        let started = clock.now
        let deadline = request.rerank?.deadline.map { started.advanced(by: $0) }
        let vector = try measured(\.embed) { run in try run.index.encoder.embed(query: run.request.query) }
        let reranker = request.rerank == nil ? nil : index.reranker
        let depth = reranker.map { request.rerank?.depth ?? $0.defaultDepth } ?? 0
        let found = try index.candidates.candidates(
            for: vector, limit: max(depth, request.offset + request.limit) + spare, where: request.filter,
            group: request.group)
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
                query: request.query, candidates: head, beta: request.rerank?.beta ?? reranker.defaultBeta,
                budget: RerankBudget(deadline: deadline)
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
        let probability = index.reranker?.calibration?.probability(fast: entry.cosine, evidence: nil)
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
