/// Says how well a query and single clips go together, from what the index stores of the clips: the model's half of re-ranking.
///
/// Blocking and CPU-bound: call it off Swift's cooperative pool.
package protocol PairScorer: Sendable {
    /// The model whose stored features it reads.
    var modelDigest: String { get }

    /// The query as the model reads it.
    func pieces(of query: String) -> QueryPieces

    /// Scores of one query with some clips; higher is better.
    ///
    /// - Parameters:
    ///   - query: any text that ``canRead(_:)``.
    ///   - features: each clip's stored bytes, which aren't trusted.
    /// - Returns: one score a clip, in the same order; nil for bytes that this model didn't make.
    func scores(of query: String, features: [[UInt8]]) throws -> [Float?]

    /// The query's score with nothing in sight: what a clip's score is compared with to say how probable it is.
    func blankScore(of query: String) throws -> Float
}

extension PairScorer {
    /// Whether the query has words that it can read; one of emoji alone may not.
    package func canRead(_ query: String) -> Bool { pieces(of: query).count > 0 }
}

/// Writes sentences about clips, from what the index stores of them.
///
/// Blocking and CPU-bound: call it off Swift's cooperative pool.
package protocol Captioner: Sendable {
    /// The most likely sentence about a clip.
    ///
    /// - Parameters:
    ///   - features: the clip's stored bytes, which aren't trusted.
    ///   - beams: sentences that are followed at once, at least 1.
    /// - Throws: ``ModelError`` `malformed` for bytes that this model didn't make.
    func caption(_ features: [UInt8], beams: Int) throws -> Caption
}

extension Captioner {
    /// The most likely sentence about a clip, following as many as is usual.
    package func caption(_ features: [UInt8]) throws -> Caption { try caption(features, beams: 5) }
}

/// A sentence that a model would write about a clip.
package struct Caption: Sendable, Equatable {
    package var sentence: String
    /// Σ log p of its words and its end, by their number: nearer 0 is surer.
    package var score: Double

    package init(sentence: String, score: Double) {
        self.sentence = sentence
        self.score = score
    }
}
