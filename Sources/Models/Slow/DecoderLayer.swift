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

        let looked = attention(
            query: batch.padded(crossQuery(crossNorm(x))), key: crossKey(tokens.values),
            value: crossValue(tokens.values), heads: heads, keyLengths: tokens.lengths, memoryIndices: memoryIndices)
        x = x + dropout(crossOutput(batch.packed(looked)))
        return x + dropout(feedOut(feedIn(feedNorm(x)).gelu()))
    }
}
