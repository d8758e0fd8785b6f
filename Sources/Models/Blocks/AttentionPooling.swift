import Tensors

/// One vector of many: a learned query looks at all of them, and thinks about what it saw.
///
/// Source: Zhai et al., "Scaling vision transformers", CVPR 2022, §2.2 (the MAP head).
struct AttentionPooling<Scalar: TensorScalar>: Sendable {
    /// [width].
    let query: Variable<Scalar>
    let attention: SelfAttention<Scalar>
    let norm: LayerNorm<Scalar>
    let feed: FeedForward<Scalar>

    /// - Parameter x: [sequences, rows, width].
    /// - Returns: [sequences, width].
    func callAsFunction(_ x: Variable<Scalar>) -> Variable<Scalar> {
        let (count, width) = (x.shape[0], x.shape[2])
        let asked = attention.query(query.reshaped([1, width])).broadcast(to: [count, 1, width])
        let read = Tensors.attention(
            query: asked, key: attention.key(x), value: attention.value(x), heads: attention.heads)
        let seen = attention.output(read.reshaped([count, width]))
        return seen + feed(norm(seen))
    }
}
