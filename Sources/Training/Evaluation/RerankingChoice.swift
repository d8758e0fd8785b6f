package import Models

/// A rerank depth K, and the weights β and ω that are best for it.
package struct RerankingChoice: Sendable {
    /// Without a relevance.
    package let reranking: Reranking
    /// Of each gallery's captions, from text to video.
    package let metrics: [RetrievalMetrics]
    /// Of short queries, the mean average precision, 0 to 1; nil where nobody asked any.
    package let meanAveragePrecision: Double?

    /// What is tried.
    package struct Settings: Sendable {
        /// Each K, from the least to the greatest.
        package var depths = [16, 32, 64]
        /// Each K of short queries, from the least to the greatest.
        package var shortDepths = [32, 64, 128]
        package var betas = [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.5, 3, 4, 6, 8, 12]
        /// How many points of the captions' score a point of mean average precision is worth.
        package var conceptWeight = 1.0

        package init() {}
    }

    /// Each ω that is tried; the evaluations of ``best(of:concepts:settings:)`` are of these.
    package static let endWeights = [0, 0.25, 0.5, 0.75, 1]
    /// Points that a smaller depth may cost.
    private static let tolerance = 0.5

    /// The best of all settings: of each K the ω and β with the highest score, then the least K whose score is within half a point of the best,
    /// then the least K of short queries within half a point of the best.
    ///
    /// The score is the mean of the captions' R@1 and R@10, of all galleries alike, plus ``Settings/conceptWeight`` times the concepts' mean average
    /// precision, in percent, with the β that is best for them. Captions must not suffer for the concepts: an ω and β count only if R@1 is no less than
    /// the best for captions alone with ω = 1 has at that K.
    ///
    /// - Parameters:
    ///   - galleries: of each, one evaluation of its captions for each ω, 1 among them, with the scores of each caption's best items down to the greatest K.
    ///   - concepts: one for each ω, in the same order; nil where there are none, and then short queries have the K of all.
    /// - Returns: of each K the best, from the least K to the greatest, and which of them is chosen.
    package static func best(
        of galleries: [[RerankingEvaluation]], concepts: [ConceptRanking]? = nil, settings: Settings = Settings()
    ) -> (tried: [RerankingChoice], chosen: RerankingChoice) {
        let endWeights = galleries.first?.map(\.endWeight) ?? []
        precondition(galleries.allSatisfy { $0.map(\.endWeight) == endWeights } && !settings.depths.isEmpty)
        precondition(concepts.map { $0.count == endWeights.count } ?? true)
        guard let asTrained = endWeights.firstIndex(of: 1) else {
            preconditionFailure("ω = 1 is what the others are compared with")
        }
        func metrics(_ place: Int, _ depth: Int, _ beta: Double) -> [RetrievalMetrics] {
            galleries.map { RetrievalMetrics(ranks: $0[place].textToVideoRanks(depth: depth, beta: beta)) }
        }
        let short = settings.shortDepths.last ?? 0
        // Of each ω, the β that is best for short queries.
        let shortest = concepts?.map { ranking in
            let tried = settings.betas.map { (beta: $0, precision: ranking.precision(depth: short, beta: $0)) }
            return tried.max { $0.precision < $1.precision } ?? (0, 0)
        }
        let tried = settings.depths.map { depth in
            let floor = settings.betas.map { metrics(asTrained, depth, $0) }.max { score($0) < score($1) }
                .map(recallAt1)
            var best: (choice: RerankingChoice, score: Double)?
            for (place, endWeight) in endWeights.enumerated() {
                for beta in settings.betas {
                    let metrics = metrics(place, depth, beta)
                    let concept = shortest?[place]
                    let score = score(metrics) + settings.conceptWeight * 100 * (concept?.precision ?? 0)
                    guard recallAt1(metrics) >= floor ?? 0, score > best?.score ?? -.infinity else { continue }
                    best = (
                        RerankingChoice(
                            reranking: Reranking(
                                depth: depth, shortDepth: concept == nil ? depth : short, beta: beta,
                                shortBeta: concept?.beta, endWeight: Double(endWeight)),
                            metrics: metrics, meanAveragePrecision: concept?.precision),
                        score
                    )
                }
            }
            guard let best else { preconditionFailure("the floor is one of those that are tried") }
            return best
        }
        let top = tried.map(\.score).max() ?? 0
        guard let chosen = tried.first(where: { $0.score >= top - tolerance })?.choice else {
            preconditionFailure("the best is within the tolerance")
        }
        guard let concepts, let place = endWeights.firstIndex(where: { Double($0) == chosen.reranking.endWeight })
        else {
            return (tried.map(\.choice), chosen)
        }
        let shallower = settings.shortDepths.map { depth in
            var reranking = chosen.reranking
            reranking.shortDepth = depth
            return RerankingChoice(
                reranking: reranking, metrics: chosen.metrics,
                meanAveragePrecision: concepts[place].precision(depth: depth, beta: reranking.shortBeta))
        }
        let most = shallower.compactMap(\.meanAveragePrecision).max() ?? 0
        return (
            tried.map(\.choice),
            shallower.first { 100 * ($0.meanAveragePrecision ?? 0) >= 100 * most - tolerance } ?? chosen
        )
    }

    /// What captions are judged by: the mean of R@1 and R@10.
    private static func score(_ metrics: [RetrievalMetrics]) -> Double {
        metrics.reduce(0) { $0 + ($1.recallAt1 + $1.recallAt10) / 2 } / Double(max(1, metrics.count))
    }

    private static func recallAt1(_ metrics: [RetrievalMetrics]) -> Double {
        metrics.reduce(0) { $0 + $1.recallAt1 } / Double(max(1, metrics.count))
    }
}

extension ConceptRanking {
    /// The mean average precision, 0 to 1.
    fileprivate func precision(depth: Int, beta: Double) -> Double {
        measurement(depth: depth, beta: beta).meanAveragePrecision
    }
}
