import Catalog
import Models
import VectorIndex

/// One request on its way through the stages.
struct SearchRun {
    let request: SearchRequest
    let filter: MediaFilter
    let generation: SearchGeneration
    let catalog: Catalog

    private let clock = ContinuousClock()
    private var timings = SearchTimings()

    init(request: SearchRequest, filter: MediaFilter, generation: SearchGeneration, catalog: Catalog) {
        self.request = request
        self.filter = filter
        self.generation = generation
        self.catalog = catalog
    }

    mutating func run(
        query: String, spare: Int, progress: ((SearchAnswer) throws -> Void)?
    ) throws -> SearchAnswer {
        let started = clock.now
        let deadline = request.rerank?.timeLimit.map { started.advanced(by: $0) }
        let snapshot = generation.index.snapshot()
        let vector = try measured(\.embed) { run in try run.generation.encoder.embed(query: query) }
        let selection = try measured(\.filter) { run in try run.filter.selection(in: run.catalog) }
        let reranker = request.rerank == nil ? nil : generation.reranker
        let depth = reranker.map { request.rerank?.depth ?? $0.defaultDepth } ?? 0
        let wanted = max(depth, request.offset + request.limit) + spare
        var candidates = try measured(\.scan) { run in
            try run.scan(snapshot, vector: vector, wanted: wanted, selection: selection)
        }
        var answer = SearchAnswer(
            results: [], stage: .fast, rescored: 0, generation: generation.encoder.modelDigest, clips: snapshot.count,
            timings: timings)
        if let reranker {
            let head = Array(candidates.prefix(depth))
            if let progress { try progress(try finished(&answer, candidates, since: started)) }
            let rerankStarted = clock.now
            let rescored = try reranker.rerank(
                query: query, candidates: head, beta: request.rerank?.beta ?? reranker.defaultBeta,
                budget: RerankBudget(deadline: deadline)
            ) { improved in
                guard let progress else { return }
                note(improved, in: &answer)
                timings.rerank = milliseconds(since: rerankStarted)
                try progress(try finished(&answer, merged(improved, before: candidates), since: started))
            }
            timings.rerank = milliseconds(since: rerankStarted)
            note(rescored, in: &answer)
            candidates = merged(rescored, before: candidates)
        }
        return try finished(&answer, candidates, since: started)
    }

    /// The best candidates of the Fast model; with grouping, one of each media.
    private func scan(
        _ snapshot: VectorIndexSnapshot, vector: [Float], wanted: Int, selection: MediaSelection?
    ) throws -> [Candidate] {
        let calibration = generation.reranker?.calibration
        var depth = wanted
        while true {
            let matches: [VectorMatch]
            do {
                matches = try snapshot.search(vector, limit: depth, within: selection)
            } catch {
                throw SearchError(.unusableEmbedding, "The model's vector for this query can't be searched: \(error)")
            }
            var seen: Set<MediaID> = []
            let kept = matches.filter { request.grouping == .clips || seen.insert($0.media).inserted }
            guard kept.count < wanted, matches.count == depth else {
                return kept.prefix(wanted).map {
                    let cosine = Double($0.score)
                    return Candidate(
                        clip: $0.clip, media: $0.media,
                        scores: SearchScores(
                            fast: cosine, combined: cosine,
                            probability: calibration?.probability(fast: cosine, evidence: nil)))
                }
            }
            depth *= 4
        }
    }

    /// The re-ranked candidates in their order, then the rest in theirs.
    private func merged(_ rescored: [Candidate], before all: [Candidate]) -> [Candidate] {
        rescored.sorted(by: Candidate.ranksBefore) + all.dropFirst(rescored.count)
    }

    private func note(_ rescored: [Candidate], in answer: inout SearchAnswer) {
        answer.rescored = rescored.count { $0.scores.slow != nil }
        answer.stage = answer.rescored == rescored.count ? .slow : answer.rescored == 0 ? .fast : .partial
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
                for: wanted.lazy.map(\.clip), limit: run.request.limit, admits: run.filter.admits)
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
