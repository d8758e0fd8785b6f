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
