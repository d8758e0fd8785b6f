import Tensors

/// Attention of sentences to the tokens of clips, with several heads.
///
/// Source: Vaswani et al., "Attention is all you need", NeurIPS 2017, §3.2.
struct CrossAttention<Scalar: TensorScalar>: Sendable {
    private let heads: Int
    private let query, output: Linear<Scalar>
    /// W_k, b_k and W_v, b_v: [width, tokenWidth] and [width].
    private let key, value: (weight: Variable<Scalar>, bias: Variable<Scalar>)

    /// Takes `query`, `key`, `value` and `output` of the current scope.
    ///
    /// - Parameters:
    ///   - width: of the sentences' rows.
    ///   - tokenWidth: of the clips' tokens.
    ///   - outputGain: of a new output's deviation.
    /// - Throws: ``WeightsError`` when the source lacks a parameter.
    init(
        width: Int, tokenWidth: Int, heads: Int, outputGain: Double = 1, _ parameter: ParameterSource<Scalar>
    ) throws {
        self.heads = heads
        query = try Linear("query", outputs: width, inputs: width, parameter)
        func ofTokens(_ name: String) throws -> (Variable<Scalar>, Variable<Scalar>) {
            try (
                parameter(name + ".weight", [width, tokenWidth], .fan(tokenWidth)),
                parameter(name + ".bias", [width], .zeros)
            )
        }
        key = try ofTokens("key")
        value = try ofTokens("value")
        output = try Linear("output", outputs: width, inputs: width, gain: outputGain, parameter)
    }

    /// - Parameters:
    ///   - x: the sentences' rows as `layout` has them.
    ///   - tokenIndices: the clip that each sentence looks at; nil when sentence i looks at clip i.
    /// - Returns: the shape of `x`.
    func callAsFunction(
        _ x: Variable<Scalar>, in layout: some SequenceLayout, at tokens: VisualMemory<Scalar>.Tokens,
        tokenIndices: [Int]?
    ) -> Variable<Scalar> {
        output(layout.packed(look(layout.padded(query(x)), at: tokens, tokenIndices: tokenIndices)))
    }

    /// softmax(q·(W_k x + b_k)/√d) over the tokens x of a clip, of W_v x + b_v.
    ///
    /// The products are associative, and the cheaper order is taken. With many words a clip, as in training, the tokens are made keys
    /// and values. With few, as when clips are re-ranked, the query goes through W_k instead and the mix of the tokens through W_v:
    /// b_k adds the same to all tokens' scores, and the weights of b_v add up to 1. There the heads are more queries of one head.
    ///
    /// - Parameter query: [sentences, longest, width].
    private func look(
        _ query: Variable<Scalar>, at tokens: VisualMemory<Scalar>.Tokens, tokenIndices: [Int]?
    ) -> Variable<Scalar> {
        let (clips, length, tokenWidth) = (tokens.values.shape[0], tokens.values.shape[1], tokens.values.shape[2])
        let (sentences, longest, width) = (query.shape[0], query.shape[1], query.shape[2])
        let throughTokens = clips * length * tokenWidth * width + sentences * longest * length * width
        let throughWords = sentences * longest * tokenWidth * (width + heads * length)
        if throughTokens <= throughWords {
            return attention(
                query: query, key: tokens.values.linear(weight: key.weight, bias: key.bias),
                value: tokens.values.linear(weight: value.weight, bias: value.bias), heads: heads,
                keyLengths: tokens.lengths, memoryIndices: tokenIndices)
        }
        // Attention divides by the square root of its own depth, √tokenWidth, where the heads' is meant.
        let asked = query.scaled(by: (Scalar(heads * tokenWidth) / Scalar(width)).squareRoot())
            .headwiseLinear(weight: key.weight, heads: heads, transposed: true)
            .reshaped([sentences, longest * heads, tokenWidth])
        let mixed = attention(
            query: asked, key: tokens.values, value: tokens.values, heads: 1, keyLengths: tokens.lengths,
            memoryIndices: tokenIndices)
        return mixed.reshaped([sentences, longest, heads * tokenWidth])
            .headwiseLinear(weight: value.weight, heads: heads) + value.bias
    }
}
