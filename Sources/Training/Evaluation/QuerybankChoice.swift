package import Models
package import Tensors

/// The bank of a model's training captions that serves its validation galleries best.
package struct QuerybankChoice: Sendable {
    /// What was tried: a temperature and a weight, and what they do to the captions of each gallery.
    package struct Trial: Sendable {
        package let temperature: Float
        package let weight: Float
        /// From text to video.
        package let metrics: [RetrievalMetrics]

        /// The mean of R@1 and R@10, of all galleries alike.
        var score: Double {
            metrics.reduce(0) { $0 + ($1.recallAt1 + $1.recallAt10) / 2 } / Double(max(1, metrics.count))
        }
    }

    /// Clips and captions that no query of the bank is of.
    package struct Gallery: Sendable {
        /// [clips, dimensions], unit rows.
        package let clips: Tensor<Float>
        package let table: SimilarityTable

        package init(clips: Tensor<Float>, table: SimilarityTable) {
            self.clips = clips
            self.table = table
        }
    }

    /// Nil when no bank is better than none.
    package let querybank: Querybank?
    /// The galleries by unit vectors, and with the best bank.
    package let without, with: [RetrievalMetrics]
    package let tried: [Trial]

    private static let temperatures: [Float] = [0.02, 0.03, 0.05, 0.07, 0.1]
    /// How much shorter a clip gets that is nearer by as much as the best clip's cosine.
    private static let weights: [Float] = [0.25, 0.5, 0.75, 1]

    /// - Parameters:
    ///   - queries: [queries, dimensions], of captions that are none of the galleries'.
    package init(queries: Tensor<Float>, galleries: [Gallery]) {
        let tables = galleries.map(\.table)
        without = tables.map(\.textToVideo)
        let start = Trial(temperature: 0, weight: 0, metrics: without)
        var best = (trial: start, bank: Querybank?.none)
        var tried: [Trial] = []
        let nearest = tables.map(\.meanOfBest).reduce(0, +) / Float(max(1, tables.count))
        for temperature in Self.temperatures {
            let nearness = galleries.map {
                Querybank.nearness(of: $0.clips, to: queries, temperature: temperature)
            }
            let all = nearness.flatMap { $0 }
            let mean = all.reduce(0, +) / Float(max(1, all.count))
            for share in Self.weights where nearest > 0 {
                let bank = Querybank(
                    queries: queries, temperature: temperature, weight: share / nearest, mean: mean)
                let metrics = zip(tables, nearness).map { table, nearness in
                    table.multiplied(byItem: bank.lengths(nearness: nearness)).textToVideo
                }
                let trial = Trial(temperature: temperature, weight: bank.weight, metrics: metrics)
                tried.append(trial)
                if trial.score > best.trial.score { best = (trial, bank) }
            }
        }
        self.tried = tried
        querybank = best.bank
        with = best.trial.metrics
    }
}

extension SimilarityTable {
    /// The mean over the captions of the best item's score.
    fileprivate var meanOfBest: Float {
        (0..<captions).reduce(0) { $0 + (row($1).max() ?? 0) } / Float(max(1, captions))
    }

    /// Each item's scores times a number of its own.
    fileprivate func multiplied(byItem factors: [Float]) -> SimilarityTable {
        let items = items
        let values = scores.withUnsafeBufferPointer { values in
            values.indices.map { values[$0] * factors[$0 % items] }
        }
        return SimilarityTable(owners: owners, scores: Tensor(values, shape: scores.shape))
    }
}
