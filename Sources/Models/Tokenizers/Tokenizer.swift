/// Turns text into the ids of a model's pieces.
package protocol Tokenizer: Sendable {
    /// The number of pieces: ids are below it.
    var vocabularySize: Int { get }

    /// The id that fills up shorter sequences.
    var padding: Int32 { get }

    /// The ids of a text, with the special ones that the model expects around it.
    ///
    /// - Parameters:
    ///   - text: any text, of any length.
    ///   - limit: at most this many ids are returned, the special ones included; what doesn't fit is cut off at the end.
    func encode(_ text: String, limit: Int) -> [Int32]
}

/// Sequences of token ids side by side, the shorter ones filled up.
package struct TokenBatch: Sendable, Equatable {
    /// Row-major [B, L].
    package let ids: [Int32]
    /// How many ids of each row are real.
    package let lengths: [Int]
    /// L: that of the longest sequence, at least 1.
    package let longest: Int

    /// - Parameters:
    ///   - sequences: as a ``Tokenizer`` makes them.
    ///   - padding: what fills up; no result depends on it.
    package init(_ sequences: [[Int32]], padding: Int32 = 0) {
        lengths = sequences.map(\.count)
        let longest = max(1, lengths.max() ?? 1)
        self.longest = longest
        ids = sequences.flatMap { $0 + repeatElement(padding, count: longest - $0.count) }
    }
}
