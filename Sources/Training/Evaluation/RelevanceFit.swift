import Glibc
package import Models

/// Fits a ``Relevance`` to what validation found, and says how good it is.
package struct RelevanceFit: Sendable {
    /// A query and an item: what is known of the pair, and whether the item is about the query.
    package struct Example: Sendable, Equatable {
        package var fast: Double
        /// Nil where the Slow model didn't score the pair.
        package var evidence: Double?
        package var pieces: QueryPieces
        package var isRelevant: Bool
        /// How many examples it stands for, above 0.
        package var weight: Double
        /// Examples of one group are fitted and tested together.
        package var group: Int

        package init(
            fast: Double, evidence: Double?, pieces: QueryPieces, isRelevant: Bool, weight: Double = 1, group: Int
        ) {
            self.fast = fast
            self.evidence = evidence
            self.pieces = pieces
            self.isRelevant = isRelevant
            self.weight = weight
            self.group = group
        }
    }

    /// Examples with a probability in one range.
    package struct Bin: Sendable, Equatable, Codable {
        package var count: Int
        package var meanProbability: Double
        package var frequency: Double
    }

    /// Fitted to all examples.
    package let relevance: Relevance
    /// Of each example, by a fit to the other half of the groups.
    package let probabilities: [Double]
    package let examples: [Example]
    private let halves: [Relevance]

    package init(_ examples: [Example]) {
        self.examples = examples
        relevance = Self.relevance(examples)
        let halves = (0..<2).map { half in Self.relevance(examples.filter { $0.group % 2 != half }) }
        self.halves = halves
        probabilities = examples.map { example in
            halves[example.group % 2].probability(fast: example.fast, evidence: example.evidence, of: example.pieces)
        }
    }

    /// The probability of an example that wasn't among those of the fit, by a fit to the other half of the groups.
    package func probability(of example: Example) -> Double {
        halves[example.group % 2].probability(fast: example.fast, evidence: example.evidence, of: example.pieces)
    }

    private static func relevance(_ examples: [Example]) -> Relevance {
        Relevance(fastOnly: logistic(examples, usesEvidence: false), both: logistic(examples, usesEvidence: true))
    }

    /// The most likely logistic regression, by Newton's method with a little ridge, so that it exists for separable examples too.
    ///
    /// - Parameter usesEvidence: leaves out examples that have none.
    private static func logistic(_ examples: [Example], usesEvidence: Bool) -> Relevance.Logistic {
        let rows = examples.filter { !usesEvidence || $0.evidence != nil }.map { example in
            (
                features: Relevance.Logistic.features(
                    fast: example.fast, evidence: usesEvidence ? example.evidence ?? 0 : 0, of: example.pieces),
                truth: example.isRelevant ? 1.0 : 0, weight: example.weight
            )
        }
        var weights = [Double](repeating: 0, count: 5)
        for _ in 0..<50 {
            var gradient = weights.map { -1e-3 * $0 }
            var curvature = weights.indices.map { row in weights.indices.map { row == $0 ? 1e-3 : 0 } }
            for row in rows {
                let p = 1 / (1 + exp(-zip(weights, row.features).reduce(0) { $0 + $1.0 * $1.1 }))
                for i in weights.indices {
                    gradient[i] += row.weight * (row.truth - p) * row.features[i]
                    for j in weights.indices {
                        curvature[i][j] += row.weight * p * (1 - p) * row.features[i] * row.features[j]
                    }
                }
            }
            let step = solved(curvature, gradient)
            for i in weights.indices { weights[i] += step[i] }
            if step.allSatisfy({ abs($0) < 1e-9 }) { break }
        }
        return Relevance.Logistic(weights)
    }

    /// The solution of a small positive definite system, by elimination.
    private static func solved(_ matrix: [[Double]], _ right: [Double]) -> [Double] {
        var (a, x) = (matrix, right)
        for pivot in x.indices {
            for row in (pivot + 1)..<x.count {
                let factor = a[row][pivot] / a[pivot][pivot]
                for column in pivot..<x.count { a[row][column] -= factor * a[pivot][column] }
                x[row] -= factor * x[pivot]
            }
        }
        for row in x.indices.reversed() {
            for column in (row + 1)..<x.count { x[row] -= a[row][column] * x[column] }
            x[row] /= a[row][row]
        }
        return x
    }

    /// The reliability curve: how often examples of each tenth of the probabilities are relevant, by their weights.
    package var reliability: [Bin] {
        (0..<10).compactMap { tenth in
            let places = probabilities.indices.filter { min(9, Int(probabilities[$0] * 10)) == tenth }
            guard !places.isEmpty else { return nil }
            let total = places.reduce(0) { $0 + examples[$1].weight }
            return Bin(
                count: places.count,
                meanProbability: places.reduce(0) { $0 + examples[$1].weight * probabilities[$1] } / total,
                frequency: places.reduce(0) { $0 + (examples[$1].isRelevant ? examples[$1].weight : 0) } / total)
        }
    }

    /// The mean distance of probability and frequency over the bins, weighted by their examples (ECE; Guo et al., ICML 2017).
    package var expectedCalibrationError: Double {
        reliability.reduce(0) { $0 + abs($1.meanProbability - $1.frequency) * Double($1.count) }
            / Double(max(1, examples.count))
    }
}
