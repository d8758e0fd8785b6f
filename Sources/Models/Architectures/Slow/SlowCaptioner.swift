package import Tensors

/// The Slow model with the words that it knows.
///
/// Blocking and CPU-bound: call it off Swift's cooperative pool.
package struct SlowCaptioner: Sendable {
    package let model: SlowModel<Float>
    package let vocabulary: SlowVocabulary
    /// What cuts sentences into the vocabulary's pieces, and others.
    private let tokenizer: WordPieceTokenizer

    package init(model: SlowModel<Float>, vocabulary: SlowVocabulary, tokenizer: WordPieceTokenizer) {
        self.model = model
        self.vocabulary = vocabulary
        self.tokenizer = tokenizer
    }

    /// Reads `slow.safetensors` and `slow-vocab.txt`.
    ///
    /// - Parameters:
    ///   - tokenizer: the Fast model's; nil for a Slow part whose vocabulary is a tokenizer's, ``SlowVocabulary/tokenizer``.
    ///   - trainable: whether its parameters are to be trained.
    /// - Throws: ``ModelError`` or ``WeightsError`` that names the file or the tensor.
    package init(
        folder: ModelFolder, configuration: SlowConfiguration, tokenizer: WordPieceTokenizer?, trainable: Bool = false
    ) throws {
        vocabulary = try SlowVocabulary(contentsOf: folder.slowVocabulary, tokenizerVocabulary: tokenizer?.pieces)
        self.tokenizer = try tokenizer ?? vocabulary.tokenizer
        guard vocabulary.count == configuration.vocabularySize else {
            throw ModelError(
                .malformed,
                "\(folder.slowVocabulary): has \(vocabulary.count) pieces where config.json says "
                    + "\(configuration.vocabularySize); it is another model's")
        }
        let weights = try WeightSet(SafetensorsFile(folder.slow))
        model = try SlowModel(configuration, ParameterSource(weights, trainable: trainable))
        try weights.requireOnly(Set(model.parameters.map(\.name)))
    }

    /// The model's parameters as its file has them.
    package var namedTensors: [(name: String, tensor: Tensor<Float>)] {
        model.parameters.map { ($0.name, $0.variable.value) }
    }

    /// A sentence's words as the model takes them: in its own ids, without the special tokens at the ends.
    package func tokens(of sentence: String) -> [Int32] {
        vocabulary.encode(tokenizer.encode(sentence, limit: model.configuration.maximumTokens + 2))
    }

    /// What is known of a sentence of ``tokens(of:)`` by its words alone.
    package static func pieces(of tokens: [Int32]) -> QueryPieces {
        QueryPieces(count: tokens.count, unknown: tokens.count { $0 == SlowVocabulary.unknown })
    }

    /// The memories of a batch of clips.
    ///
    /// - Parameters:
    ///   - features: of the frames of all clips, one after another.
    ///   - frameCounts: frames of each clip; at most the configuration's `frames` of them are used, evenly spread.
    /// - Throws: ``ModelError`` when the model's output isn't finite.
    package func memories(of features: VisualFeatures, frameCounts: [Int]) throws -> VisualMemory<Float> {
        var rows: [Int32] = []
        var first = 0
        for count in frameCounts {
            rows += evenlySpread(model.configuration.frames, of: count).map { Int32(first + $0) }
            first += count
        }
        let maps = features.maps.prefix(model.configuration.maps.count).map { map in
            let values = Variable(constant: map.values)
            return rows.count == first ? values : values.gatherRows(rows)
        }
        let memory = model.memory(
            maps: maps,
            frameCounts: frameCounts.map { min($0, model.configuration.frames) }
        ).detached
        for tokens in memory.maps.values where !tokens.values.value.scalars.allSatisfy(\.isFinite) {
            throw ModelError(.input, "the Slow model's memory of a clip isn't a number; the model is damaged")
        }
        return memory
    }

    /// The memory of a still picture in which there is nothing: what a sentence costs by itself is scored against it.
    package func blankMemory() -> VisualMemory<Float> {
        let maps = model.configuration.maps.map { map in
            Variable(constant: Tensor<Float>(zeros: [1, map.positions, map.channels]))
        }
        return model.memory(maps: maps, frameCounts: [1]).detached
    }
}

/// The Slow model as what re-ranks: h(x, y) per word from a clip's stored memory, or the logit of a model that was trained to match.
///
/// Source: Miech et al., CVPR 2021, §3.3.
struct SlowPairScorer: PairScorer {
    let modelDigest: String
    private let captioner: SlowCaptioner
    private let endWeight: Float
    private let blank: VisualMemory<Float>

    /// - Parameter reranking: says ω of ``SlowModel/scores(of:memory:memoryIndices:endWeights:)``.
    init(_ captioner: SlowCaptioner, reranking: Reranking?, modelDigest: String) {
        endWeight = Float((reranking ?? .untuned).endWeight)
        self.captioner = captioner
        self.modelDigest = modelDigest
        blank = captioner.blankMemory()
    }

    func pieces(of query: String) -> QueryPieces { SlowCaptioner.pieces(of: captioner.tokens(of: query)) }

    func scores(of query: String, features: [[UInt8]]) throws -> [Float?] {
        let form = captioner.model.configuration.memoryForm
        let usable = features.indices.filter { ClipMemory.isUsable(features[$0], as: form) }
        var scores = [Float?](repeating: nil, count: features.count)
        guard !usable.isEmpty else { return scores }
        let memory = try ClipMemory.decode(usable.map { features[$0] }, as: form)
        for (place, score) in zip(usable, score(query, memory)) { scores[place] = score }
        return scores
    }

    func blankScore(of query: String) throws -> Float { score(query, blank)[0] }

    private func score(_ query: String, _ memory: VisualMemory<Float>) -> [Float] {
        let sentence = captioner.tokens(of: query)
        return captioner.model.scores(
            of: [[Int32]](repeating: sentence, count: memory.count), memory: memory, endWeight: endWeight)
    }
}

extension SlowCaptioner: Captioner {
    /// What writes sentences; nil for a model that was trained to match.
    var describing: (any Captioner)? { model.configuration.objective == .captioning ? self : nil }

    package func caption(_ features: [UInt8], beams: Int) throws -> Caption {
        describe(try ClipMemory.decode([features], as: model.configuration.memoryForm), beams: beams)
    }
}
