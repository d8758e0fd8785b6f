import Tensors

/// One layer of the captioner: words look at words, then at the visual memory, then each thinks by itself.
///
/// Pre-normalised. Source: §3.1 of the paper; Vaswani et al., "Attention is all you need", NeurIPS 2017.
struct DecoderLayer<Scalar: TensorScalar>: Sendable {
    /// The map that is looked at, counted from the coarsest.
    private let map: Int
    private let heads: Int
    private let block: TransformerBlock<Scalar>
    private let crossNorm: LayerNorm<Scalar>
    private let crossQuery, crossKey, crossValue, crossOutput: Linear<Scalar>

    /// - Parameter map: the map that is looked at, counted from the coarsest.
    init(_ configuration: SlowConfiguration, map: Int, _ parameter: ParameterSource<Scalar>) throws {
        let width = configuration.width
        // Residual branches start small, so that a deep stack starts near the identity.
        let branch = 1 / Double(3 * configuration.layers.count).squareRoot()
        func square(_ name: String, gain: Double = 1) throws -> Linear<Scalar> {
            try Linear(name, outputs: width, inputs: width, gain: gain, parameter)
        }
        self.map = map
        heads = configuration.heads
        let selfNorm = try LayerNorm("self.norm", width: width, parameter)
        let selfAttention = try parameter.scoped("self") {
            try SelfAttention(width: width, heads: configuration.heads, outputGain: branch, parameter)
        }
        crossNorm = try LayerNorm("cross.norm", width: width, parameter)
        crossQuery = try square("cross.query")
        crossKey = try Linear("cross.key", outputs: width, inputs: configuration.memoryWidth, parameter)
        crossValue = try Linear("cross.value", outputs: width, inputs: configuration.memoryWidth, parameter)
        crossOutput = try square("cross.output", gain: branch)
        let feedNorm = try LayerNorm("feed.norm", width: width, parameter)
        let feed = FeedForward(
            expand: try Linear("feed.in", outputs: configuration.feedForward, inputs: width, parameter),
            project: try Linear("feed.out", outputs: width, inputs: configuration.feedForward, gain: branch, parameter))
        block = TransformerBlock(
            normalization: .before, attentionNorm: selfNorm, attention: selfAttention, feedNorm: feedNorm, feed: feed)
    }

    /// - Parameters:
    ///   - words: [Σ lengths, width]: the words of all sentences, one after another. Nothing is computed for padding but attention.
    ///   - memoryIndices: the clip that each sentence looks at; nil when sentence i looks at clip i.
    func callAsFunction(
        _ words: Variable<Scalar>, of batch: SentenceBatch, memory: VisualMemory<Scalar>, memoryIndices: [Int]?,
        mask: AttentionMask, dropout: inout Dropout
    ) -> Variable<Scalar> {
        guard let tokens = memory.maps[map] else { preconditionFailure("the memory has no map \(map)") }
        return block(words, in: batch, mask: mask, dropout: &dropout) { x, dropout in
            let looked = look(batch.padded(crossQuery(crossNorm(x))), at: tokens, memoryIndices: memoryIndices)
            return x + dropout(crossOutput(batch.packed(looked)))
        }
    }

    /// Cross-attention: softmax(q·(W_k x + b_k)/√d) over the tokens x of a clip, of W_v x + b_v.
    ///
    /// The products are associative, and the cheaper order is taken. With many words a clip, as in training, the tokens are made keys
    /// and values. With few, as when clips are re-ranked, the query goes through W_k instead and the mix of the tokens through W_v:
    /// b_k adds the same to all tokens' scores, and the weights of b_v add up to 1. There the heads are more queries of one head.
    ///
    /// - Parameter query: [sentences, longest, width].
    private func look(
        _ query: Variable<Scalar>, at tokens: VisualMemory<Scalar>.Tokens, memoryIndices: [Int]?
    ) -> Variable<Scalar> {
        let (clips, length, memoryWidth) = (tokens.values.shape[0], tokens.values.shape[1], tokens.values.shape[2])
        let (sentences, longest, width) = (query.shape[0], query.shape[1], query.shape[2])
        let throughTokens = clips * length * memoryWidth * width + sentences * longest * length * width
        let throughWords = sentences * longest * memoryWidth * (width + heads * length)
        if throughTokens <= throughWords {
            return attention(
                query: query, key: crossKey(tokens.values), value: crossValue(tokens.values), heads: heads,
                keyLengths: tokens.lengths, memoryIndices: memoryIndices)
        }
        // Attention divides by the square root of its own depth, √memoryWidth, where the heads' is meant.
        let asked = query.scaled(by: (Scalar(heads * memoryWidth) / Scalar(width)).squareRoot())
            .headwiseLinear(weight: crossKey.weight, heads: heads, transposed: true)
            .reshaped([sentences, longest * heads, memoryWidth])
        let mixed = attention(
            query: asked, key: tokens.values, value: tokens.values, heads: 1, keyLengths: tokens.lengths,
            memoryIndices: memoryIndices)
        let read = mixed.reshaped([sentences, longest, heads * memoryWidth])
            .headwiseLinear(weight: crossValue.weight, heads: heads)
        return crossValue.bias.map { read + $0 } ?? read
    }
}
