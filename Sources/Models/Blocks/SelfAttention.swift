import Tensors

/// Attention of each sequence to itself, with several heads.
///
/// Source: Vaswani et al., "Attention is all you need", NeurIPS 2017, §3.2.
struct SelfAttention<Scalar: TensorScalar>: Sendable {
    let heads: Int
    let query, key, value, output: Linear<Scalar>

    init(heads: Int, query: Linear<Scalar>, key: Linear<Scalar>, value: Linear<Scalar>, output: Linear<Scalar>) {
        self.heads = heads
        self.query = query
        self.key = key
        self.value = value
        self.output = output
    }

    /// Takes `query`, `key`, `value` and `output` of the current scope.
    ///
    /// - Parameter outputGain: of a new output's deviation.
    /// - Throws: ``WeightsError`` when the source lacks a parameter.
    init(width: Int, heads: Int, outputGain: Double = 1, _ parameter: ParameterSource<Scalar>) throws {
        func square(_ name: String, gain: Double = 1) throws -> Linear<Scalar> {
            try Linear(name, outputs: width, inputs: width, gain: gain, parameter)
        }
        try self.init(
            heads: heads, query: square("query"), key: square("key"), value: square("value"),
            output: square("output", gain: outputGain))
    }

    /// - Parameters:
    ///   - x: rows as `layout` has them.
    ///   - rotation: of queries and keys, by where they stand in a picture; nil turns nothing.
    /// - Returns: the shape of `x`.
    func callAsFunction(
        _ x: Variable<Scalar>, in layout: some SequenceLayout, mask: AttentionMask = .none,
        rotation: RotaryPositions<Scalar>? = nil
    ) -> Variable<Scalar> {
        func turned(_ rows: Variable<Scalar>) -> Variable<Scalar> { rotation.map { $0(rows, heads: heads) } ?? rows }
        let projected = Linear.apply([query, key, value], to: x).map { layout.padded($0) }
        let read = attention(
            query: turned(projected[0]), key: turned(projected[1]), value: projected[2],
            heads: heads, keyLengths: layout.keyLengths, mask: mask)
        return output(layout.packed(read))
    }
}
