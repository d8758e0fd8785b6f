package import Foundation
package import SystemPackage
package import Tensors

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
    ///   - tokenizerVocabulary: the tokenizer's pieces in the order of its ids; nil when it is ``tokenizer``.
    /// - Throws: ``ModelError`` when a piece isn't the tokenizer's or stands twice.
    package init(pieces: [String], tokenizerVocabulary: [String]?) throws {
        guard pieces.starts(with: Self.specials) else {
            throw ModelError(.malformed, "the Slow vocabulary must begin with \(Self.specials.joined(separator: ", "))")
        }
        let known = Dictionary(
            (tokenizerVocabulary ?? pieces).enumerated().map { ($1, Int32($0)) },
            uniquingKeysWith: { first, _ in first })
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

    /// The tokenizer that knows these pieces and no others: that of a Slow part whose Fast model has no word pieces. What isn't in the
    /// vocabulary as a whole is cut into what is.
    ///
    /// - Throws: ``ModelError`` as ``WordPieceTokenizer`` does.
    package var tokenizer: WordPieceTokenizer {
        get throws { try WordPieceTokenizer(vocabulary: pieces) }
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

    /// One piece a line, as it is kept beside the model.
    package var text: Data { Data((pieces.joined(separator: "\n") + "\n").utf8) }

    /// Reads what ``text`` gives.
    ///
    /// - Throws: ``ModelError``, ``WeightsError`` when the file can't be read.
    package init(contentsOf path: FilePath, tokenizerVocabulary: [String]?) throws {
        let source = try ByteSource(opening: path)
        guard source.count <= 16 << 20 else { throw ModelError(.malformed, "\(path): too large for a vocabulary") }
        let text = String(decoding: try source.read(0..<source.count), as: UTF8.self)
        try self.init(
            pieces: text.split(separator: "\n").map(String.init), tokenizerVocabulary: tokenizerVocabulary)
    }

    /// The words of a sentence of this vocabulary's ids, with the pieces joined.
    package func words(of sentence: [Int32]) -> String {
        WordPieceTokenizer.text(of: sentence.lazy.map { pieces[Int($0)] })
    }

    /// A sentence of the tokenizer in this vocabulary's ids, without the special tokens at its ends.
    package func encode(_ tokens: [Int32]) -> [Int32] {
        tokens.compactMap { token in
            guard let id = ids[token] else { return Self.unknown }
            return id == Self.start || id == Self.end ? nil : id
        }
    }
}

extension SlowVocabulary {
    /// What the word vectors of a new model may start from: a text encoder's, projected at random to another width, which keeps their
    /// angles (Johnson and Lindenstrauss, 1984).
    ///
    /// - Parameters:
    ///   - pieces: the text encoder's, in the order of its ids.
    /// - Returns: [count, width], each row with the length of about √width / 20.
    package func startingVectors(from text: BERTEncoder<Float>, pieces known: [String], width: Int) -> Tensor<Float> {
        let places = Dictionary(known.enumerated().map { ($1, Int32($0)) }, uniquingKeysWith: { first, _ in first })
        var random = SplitMix64(seed: 1)
        let source = text.wordVectors(pieces.map { places[$0] ?? 0 })
        let projection = Variable<Float>(
            constant: Tensor(normal: [width, source.shape[1]], deviation: 1, using: &random))
        let deviation = 0.05 * Float(width).squareRoot()
        return source.detached.linear(weight: projection).l2Normalized().scaled(by: deviation).value
    }
}
