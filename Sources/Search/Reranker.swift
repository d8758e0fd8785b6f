package import Catalog
package import Models

/// A clip on its way through the stages of a search.
package struct Candidate: Sendable, Equatable {
    package var clip: ClipID
    package var media: MediaID
    package var scores: SearchScores
    /// What it was found by beside its picture.
    var words: FoundWords?
    /// Whether its text says all of the query.
    var saysAll: Bool { (scores.words ?? 0) >= WordCandidates.whole }

    package init(clip: ClipID, media: MediaID, scores: SearchScores) {
        self.clip = clip
        self.media = media
        self.scores = scores
    }

    /// Candidates that were scored again come first; then higher combined scores; then ascending clips.
    package static func ranksBefore(_ first: Candidate, _ second: Candidate) -> Bool {
        let scored = (first.scores.slow != nil, second.scores.slow != nil)
        if scored.0 != scored.1 { return scored.0 }
        if first.scores.combined != second.scores.combined { return first.scores.combined > second.scores.combined }
        return first.clip < second.clip
    }
}

/// What a re-ranker may spend.
package struct RerankBudget: Sendable {
    /// No new batch is begun after this moment.
    package var deadline: ContinuousClock.Instant?
    /// Whether anybody waits for the answer.
    package var isWanted: @Sendable () -> Bool

    package init(deadline: ContinuousClock.Instant? = nil, isWanted: @escaping @Sendable () -> Bool = { true }) {
        self.deadline = deadline
        self.isWanted = isWanted
    }

    /// - Returns: whether a new batch may be begun.
    /// - Throws: `CancellationError` when nobody waits for the answer any more.
    package func allowsMore() throws(CancellationError) -> Bool {
        guard isWanted() else { throw CancellationError() }
        return deadline.map { ContinuousClock.now < $0 } ?? true
    }
}

/// The stage after the scan: reads a query word by word against each of a few clips.
package protocol Reranker: Sendable {
    /// How many clips it scores and how it weighs the Fast score when the request doesn't say, and what probability comes of scores.
    var reranking: Reranking { get }
    /// The model whose stored features it reads.
    var modelDigest: String { get }

    /// The query as the model reads it.
    func pieces(of query: String) -> QueryPieces

    /// Sets `slow`, `combined` and, where it is calibrated, `probability` of as many candidates as the budget allows, the first ones first. Blocks the calling thread.
    ///
    /// - Parameters:
    ///   - query: the query's text.
    ///   - candidates: in the order of the stage before.
    ///   - beta: weight of the Fast score in `combined`.
    ///   - progress: called now and then with all candidates, for answers that are sent as they improve.
    /// - Returns: the same candidates in the same order; those that were not reached, or whose features are missing, as they were.
    func rerank(
        query: String, candidates: [Candidate], beta: Double, budget: RerankBudget,
        progress: ([Candidate]) throws -> Void
    ) throws -> [Candidate]
}
