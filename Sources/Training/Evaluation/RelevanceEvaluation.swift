package import Models

/// Whether a model tells queries that something in a gallery answers from queries that nothing there does, by its best results' probabilities.
package struct RelevanceEvaluation: Sendable {
    /// A query and what became of it.
    package struct Answer: Sendable, Codable {
        package var query: String
        /// The id of the best item.
        package var item: String
        /// That the best item is about the query, re-ranked.
        package var probability: Double
        /// That the Fast model's best item is, by the Fast model alone.
        package var fastProbability: Double

        enum CodingKeys: String, CodingKey {
            case query, item, probability
            case fastProbability = "fast_probability"
        }
    }

    package let gallery: Int
    /// Of queries that an item answers.
    package let present: [Answer]
    /// Of queries that none does.
    package let absent: [Answer]

    /// Blocking. The gallery is searched as a search does it, with the model's own `reranking.json`.
    ///
    /// - Parameters:
    ///   - features: of the gallery.
    ///   - progress: is called in the calling thread while pairs are scored.
    /// - Throws: ``ModelError`` when the model has no Slow part or isn't calibrated; ``WeightsError`` when the tokens' vectors can't be
    ///   read.
    package init(
        model: any RerankableModel, features: FeatureSet, present: [String], absent: [String],
        progress: (_ done: Int, _ all: Int) -> Void = { _, _ in }
    ) throws {
        guard let slow = model.slow, let reranking = model.reranking, let relevance = reranking.relevance else {
            throw ModelError(
                .input, "the model \(model.name) gives no probabilities: calibrate it with `saccade calibrate`")
        }
        gallery = features.count
        let queries = present + absent
        let asked = features.asked(queries)
        let fast = try FastEmbeddings(model, of: asked).table
        let evaluation = RerankingEvaluation(
            captioner: slow,
            memories: SlowMemories(
                model: slow.model, features: features, items: Array(0..<features.count), precision: .full),
            fast: fast, sentences: queries.map(slow.tokens(of:)),
            pairs: .bestItems(max(reranking.depth, reranking.shortDepth)), endWeight: reranking.endWeight,
            progress: progress)
        let answers = queries.indices.map { query in
            let pieces = evaluation.pieces[query]
            let nearest = fast.best(1, of: query)[0]
            let cosine = Double(fast.row(query)[nearest])
            let best = evaluation.answers(to: query, by: reranking).first
            let byFast = relevance.probability(fast: cosine, evidence: nil, of: pieces)
            return Answer(
                query: queries[query], item: features.dataset.items[best?.item ?? nearest].id,
                probability: best.map { relevance.probability(fast: $0.fast, evidence: $0.evidence, of: pieces) }
                    ?? byFast,
                fastProbability: byFast)
        }
        self.present = Array(answers.prefix(present.count))
        self.absent = Array(answers.suffix(absent.count))
    }

    /// The chance that a query which something answers has a higher probability than one which nothing does.
    package var area: Double { Self.area(present.map(\.probability), above: absent.map(\.probability)) }

    /// The same by the Fast model alone.
    package var fastArea: Double { Self.area(present.map(\.fastProbability), above: absent.map(\.fastProbability)) }

    /// The area under the curve of hits against false alarms: how often a value of the first is above one of the second, ties counting half.
    ///
    /// Source: Hanley and McNeil, "The meaning and use of the area under a receiver operating characteristic (ROC) curve", 1982.
    ///
    /// - Returns: 0 to 1; a half where either has no value.
    package static func area(_ positives: [Double], above negatives: [Double]) -> Double {
        guard !positives.isEmpty, !negatives.isEmpty else { return 0.5 }
        var wins = 0.0
        for positive in positives {
            for negative in negatives { wins += positive > negative ? 1 : positive == negative ? 0.5 : 0 }
        }
        return wins / Double(positives.count * negatives.count)
    }
}
