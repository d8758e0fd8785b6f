import Tensors

/// BLIP's text model with its words, on what is stored of clips.
///
/// Blocking and CPU-bound: call it off Swift's cooperative pool.
package struct BLIPReader: Sendable {
    let configuration: BLIPConfiguration
    private let text: BLIPTextModel
    private let tokenizer: WordPieceTokenizer
    /// Which tokens may stand in a sentence that is written: no special ones.
    private let canWrite: [Bool]

    /// Words past this many tokens, the special ones included, are left out: captions that BLIP was trained with had at most 35.
    private static let maximumTokens = 64

    init(_ configuration: BLIPConfiguration, text: BLIPTextModel, tokenizer: WordPieceTokenizer) {
        self.configuration = configuration
        self.text = text
        self.tokenizer = tokenizer
        canWrite = tokenizer.pieces.map { !($0.hasPrefix("[") && $0.hasSuffix("]") && $0.count > 2) }
    }

    /// A sentence as BLIP reads it: BERT's tokens, in which the first is `[DEC]` or `[ENC]` and the last `[SEP]`.
    func tokens(of sentence: String) -> [Int32] {
        let limit = min(Self.maximumTokens, configuration.text.contextLength)
        return [Int32(configuration.text.startToken)] + tokenizer.encode(sentence, limit: limit).dropFirst()
    }

    func pieces(of query: String) -> QueryPieces {
        let words = tokens(of: query).dropFirst().dropLast()
        return QueryPieces(count: words.count, unknown: words.count { $0 == tokenizer.unknown })
    }

    /// Visual tokens of clips from what is stored of them.
    ///
    /// - Throws: ``ModelError`` `malformed` for bytes that this model didn't make.
    func visualTokens(_ features: [[UInt8]]) throws(ModelError) -> VisualMemory<Float>.Tokens {
        let memory = try ClipMemory.decode(features, as: configuration.features)
        guard let tokens = memory.maps[0] else { throw ModelError(.malformed, "the stored features have no tokens") }
        return tokens
    }

    func isUsable(_ features: [UInt8]) -> Bool { ClipMemory.isUsable(features, as: configuration.features) }

    /// Nothing in sight: one token of zeros.
    var blank: VisualMemory<Float>.Tokens {
        .init(values: Variable(constant: Tensor(zeros: [1, 1, configuration.image.width])), lengths: [1])
    }

    /// Of a captioner (Σ log p of the words + ω · log p of the end) / (L + ω), nearer 0 is likelier; of a model that was trained to match
    /// the difference of the head's logits, whose σ is the probability of a match.
    ///
    /// - Parameter endWeight: ω.
    package func scores(of query: String, with tokens: VisualMemory<Float>.Tokens, endWeight: Float) throws -> [Float] {
        let sentence = self.tokens(of: query)
        switch configuration.objective {
        case .matching: return try text.matchLogits(of: sentence, with: tokens)
        case .captioning:
            return try text.wordCosts(of: sentence, with: tokens).map { costs in
                let total = costs.dropLast().reduce(0, +) + endWeight * (costs.last ?? 0)
                return -total / (Float(costs.count - 1) + endWeight)
            }
        }
    }
}

extension BLIPReader: Captioner {
    /// - Precondition: the model is a captioner.
    package func caption(_ features: [UInt8], beams: Int) throws -> Caption {
        let tokens = try visualTokens([features])
        let start = Int32(configuration.text.startToken)
        let search = BeamSearch(beams: beams, longest: 24, end: tokenizer.end) { word in
            Int(word) < canWrite.count && canWrite[Int(word)]
        }
        let best = try search.best { try text.nextWords(after: $0.map { [start] + $0 }, at: tokens) }
        let pieces = tokenizer.pieces
        return Caption(
            sentence: WordPieceTokenizer.text(of: best.words.map { pieces[Int($0)] }), score: best.score)
    }
}

/// BLIP as what re-ranks: the likelihood of the query as a caption, or the matching head.
///
/// Source: Li et al., "BLIP", ICML 2022, §3.1.
struct BLIPScorer: PairScorer {
    let modelDigest: String
    private let reader: BLIPReader
    private let endWeight: Float

    /// - Parameter endWeight: ω of ``BLIPReader/scores(of:with:endWeight:)``.
    init(_ reader: BLIPReader, endWeight: Double, modelDigest: String) {
        self.reader = reader
        self.endWeight = Float(endWeight)
        self.modelDigest = modelDigest
    }

    func pieces(of query: String) -> QueryPieces { reader.pieces(of: query) }

    func scores(of query: String, features: [[UInt8]]) throws -> [Float?] {
        let usable = features.indices.filter { reader.isUsable(features[$0]) }
        var scores = [Float?](repeating: nil, count: features.count)
        guard !usable.isEmpty else { return scores }
        let tokens = try reader.visualTokens(usable.map { features[$0] })
        for (place, score) in zip(usable, try reader.scores(of: query, with: tokens, endWeight: endWeight)) {
            scores[place] = score
        }
        return scores
    }

    func blankScore(of query: String) throws -> Float {
        try reader.scores(of: query, with: reader.blank, endWeight: endWeight)[0]
    }
}
