import Tensors

/// How the rows that a transformer computes with lie in sequences. Only attention wants them side by side in a rectangle.
protocol SequenceLayout {
    /// Rows of each sequence; nil when no row is padding.
    var keyLengths: [Int]? { get }

    /// [sequences, longest, width], whatever the rows are otherwise.
    func padded<Scalar: TensorScalar>(_ rows: Variable<Scalar>) -> Variable<Scalar>

    /// The inverse of ``padded(_:)``.
    func packed<Scalar: TensorScalar>(_ rectangle: Variable<Scalar>) -> Variable<Scalar>
}

/// Rows that are a rectangle already: [sequences, longest, width].
struct Rectangle: SequenceLayout {
    let keyLengths: [Int]?

    /// - Parameter keyLengths: rows of each sequence; nil when no row is padding.
    init(keyLengths: [Int]? = nil) { self.keyLengths = keyLengths }

    func padded<Scalar: TensorScalar>(_ rows: Variable<Scalar>) -> Variable<Scalar> { rows }
    func packed<Scalar: TensorScalar>(_ rectangle: Variable<Scalar>) -> Variable<Scalar> { rectangle }
}
