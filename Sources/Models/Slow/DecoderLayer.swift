import Tensors

/// One layer of the captioner: words look at words, then at the visual memory, then each thinks by itself.
///
/// Pre-normalised. Source: §3.1 of the paper; Vaswani et al., "Attention is all you need", NeurIPS 2017.
struct DecoderLayer<Scalar: TensorScalar>: Sendable {
    private struct Norm: Sendable {
        let gain: Variable<Scalar>
        let bias: Variable<Scalar>

        init(_ width: Int) {
            gain = Variable(parameter: Tensor(repeating: 1, shape: [width]))
            bias = Variable(parameter: Tensor(zeros: [width]))
        }

        func callAsFunction(_ x: Variable<Scalar>) -> Variable<Scalar> {
            x.layerNorm(gamma: gain, beta: bias, epsilon: 1e-5)
        }
    }

    private struct Linear: Sendable {
        let weight: Variable<Scalar>
        let bias: Variable<Scalar>

        init(_ outputs: Int, _ inputs: Int, gain: Double = 1, random: inout SplitMix64) {
            weight = Variable(
                parameter: Tensor(
                    normal: [outputs, inputs], deviation: gain / Double(inputs).squareRoot(), using: &random))
            bias = Variable(parameter: Tensor(zeros: [outputs]))
        }

        func callAsFunction(_ x: Variable<Scalar>) -> Variable<Scalar> { x.linear(weight: weight, bias: bias) }
    }

    private let level: SlowConfiguration.Level
    private let heads: Int
    private let selfNorm, crossNorm, feedNorm: Norm
    private let selfQuery, selfKey, selfValue, selfOutput: Linear
    private let crossQuery, crossKey, crossValue, crossOutput: Linear
    private let feedIn, feedOut: Linear

    init(_ configuration: SlowConfiguration, level: SlowConfiguration.Level, random: inout SplitMix64) {
        let width = configuration.width
        // Residual branches start small, so that a deep stack starts near the identity.
        let branch = 1 / Double(3 * configuration.layers.count).squareRoot()
        self.level = level
        heads = configuration.heads
        selfNorm = Norm(width)
        crossNorm = Norm(width)
        feedNorm = Norm(width)
        selfQuery = Linear(width, width, random: &random)
        selfKey = Linear(width, width, random: &random)
        selfValue = Linear(width, width, random: &random)
        selfOutput = Linear(width, width, gain: branch, random: &random)
        crossQuery = Linear(width, width, random: &random)
        crossKey = Linear(width, width, random: &random)
        crossValue = Linear(width, width, random: &random)
        crossOutput = Linear(width, width, gain: branch, random: &random)
        feedIn = Linear(configuration.feedForward, width, random: &random)
        feedOut = Linear(width, configuration.feedForward, gain: branch, random: &random)
    }

    var parameters: [(name: String, variable: Variable<Scalar>)] {
        let norms = [("self.norm", selfNorm), ("cross.norm", crossNorm), ("feed.norm", feedNorm)]
        let linears = [
            ("self.query", selfQuery), ("self.key", selfKey), ("self.value", selfValue), ("self.output", selfOutput),
            ("cross.query", crossQuery), ("cross.key", crossKey), ("cross.value", crossValue),
            ("cross.output", crossOutput), ("feed.in", feedIn), ("feed.out", feedOut),
        ]
        return norms.flatMap { [($0.0 + ".weight", $0.1.gain), ($0.0 + ".bias", $0.1.bias)] }
            + linears.flatMap { [($0.0 + ".weight", $0.1.weight), ($0.0 + ".bias", $0.1.bias)] }
    }

    /// - Parameters:
    ///   - words: [sentences, length, width].
    ///   - lengths: words of each sentence; the rest is padding.
    ///   - memoryIndices: the clip that each sentence looks at; nil when sentence i looks at clip i.
    func callAsFunction(
        _ words: Variable<Scalar>, lengths: [Int], memory: VisualMemory<Scalar>, memoryIndices: [Int]?,
        mask: AttentionMask, dropout: inout Dropout
    ) -> Variable<Scalar> {
        guard let tokens = memory.levels[level] else { preconditionFailure("the memory has no level \(level)") }
        let normal = selfNorm(words)
        let read = attention(
            query: selfQuery(normal), key: selfKey(normal), value: selfValue(normal), heads: heads,
            keyLengths: lengths, mask: mask)
        var x = words + dropout(selfOutput(read))

        let looked = attention(
            query: crossQuery(crossNorm(x)), key: crossKey(tokens.values), value: crossValue(tokens.values),
            heads: heads, keyLengths: tokens.lengths, memoryIndices: memoryIndices)
        x = x + dropout(crossOutput(looked))
        return x + dropout(feedOut(feedIn(feedNorm(x)).gelu()))
    }
}
