import Tensors

/// The vectors of tokens: numbers to learn or to compute with, or rows as the file keeps them.
enum TokenTable<Scalar: TensorScalar>: Sendable {
    case floats(Variable<Scalar>)
    case packed(PackedRows)

    /// [tokens, width]. Packed rows are unpacked for it.
    var variable: Variable<Scalar> {
        switch self {
        case .floats(let table): table
        case .packed(let rows): Self.constant(rows.tensor)
        }
    }

    /// [ids, width].
    func gathered(_ ids: [Int32]) -> Variable<Scalar> {
        switch self {
        case .floats(let table): table.gatherRows(ids)
        case .packed(let rows): Self.constant(rows.gathered(ids))
        }
    }

    private static func constant(_ rows: Tensor<Float>) -> Variable<Scalar> {
        Variable(constant: Tensor(converting: rows))
    }
}
