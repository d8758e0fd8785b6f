import Foundation

/// A query as the Slow model reads it, before it looks at any clip.
package struct QueryPieces: Sendable, Equatable {
    /// Word pieces, without the special tokens at the ends.
    package var count: Int
    /// Those of them that the model's vocabulary doesn't have.
    package var unknown: Int

    /// - Parameter unknown: 0 to `count`.
    package init(count: Int, unknown: Int = 0) {
        self.count = count
        self.unknown = unknown
    }
}

/// From scores to the probability that a clip is about what the query says.
///
/// Source: J. Platt, "Probabilistic outputs for support vector machines", 1999, with all that is known of the pair in one logistic regression.
package struct Relevance: Sendable, Equatable, Codable {
    /// 1 / (1 + exp(−(bias + fast·f(x)ᵀg(y) + evidence·e + length·ln L + unknown·u))).
    ///
    /// e is h(x, y) − h(nothing, y) per word, the pointwise mutual information of clip and query: how much likelier the query is with the clip in
    /// sight. L is the number of the query's word pieces, and u the share of them that the Slow vocabulary doesn't have.
    package struct Logistic: Sendable, Equatable, Codable {
        package var bias: Double
        package var fast: Double
        package var evidence: Double
        package var length: Double
        package var unknown: Double

        package init(
            bias: Double, fast: Double, evidence: Double = 0, length: Double = 0, unknown: Double = 0
        ) {
            self.bias = bias
            self.fast = fast
            self.evidence = evidence
            self.length = length
            self.unknown = unknown
        }

        /// What the coefficients are multiplied with, in the order of ``init(_:)``: 1, cosine, evidence, ln L, u.
        package static func features(fast cosine: Double, evidence: Double, of query: QueryPieces) -> [Double] {
            let count = Double(max(1, query.count))
            return [1, cosine, evidence, log(count), Double(query.unknown) / count]
        }

        /// - Parameter coefficients: five, as the declarations stand.
        package init(_ coefficients: [Double]) {
            precondition(coefficients.count == 5)
            self.init(
                bias: coefficients[0], fast: coefficients[1], evidence: coefficients[2], length: coefficients[3],
                unknown: coefficients[4])
        }

        package var coefficients: [Double] { [bias, fast, evidence, length, unknown] }

        package func probability(fast cosine: Double, evidence: Double, of query: QueryPieces) -> Double {
            let features = Self.features(fast: cosine, evidence: evidence, of: query)
            return 1 / (1 + exp(-zip(coefficients, features).reduce(0) { $0 + $1.0 * $1.1 }))
        }

        var isFinite: Bool { coefficients.allSatisfy(\.isFinite) }
    }

    /// For a clip that only the Fast model has scored; its `evidence` is 0.
    package var fastOnly: Logistic
    package var both: Logistic
    /// The probability from which the best result counts as found, 0 to 1; nil when the fit saw no query that nothing answers, so that
    /// probabilities tell a caption's own clip from others, and not whether anything is there.
    package var threshold: Double?

    package init(fastOnly: Logistic, both: Logistic, threshold: Double? = nil) {
        self.fastOnly = fastOnly
        self.both = both
        self.threshold = threshold
    }

    enum CodingKeys: String, CodingKey {
        case both, threshold
        case fastOnly = "fast_only"
    }

    /// - Parameter evidence: nil when the clip wasn't scored by the Slow model.
    package func probability(fast: Double, evidence: Double?, of query: QueryPieces) -> Double {
        evidence.map { both.probability(fast: fast, evidence: $0, of: query) }
            ?? fastOnly.probability(fast: fast, evidence: 0, of: query)
    }

    /// Whether a query is answered, given its best result's probability; nil where ``threshold`` is.
    ///
    /// - Parameter best: nil of no result.
    package func isFound(best: Double?) -> Bool? { threshold.map { (best ?? 0) >= $0 } }

    var isValid: Bool {
        fastOnly.isFinite && both.isFinite && threshold.map { (0...1).contains($0) } ?? true
    }
}
