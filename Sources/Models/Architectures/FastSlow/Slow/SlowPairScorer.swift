/// The Slow model as what re-ranks: h(x, y) / 2(L + 1) from a clip's stored memory, or the logit of a model that was trained to match.
///
/// Source: Miech et al., CVPR 2021, §3.3.
struct SlowPairScorer: PairScorer {
    let modelDigest: String
    private let captioner: SlowCaptioner
    private let tokenizer: any Tokenizer
    private let blank: VisualMemory<Float>

    init(_ captioner: SlowCaptioner, tokenizer: any Tokenizer, modelDigest: String) {
        self.captioner = captioner
        self.tokenizer = tokenizer
        self.modelDigest = modelDigest
        blank = captioner.blankMemory()
    }

    func canRead(_ query: String) -> Bool { !captioner.tokens(of: query, by: tokenizer).isEmpty }

    func scores(of query: String, features: [[UInt8]]) throws -> [Float?] {
        let configuration = captioner.model.configuration
        let usable = features.indices.filter { ClipMemory.isUsable(features[$0], by: configuration) }
        var scores = [Float?](repeating: nil, count: features.count)
        guard !usable.isEmpty else { return scores }
        let memory = try ClipMemory.decode(usable.map { features[$0] }, as: configuration)
        for (place, score) in zip(usable, score(query, memory)) { scores[place] = score }
        return scores
    }

    func blankScore(of query: String) throws -> Float { score(query, blank)[0] }

    private func score(_ query: String, _ memory: VisualMemory<Float>) -> [Float] {
        let sentence = captioner.tokens(of: query, by: tokenizer)
        return captioner.model.scores(of: [[Int32]](repeating: sentence, count: memory.count), memory: memory)
    }
}

extension SlowCaptioner: Captioner {
    package func caption(_ features: [UInt8], beams: Int) throws -> Caption {
        describe(try ClipMemory.decode([features], as: model.configuration), beams: beams)
    }
}
