/// The field's retrieval metrics over a set of queries.
package struct RetrievalMetrics: Sendable, Equatable {
    /// Recall at 1, 5 and 10, in percent.
    package var recallAt1: Double
    package var recallAt5: Double
    package var recallAt10: Double
    /// Median and mean rank; 1 is the best.
    package var medianRank: Double
    package var meanRank: Double

    /// - Parameter ranks: one a query, at least one; see ``rank(of:in:isCorrect:)``.
    package init(ranks: [Double]) {
        let sorted = ranks.sorted()
        func recall(_ k: Double) -> Double {
            100 * Double(sorted.count { $0 <= k }) / Double(max(sorted.count, 1))
        }
        recallAt1 = recall(1)
        recallAt5 = recall(5)
        recallAt10 = recall(10)
        meanRank = sorted.reduce(0, +) / Double(max(sorted.count, 1))
        let middle = sorted.count / 2
        medianRank =
            sorted.isEmpty ? 0 : sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }

    /// Recall at any depth, in percent.
    package static func recall(at depth: Int, ranks: [Double]) -> Double {
        100 * Double(ranks.count { $0 <= Double(depth) }) / Double(max(ranks.count, 1))
    }

    /// The rank of the best correct item: 1 + the number of wrong items that score strictly better + half of the wrong items
    /// that score the same, so that a constant score earns nothing.
    ///
    /// A score that isn't a number counts as the lowest.
    package static func rank(scores: some Sequence<Float>, isCorrect: (Int) -> Bool) -> Double {
        let scores = Array(scores.map { $0.isNaN ? -.infinity : $0 })
        var best = -Float.infinity
        for (index, score) in scores.enumerated() where isCorrect(index) { best = max(best, score) }
        var better = 0
        var tied = 0
        for (index, score) in scores.enumerated() where !isCorrect(index) {
            if score > best { better += 1 } else if score == best { tied += 1 }
        }
        return 1 + Double(better) + Double(tied) / 2
    }
}
