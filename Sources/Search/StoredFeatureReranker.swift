import Catalog
package import Models

/// Re-ranking by a model's pair scorer, from the features that ingest stored: the media files aren't touched.
///
/// The combined score is the pair's score + β·f(x)ᵀg(y) (Miech et al., CVPR 2021, §3.3), less what the clip shows of what is
/// excluded.
package struct StoredFeatureReranker: Reranker {
    /// Clips that are scored together: enough to keep two threads busy, few enough to meet a deadline within some 10 ms.
    private static let batch = 16
    /// Time between two answers that are told of: each costs lookups, and whoever draws it the processor that the next ones need.
    private static let pace = Duration.milliseconds(100)

    private let scorer: any PairScorer
    private let rows: any ClipRows
    private let report: @Sendable (any Error) -> Void

    package let reranking: Reranking
    package var modelDigest: String { scorer.modelDigest }

    /// - Parameters:
    ///   - reranking: how the scores are put together; nil where nobody has found that out.
    ///   - rows: whose features are read.
    ///   - report: is told why stored features can't be read; the search goes on without them.
    package init(
        scorer: any PairScorer, reranking: Reranking?, rows: any ClipRows,
        report: @escaping @Sendable (any Error) -> Void
    ) {
        self.scorer = scorer
        self.rows = rows
        self.report = report
        self.reranking = reranking ?? .untuned
    }

    /// What re-ranks with a model; nil for one that can't.
    ///
    /// - Parameter report: as above.
    package init?(
        _ model: LoadedModel, rows: any ClipRows, report: @escaping @Sendable (any Error) -> Void
    ) {
        guard let scorer = model.scorer else { return nil }
        self.init(scorer: scorer, reranking: model.reranking, rows: rows, report: report)
    }

    package func pieces(of query: String) -> QueryPieces { scorer.pieces(of: query) }

    package func rerank(
        query: String, candidates: [Candidate], beta: Double, budget: RerankBudget,
        progress: ([Candidate]) throws -> Void
    ) throws -> [Candidate] {
        var candidates = candidates
        // Nothing that the model could read, as in a query of emoji alone: the order of the stage before stands.
        let pieces = pieces(of: query)
        guard pieces.count > 0 else { return candidates }
        var blankScore: Float?
        var told = ContinuousClock.now
        for start in stride(from: 0, to: candidates.count, by: Self.batch) {
            guard try budget.allowsMore() else { break }
            let places = start..<min(start + Self.batch, candidates.count)
            let stored: [ClipID: [UInt8]]
            do {
                stored = try rows.rerankFeatures(of: places.map { candidates[$0].clip })
            } catch {
                // What can't be read takes nothing from the answer that there is.
                report(error)
                break
            }
            let found = places.compactMap { place in stored[candidates[place].clip].map { (place, $0) } }
            let scores = try scorer.scores(of: query, features: found.map(\.1))
            guard scores.contains(where: { $0 != nil }) else { continue }
            let blank = try blankScore ?? scorer.blankScore(of: query)
            blankScore = blank
            for ((place, _), score) in zip(found, scores) {
                guard let score, score.isFinite else { continue }
                var scores = candidates[place].scores
                scores.slow = Double(score)
                scores.combined = Double(score) + beta * scores.fast - Exclusions.slowWeight * (scores.excluded ?? 0)
                scores.probability = reranking.relevance?.probability(
                    fast: scores.fast, evidence: Double(score - blank), of: pieces)
                candidates[place].scores = scores
            }
            // The last order is what is returned.
            guard places.upperBound < candidates.count, ContinuousClock.now - told >= Self.pace else { continue }
            told = .now
            try progress(candidates)
        }
        return candidates
    }
}
