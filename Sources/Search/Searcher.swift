import Basics
package import Catalog
package import Models

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

    /// What encodes pictures for a query of this moment. Blocks the calling thread.
    ///
    /// - Throws: ``SearchError``; what the index's closure throws.
    package func clipEncoder() throws -> any ClipEncoder {
        guard let encoder = try index().clips else {
            throw SearchError(.otherModel, "The index's model encodes no pictures that come with a query.")
        }
        return encoder
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
    private let rows: any ClipRows

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
    /// What folding looks at, of the clips that it has looked at; vectors of unit length.
    private var clips: [ClipID: Clip] = [:]
    private var vectors: [ClipID: [Float]] = [:]

    init(request: SearchRequest, index: SearchIndex, catalog: Catalog) {
        self.request = request
        self.index = index
        self.catalog = catalog
        rows = index.rows ?? catalog
        words = WordQuery(request.query)
        // An example asks for pictures, whatever is quoted beside it.
        let isOfText = words.isQuoted && request.examples.isEmpty
        channel = request.channel == .both && isOfText ? .words : request.channel
        query = words.isQuoted ? words.plain : request.query
        pieces = index.reranker?.pieces(of: query) ?? QueryPieces(count: 0)
    }

    /// How likely words are. What is like an example, nobody has calibrated.
    private var relevance: Relevance? { request.examples.isEmpty ? index.reranker?.reranking.relevance : nil }

    /// - Parameter spare: candidates to have beyond those wanted.
    mutating func run(
        spare: Int, while isWanted: @escaping @Sendable () -> Bool, progress: ((SearchAnswer) throws -> Void)?
    ) throws -> SearchAnswer {
        let started = clock.now
        let budget = RerankBudget(
            deadline: request.rerank?.deadline.map { started.advanced(by: $0) }, isWanted: isWanted)
        let (vector, exclusions) = try measured(\.embed) { run in
            try (
                QueryVector(
                    words: run.query, examples: run.request.examples, index: run.index, catalog: run.catalog,
                    rows: run.rows),
                Exclusions(run.request.exclusions, encoder: run.index.encoder)
            )
        }
        if channel != .picture, !query.isEmpty { try listen(vector, exclusions) }
        var answer = SearchAnswer(
            results: [], stage: .fast, reranked: 0, modelDigest: index.encoder.modelDigest,
            clips: index.candidates.count, timings: timings)
        guard channel != .words else { return try finished(&answer, [], since: started) }
        // Words alone can be read against a clip.
        let reranker = request.rerank == nil || query.isEmpty ? nil : index.reranker
        let depth = reranker.map { request.rerank?.depth ?? $0.reranking.depth(of: pieces) } ?? 0
        let movable = [
            depth, said.entries.isEmpty ? 0 : Fusion.depth, exclusions.isEmpty ? 0 : Exclusions.depth,
            request.folds ? Folding.depth : 0,
        ]
        var limit =
            max(movable.max() ?? 0, request.offset + request.limit) + spare + vector.clips.count
        var found = try scan(vector, limit: limit)
        _ = try budget.allowsMore()
        answer.clips = found.count
        var candidates = try exclusions.applied(to: admitted(found.entries, by: vector), in: rows)
        if let reranker {
            let head = Array(candidates.prefix(depth))
            if let progress { try progress(try finished(&answer, candidates, since: started)) }
            let rerankStarted = clock.now
            let reranked = try reranker.rerank(
                query: query, candidates: head, beta: request.rerank?.beta ?? reranker.reranking.beta(of: pieces),
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
        while true {
            let complete = try finished(&answer, candidates, since: started)
            guard request.folds, complete.results.count < request.limit, found.entries.count == limit,
                limit < Folding.maximumDepth
            else { return complete }
            // So many were folded that the page isn't full.
            limit = min(limit * 4, Folding.maximumDepth)
            found = try scan(vector, limit: limit)
            _ = try budget.allowsMore()
            let known = Set(candidates.map(\.clip))
            candidates += admitted(found.entries, by: vector).filter { !known.contains($0.clip) }
        }
    }

    private mutating func scan(_ vector: QueryVector, limit: Int) throws -> CandidateList {
        let found = try index.candidates.candidates(
            for: vector.values, limit: limit, where: request.filter, group: request.group)
        timings.filter += found.filterTime
        timings.scan += found.scanTime
        return found
    }

    /// Without what the query names itself.
    private func admitted(_ entries: [CandidateList.Entry], by vector: QueryVector) -> [Candidate] {
        entries.lazy.filter { entry in
            request.group == .media ? !vector.media.contains(entry.media) : !vector.clips.contains(entry.clip)
        }.map { candidate($0.clip, $0.media, fast: $0.score) }
    }

    /// Looks for the query's words in the text, and for the pictures of the clips that have them.
    private mutating func listen(_ query: QueryVector, _ exclusions: Exclusions) throws {
        let began = clock.now
        let vector = query.values
        let found = try rows.matches(of: words, limit: WordCandidates.lines, where: request.filter)
        let group = request.group
        said = WordCandidates(found, group: group)
        said.removeAll { group == .media ? query.media.contains($0.media) : query.clips.contains($0.clip) }
        try exclusions.leaveOut(of: &said, in: rows, where: request.filter)
        let vectors = try rows.embeddings(of: said.entries.map(\.clip))
        for entry in said.entries {
            guard let other = vectors[entry.clip], other.count == vector.count else { continue }
            let fast = zip(vector, other).reduce(0) { $0 + Double($1.0) * Double($1.1) }
            guard fast.isFinite else { continue }
            scores[entry.clip] = candidate(entry.clip, entry.media, fast: fast).scores
        }
        // Of another index since a moment ago, or damaged.
        said.removeAll { scores[$0.clip] == nil }
        timings.words = milliseconds(since: began)
    }

    /// With the Fast model's scores alone.
    private func candidate(_ clip: ClipID, _ media: MediaID, fast: Double) -> Candidate {
        let probability = relevance?.probability(fast: fast, evidence: nil, of: pieces)
        return Candidate(
            clip: clip, media: media, scores: SearchScores(fast: fast, combined: fast, probability: probability))
    }

    /// The re-ranked candidates in their order, then the rest in theirs.
    private func merged(_ reranked: [Candidate], before all: [Candidate]) -> [Candidate] {
        let head = reranked.sorted(by: Candidate.ranksBefore).map { candidate in
            guard relevance == nil else { return candidate }
            var candidate = candidate
            candidate.scores.probability = nil
            return candidate
        }
        return head + all.dropFirst(reranked.count)
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
        answer.results =
            request.folds ? try folded(likely) : try results(of: likely.dropFirst(request.offset), limit: request.limit)
        timings.total = milliseconds(since: started)
        answer.timings = timings
        return answer
    }

    /// What an answer says of the first `limit` clips that are still there.
    private mutating func results(of wanted: some Collection<Candidate>, limit: Int) throws -> [SearchResult] {
        let known = Dictionary(wanted.lazy.map { ($0.clip, $0) }) { first, _ in first }
        let findings = try measured(\.lookup) { run in
            try run.rows.findings(for: wanted.map(\.clip), limit: limit, where: run.request.filter)
        }
        return findings.compactMap { finding in known[finding.clip.id].map { SearchResult(finding, $0) } }
    }

    /// The wanted page of what stands for itself.
    private mutating func folded(_ candidates: [Candidate]) throws -> [SearchResult] {
        let end = request.offset + request.limit
        let looked = candidates.prefix(Folding.maximumDepth)
        let groups = try measured(\.lookup) { run in
            let known = run.clips
            let new = looked.map(\.clip).filter { known[$0] == nil }
            run.clips.merge(try run.rows.clips(new)) { $1 }
            run.vectors.merge(try run.rows.embeddings(of: new).mapValues(\.normalised)) { $1 }
            return Folding.groups(of: Array(looked), clips: run.clips, vectors: run.vectors, limit: end)
        }
        let page = groups.dropFirst(request.offset)
        let others = Dictionary(page.lazy.map { ($0.best.clip, $0.others) }) { first, _ in first }
        var results = try results(of: page.lazy.map(\.best), limit: request.limit)
        for place in results.indices {
            guard let others = others[results[place].clip.id], !others.isEmpty else { continue }
            results[place].foldedCount = others.count
            results[place].folded = try self.results(of: others, limit: Folding.shown)
        }
        return results
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
