import Tensors

/// One layer of the captioner: words look at words, then at the visual memory, then each thinks by itself.
///
/// Pre-normalised. Source: §3.1 of the paper; Vaswani et al., "Attention is all you need", NeurIPS 2017.
struct DecoderLayer<Scalar: TensorScalar>: Sendable {
    /// The map that is looked at, counted from the coarsest.
    private let map: Int
    private let block: TransformerBlock<Scalar>
    private let crossNorm: LayerNorm<Scalar>
    private let cross: CrossAttention<Scalar>

    /// - Parameter map: the map that is looked at, counted from the coarsest.
    init(_ configuration: SlowConfiguration, map: Int, _ parameter: ParameterSource<Scalar>) throws {
        let width = configuration.width
        // Residual branches start small, so that a deep stack starts near the identity.
        let branch = 1 / Double(3 * configuration.layers.count).squareRoot()
        self.map = map
        let selfNorm = try LayerNorm("self.norm", width: width, parameter)
        let selfAttention = try parameter.scoped("self") {
            try SelfAttention(width: width, heads: configuration.heads, outputGain: branch, parameter)
        }
        crossNorm = try LayerNorm("cross.norm", width: width, parameter)
        cross = try parameter.scoped("cross") {
            try CrossAttention(
                width: width, tokenWidth: configuration.memoryWidth, heads: configuration.heads, outputGain: branch,
                parameter)
        }
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
            x + dropout(cross(crossNorm(x), in: batch, at: tokens, tokenIndices: memoryIndices))
        }
    }
}
