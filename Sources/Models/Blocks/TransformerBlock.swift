import Tensors

/// One layer of a transformer: sequences look at themselves, then each row thinks by itself; both are added to what went in.
///
/// The one definition for BERT, for the towers of dual encoders, and for the Slow model's decoder, which looks at clips in between.
/// Sources: Vaswani et al., "Attention is all you need", NeurIPS 2017; Xiong et al., "On layer normalization in the transformer
/// architecture", ICML 2020, on where the norms stand.
struct TransformerBlock<Scalar: TensorScalar>: Sendable {
    /// Where a branch is normalised.
    enum Normalization: Sendable {
        /// x + f(norm(x)).
        case before
        /// norm(x + f(x)).
        case after
    }

    let normalization: Normalization
    let attentionNorm: LayerNorm<Scalar>
    let attention: SelfAttention<Scalar>
    let feedNorm: LayerNorm<Scalar>
    let feed: FeedForward<Scalar>

    /// - Parameters:
    ///   - x: rows as `layout` has them.
    ///   - mask: what a row sees of its sequence.
    ///   - rotation: of queries and keys; nil turns nothing.
    ///   - dropout: ``Dropout/off`` in use.
    ///   - between: what is done after attention and before the feed-forward.
    /// - Returns: the shape of `x`.
    func callAsFunction(
        _ x: Variable<Scalar>, in layout: some SequenceLayout, mask: AttentionMask = .none,
        rotation: RotaryPositions<Scalar>? = nil, dropout: inout Dropout,
        between: (Variable<Scalar>, inout Dropout) -> Variable<Scalar> = { x, _ in x }
    ) -> Variable<Scalar> {
        let attended = adding(to: x, attentionNorm, &dropout) {
            attention($0, in: layout, mask: mask, rotation: rotation)
        }
        return adding(to: between(attended, &dropout), feedNorm, &dropout) { feed($0) }
    }

    private func adding(
        to x: Variable<Scalar>, _ norm: LayerNorm<Scalar>, _ dropout: inout Dropout,
        _ branch: (Variable<Scalar>) -> Variable<Scalar>
    ) -> Variable<Scalar> {
        switch normalization {
        case .before: x + dropout(branch(norm(x)))
        case .after: norm(x + dropout(branch(x)))
        }
    }
}

/// The sizes of a stack of blocks.
struct BlockStack: Sendable, Equatable {
    var width: Int
    var layers: Int
    var heads: Int
    /// Width inside a block's feed-forward.
    var feedForward: Int
    var activation: Activation
    /// What layer normalisation adds to the variance.
    var normEpsilon: Double

    /// Takes `blocks.0` and so on.
    ///
    /// - Throws: ``WeightsError`` when the source lacks a parameter.
    func blocks<Scalar>(
        _ parameter: ParameterSource<Scalar>, normalization: TransformerBlock<Scalar>.Normalization = .before
    ) throws -> [TransformerBlock<Scalar>] {
        try (0..<layers).map { index in
            try parameter.scoped("blocks.\(index)") {
                try TransformerBlock(
                    normalization: normalization, attentionNorm: norm("attention.norm", parameter),
                    attention: parameter.scoped("attention") {
                        try SelfAttention(width: width, heads: heads, parameter)
                    },
                    feedNorm: norm("feed.norm", parameter), feed: feedForward("feed", parameter))
            }
        }
    }

    func norm<Scalar>(_ name: String, _ parameter: ParameterSource<Scalar>) throws -> LayerNorm<Scalar> {
        try LayerNorm(name, width: width, epsilon: Scalar(normEpsilon), parameter)
    }

    func feedForward<Scalar>(
        _ name: String, _ parameter: ParameterSource<Scalar>, width inner: Int? = nil
    ) throws -> FeedForward<Scalar> {
        let inner = inner ?? feedForward
        return try FeedForward(
            expand: Linear(name + ".in", outputs: inner, inputs: width, parameter),
            project: Linear(name + ".out", outputs: width, inputs: inner, parameter), activation: activation)
    }
}
