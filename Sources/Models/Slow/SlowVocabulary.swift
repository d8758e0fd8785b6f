/// The word pieces that the Slow model reads and writes: those of the text tokenizer that its training sentences use.
package struct SlowVocabulary: Sendable, Equatable {
    package static let start: Int32 = 0
    package static let end: Int32 = 1
    package static let unknown: Int32 = 2
    static let specials = ["[CLS]", "[SEP]", "[UNK]"]

    /// The special pieces first.
    package let pieces: [String]
    private let ids: [Int32: Int32]

    /// - Parameters:
    ///   - pieces: the special pieces, then the others, each once.
    ///   - tokenizerVocabulary: the tokenizer's pieces in the order of its ids.
    /// - Throws: ``ModelError`` when a piece isn't the tokenizer's or stands twice.
    package init(pieces: [String], tokenizerVocabulary: [String]) throws {
        guard pieces.starts(with: Self.specials) else {
            throw ModelError(.malformed, "the Slow vocabulary must begin with \(Self.specials.joined(separator: ", "))")
        }
        let known = Dictionary(
            tokenizerVocabulary.enumerated().map { ($1, Int32($0)) }, uniquingKeysWith: { first, _ in first })
        var ids: [Int32: Int32] = [:]
        for (index, piece) in pieces.enumerated() {
            guard let id = known[piece] else {
                throw ModelError(.malformed, "the Slow vocabulary has “\(piece)”, which vocab.txt lacks")
            }
            guard ids.updateValue(Int32(index), forKey: id) == nil else {
                throw ModelError(.malformed, "the Slow vocabulary has “\(piece)” twice")
            }
        }
        self.pieces = pieces
        self.ids = ids
    }

    /// The pieces that occur at least `minimum` times in `sentences` (tokenizer ids with or without special tokens).
    package static func collected(
        from sentences: some Sequence<[Int32]>, minimum: Int, tokenizerVocabulary: [String]
    ) -> [String] {
        var counts: [Int32: Int] = [:]
        for sentence in sentences {
            for id in sentence { counts[id, default: 0] += 1 }
        }
        let pieces = counts.filter { $0.value >= minimum }.keys.sorted().map { tokenizerVocabulary[Int($0)] }
        return specials + pieces.filter { !specials.contains($0) && $0 != "[PAD]" }
    }

    package var count: Int { pieces.count }

    /// A sentence of the tokenizer in this vocabulary's ids, without the special tokens at its ends.
    package func encode(_ tokens: [Int32]) -> [Int32] {
        tokens.compactMap { token in
            guard let id = ids[token] else { return Self.unknown }
            return id == Self.start || id == Self.end ? nil : id
        }
    }
}
