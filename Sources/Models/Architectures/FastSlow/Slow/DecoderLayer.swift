import Tensors

/// One layer of the captioner: words look at words, then at the visual memory, then each thinks by itself.
///
/// Pre-normalised. Source: §3.1 of the paper; Vaswani et al., "Attention is all you need", NeurIPS 2017.
struct DecoderLayer<Scalar: TensorScalar>: Sendable {
    private struct Norm: Sendable {
        let gain: Variable<Scalar>
        let bias: Variable<Scalar>

        init(_ name: String, _ width: Int, _ parameter: ParameterSource<Scalar>) throws {
            gain = try parameter(name + ".weight", [width], .ones)
            bias = try parameter(name + ".bias", [width], .zeros)
        }

        func callAsFunction(_ x: Variable<Scalar>) -> Variable<Scalar> {
            x.layerNorm(gamma: gain, beta: bias, epsilon: 1e-5)
        }
    }

    private struct Linear: Sendable {
        let weight: Variable<Scalar>
        let bias: Variable<Scalar>

        init(
            _ name: String, _ outputs: Int, _ inputs: Int, gain: Double = 1, _ parameter: ParameterSource<Scalar>
        ) throws {
            weight = try parameter(name + ".weight", [outputs, inputs], .fan(inputs, gain: gain))
            bias = try parameter(name + ".bias", [outputs], .zeros)
        }

        func callAsFunction(_ x: Variable<Scalar>) -> Variable<Scalar> { x.linear(weight: weight, bias: bias) }
    }

    private let level: SlowConfiguration.Level
    private let heads: Int
    private let selfNorm, crossNorm, feedNorm: Norm
    private let selfQuery, selfKey, selfValue, selfOutput: Linear
    private let crossQuery, crossKey, crossValue, crossOutput: Linear
    private let feedIn, feedOut: Linear

    init(
        _ configuration: SlowConfiguration, level: SlowConfiguration.Level, _ parameter: ParameterSource<Scalar>
    ) throws {
        let width = configuration.width
        // Residual branches start small, so that a deep stack starts near the identity.
        let branch = 1 / Double(3 * configuration.layers.count).squareRoot()
        self.level = level
        heads = configuration.heads
        selfNorm = try Norm("self.norm", width, parameter)
        selfQuery = try Linear("self.query", width, width, parameter)
        selfKey = try Linear("self.key", width, width, parameter)
        selfValue = try Linear("self.value", width, width, parameter)
        selfOutput = try Linear("self.output", width, width, gain: branch, parameter)
        crossNorm = try Norm("cross.norm", width, parameter)
        crossQuery = try Linear("cross.query", width, width, parameter)
        crossKey = try Linear("cross.key", width, width, parameter)
        crossValue = try Linear("cross.value", width, width, parameter)
        crossOutput = try Linear("cross.output", width, width, gain: branch, parameter)
        feedNorm = try Norm("feed.norm", width, parameter)
        feedIn = try Linear("feed.in", configuration.feedForward, width, parameter)
        feedOut = try Linear("feed.out", width, configuration.feedForward, gain: branch, parameter)
    }

    /// - Parameters:
    ///   - words: [Σ lengths, width]: the words of all sentences, one after another. Nothing is computed for padding but attention.
    ///   - memoryIndices: the clip that each sentence looks at; nil when sentence i looks at clip i.
    func callAsFunction(
        _ words: Variable<Scalar>, of batch: SentenceBatch, memory: VisualMemory<Scalar>, memoryIndices: [Int]?,
        mask: AttentionMask, dropout: inout Dropout
    ) -> Variable<Scalar> {
        guard let tokens = memory.levels[level] else { preconditionFailure("the memory has no level \(level)") }
        let normal = selfNorm(words)
        let read = attention(
            query: batch.padded(selfQuery(normal)), key: batch.padded(selfKey(normal)),
            value: batch.padded(selfValue(normal)), heads: heads, keyLengths: batch.lengths, mask: mask)
        var x = words + dropout(selfOutput(batch.packed(read)))

        let looked = look(batch.padded(crossQuery(crossNorm(x))), at: tokens, memoryIndices: memoryIndices)
        x = x + dropout(crossOutput(batch.packed(looked)))
        return x + dropout(feedOut(feedIn(feedNorm(x)).gelu()))
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
        let (clips, length, width) = (tokens.values.shape[0], tokens.values.shape[1], tokens.values.shape[2])
        let (sentences, longest) = (query.shape[0], query.shape[1])
        let throughTokens = clips * length * width + sentences * longest * length
        let throughWords = sentences * longest * (width + heads * length)
        if throughTokens <= throughWords {
            return attention(
                query: query, key: crossKey(tokens.values), value: crossValue(tokens.values), heads: heads,
                keyLengths: tokens.lengths, memoryIndices: memoryIndices)
        }
        // Attention divides by √width where the heads' own depth is meant.
        let asked = query.scaled(by: Scalar(heads).squareRoot())
            .headwiseLinear(weight: crossKey.weight, heads: heads, transposed: true)
            .reshaped([sentences, longest * heads, width])
        let mixed = attention(
            query: asked, key: tokens.values, value: tokens.values, heads: 1, keyLengths: tokens.lengths,
            memoryIndices: memoryIndices)
        return mixed.reshaped([sentences, longest, heads * width])
            .headwiseLinear(weight: crossValue.weight, heads: heads) + crossValue.bias
    }
}
