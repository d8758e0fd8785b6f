/// A rerank depth K, and the weight β that is best for it.
package struct RerankingChoice: Sendable {
    package let depth: Int
    package let beta: Double
    /// From text to video.
    package let metrics: RetrievalMetrics

    private static let betas = [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.5, 3, 4, 6, 8, 12]
    /// Percent that a smaller depth may cost.
    private static let tolerance = 0.5

    /// Tries every β of a list.
    ///
    /// - Parameter evaluation: holds the scores of each caption's best `depth` items.
    package init(depth: Int, by evaluation: RerankingEvaluation) {
        var (best, beta) = (
            RetrievalMetrics(ranks: evaluation.textToVideoRanks(depth: depth, beta: Self.betas[0])), Self.betas[0]
        )
        for other in Self.betas.dropFirst() {
            let metrics = RetrievalMetrics(ranks: evaluation.textToVideoRanks(depth: depth, beta: other))
            if Self.score(metrics) > Self.score(best) { (best, beta) = (metrics, other) }
        }
        (self.depth, self.beta, metrics) = (depth, beta, best)
    }

    /// The first that is within half a point of the best; nil of none.
    ///
    /// - Parameter choices: from the least depth to the greatest.
    package static func least(of choices: [RerankingChoice]) -> RerankingChoice? {
        let top = choices.map { score($0.metrics) }.max() ?? 0
        return choices.first { score($0.metrics) >= top - tolerance }
    }

    /// What is chosen by: the mean of R@1 and R@10.
    private static func score(_ metrics: RetrievalMetrics) -> Double {
        (metrics.recallAt1 + metrics.recallAt10) / 2
    }
}
