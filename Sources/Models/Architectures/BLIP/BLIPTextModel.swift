import Tensors

/// BLIP's text model: words look at words, then at a clip's visual tokens, then each thinks by itself, normalised after each.
///
/// With the matching head words look at all others, and the state of the first one says whether sentence and clip belong together; with the
/// captioning head they look back only, and each state says which word comes next.
/// Source: Li et al., "BLIP: Bootstrapping language-image pre-training for unified vision-language understanding and generation", ICML 2022,
/// §3.1. Parameters are those of transformers 5.24.0, `BlipForImageTextRetrieval` and `BlipForConditionalGeneration`.
struct BLIPTextModel: Sendable {
    private struct Layer: Sendable {
        let block: TransformerBlock<Float>
        let cross: CrossAttention<Float>
        let crossNorm: LayerNorm<Float>
    }

    /// The vectors of words: in memory where they come out as well, tied; else in their file.
    private enum Words: Sendable {
        case table(Variable<Float>)
        case stored(StoredRows)
        /// Of a model that is only listed.
        case none
    }

    /// What makes a score of states.
    private enum Head: Sendable {
        /// [2, width] and [2]: the logits of “no” and “yes”.
        case matching(Linear<Float>)
        case captioning(transform: Linear<Float>, norm: LayerNorm<Float>, bias: Variable<Float>)
    }

    let configuration: BLIPTextConfiguration
    private let words: Words
    /// [contextLength, width].
    private let positions: Variable<Float>
    private let norm: LayerNorm<Float>
    private let layers: [Layer]
    private let head: Head

    /// - Parameter tokenWidth: of the visual tokens.
    /// - Throws: ``WeightsError`` when the source lacks a parameter.
    init(
        _ configuration: BLIPTextConfiguration, objective: SlowConfiguration.Objective, tokenWidth: Int,
        _ parameter: ParameterSource<Float>
    ) throws {
        self.configuration = configuration
        let (width, stack) = (configuration.width, configuration.stack)
        let table = [configuration.vocabularySize, width]
        switch objective {
        case .captioning: words = .table(try parameter("words.weight", table, .normal(0.02)))
        case .matching: words = try parameter.rows("words.weight", table).map { .stored($0) } ?? .none
        }
        positions = try parameter("positions", [configuration.contextLength, width], .normal(0.02))
        norm = try stack.norm("norm", parameter)
        layers = try zip(0..., stack.blocks(parameter, normalization: .after)).map { index, block in
            try parameter.scoped("blocks.\(index)") {
                Layer(
                    block: block,
                    cross: try parameter.scoped("cross") {
                        try CrossAttention(width: width, tokenWidth: tokenWidth, heads: configuration.heads, parameter)
                    },
                    crossNorm: try stack.norm("cross.norm", parameter))
            }
        }
        switch objective {
        case .matching: head = .matching(try Linear("match", outputs: 2, inputs: width, parameter))
        case .captioning:
            head = .captioning(
                transform: try Linear("transform", outputs: width, inputs: width, parameter),
                norm: try stack.norm("transform.norm", parameter),
                bias: try parameter("words.bias", [configuration.vocabularySize], .zeros))
        }
    }

    /// The last layer's states: [sentences, length, width].
    ///
    /// - Parameters:
    ///   - sentences: of one length, with the special tokens, at most the configuration's `contextLength` long.
    ///   - tokens: of the clips.
    ///   - tokenIndices: the clip that each sentence looks at; nil when sentence i looks at clip i.
    private func states(
        _ sentences: [[Int32]], at tokens: VisualMemory<Float>.Tokens, tokenIndices: [Int]?, mask: AttentionMask
    ) throws -> Variable<Float> {
        let (count, length) = (sentences.count, sentences.first?.count ?? 0)
        let ids = sentences.flatMap { $0 }
        precondition(ids.count == count * length, "sentences of several lengths")
        let vectors: Variable<Float>
        switch words {
        case .table(let table): vectors = table.gatherRows(ids)
        case .stored(let rows): vectors = Variable(constant: try rows.gathered(ids))
        case .none: preconditionFailure("a model that is only listed can't compute")
        }
        var x = norm(
            vectors.reshaped([count, length, configuration.width]) + positions.sliced(axis: 0, 0..<length))
        var off = Dropout.off
        for layer in layers {
            x = layer.block(x, in: Rectangle(), mask: mask, dropout: &off) { x, _ in
                layer.crossNorm(x + layer.cross(x, in: Rectangle(), at: tokens, tokenIndices: tokenIndices))
            }
        }
        return x
    }

    /// The logit of each pair: σ of it is the softmax's probability that sentence i is about clip i.
    ///
    /// - Parameter sentence: with the special tokens; the same with each clip.
    /// - Precondition: the model has the matching head.
    func matchLogits(of sentence: [Int32], with tokens: VisualMemory<Float>.Tokens) throws -> [Float] {
        guard case .matching(let head) = head else { preconditionFailure("a captioner has no matching head") }
        let count = tokens.lengths.count
        let states = try states(
            [[Int32]](repeating: sentence, count: count), at: tokens, tokenIndices: nil, mask: .none)
        let logits = head(states.sliced(axis: 1, 0..<1).reshaped([count, configuration.width])).value.scalars
        return (0..<count).map { logits[2 * $0 + 1] - logits[2 * $0] }
    }

    /// −log p of each token of a sentence but the first, with each clip: [clips][length − 1].
    ///
    /// - Parameter sentence: with the special tokens.
    /// - Precondition: the model has the captioning head.
    func wordCosts(of sentence: [Int32], with tokens: VisualMemory<Float>.Tokens) throws -> [[Float]] {
        let (count, length) = (tokens.lengths.count, sentence.count - 1)
        let states = try states(
            [[Int32]](repeating: Array(sentence.dropLast()), count: count), at: tokens, tokenIndices: nil, mask: .causal
        )
        let targets = [[Int32]](repeating: Array(sentence.dropFirst()), count: count).flatMap { $0 }
        let costs = logits(states).crossEntropy(targets: targets).value.scalars
        return (0..<count).map { Array(costs[$0 * length..<($0 + 1) * length]) }
    }

    /// log p of each word that could come next: [beginnings, vocabularySize].
    ///
    /// - Parameters:
    ///   - beginnings: of one length, with the first special token.
    ///   - tokens: of one clip.
    /// - Precondition: the model has the captioning head.
    func nextWords(after beginnings: [[Int32]], at tokens: VisualMemory<Float>.Tokens) throws -> Tensor<Float> {
        let states = try states(
            beginnings, at: tokens, tokenIndices: [Int](repeating: 0, count: beginnings.count), mask: .causal)
        let last = states.shape[1] - 1
        return logits(states.sliced(axis: 1, last..<last + 1).reshaped([beginnings.count, configuration.width]))
            .logSoftmax().value
    }

    /// [..., vocabularySize] of [..., width].
    private func logits(_ states: Variable<Float>) -> Variable<Float> {
        guard case .captioning(let transform, let norm, let bias) = head, case .table(let table) = words else {
            preconditionFailure("a model that was trained to match writes no words")
        }
        return norm(transform(states, then: configuration.activation)).linear(weight: table, bias: bias)
    }
}
