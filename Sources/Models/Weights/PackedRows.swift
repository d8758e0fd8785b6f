package import Tensors

/// Numbers as a file keeps them in 8 bits: value = integer × its row's scale.
///
/// A table of them that is only looked up takes a quarter of the memory and gives the same numbers to the last bit; a matrix is multiplied
/// as it is.
package struct PackedRows: Sendable {
    /// The first axis counts the rows.
    package let shape: [Int]
    let integers: [Int8]
    let scales: [Float]

    /// - Precondition: there is a scale a row, and the integers fill the shape.
    init(shape: [Int], integers: [Int8], scales: [Float]) {
        precondition(shape.first == scales.count && shape.reduce(1, *) == integers.count)
        self.shape = shape
        self.integers = integers
        self.scales = scales
    }

    /// Rounds numbers to 8 bits: symmetric, each row's largest magnitude becomes ±127, the rest is rounded to the nearest step.
    ///
    /// - Parameter tensor: finite numbers, of at least one axis.
    init(rounding tensor: Tensor<Float>) {
        precondition(tensor.rank > 0, "a tensor of no axis has no rows")
        let (rows, length) = (tensor.shape[0], tensor.shape.dropFirst().reduce(1, *))
        var scales = [Float](repeating: 0, count: rows)
        let integers = tensor.withUnsafeBufferPointer { values in
            [Int8](unsafeUninitializedCapacity: values.count) { integers, count in
                for row in 0..<rows {
                    let span = row * length..<(row + 1) * length
                    var largest: Float = 0
                    for index in span { largest = max(largest, abs(values[index])) }
                    let scale = largest / 127
                    scales[row] = scale
                    for index in span {
                        let step = scale > 0 ? (values[index] / scale).rounded(.toNearestOrEven) : 0
                        integers.initializeElement(at: index, to: Int8(max(-127, min(127, step))))
                    }
                }
                count = values.count
            }
        }
        self.init(shape: tensor.shape, integers: integers, scales: scales)
    }

    private var rowLength: Int { shape.dropFirst().reduce(1, *) }

    /// Whether every number is one.
    var isFinite: Bool { scales.allSatisfy { ($0 * 128).isFinite } }

    /// All rows.
    package var tensor: Tensor<Float> { rows(0..<shape[0], count: shape[0], shape: shape) }

    /// Some rows, in the order of `indices`: [indices, …].
    ///
    /// - Precondition: there is a row for each index.
    package func gathered(_ indices: [Int32]) -> Tensor<Float> {
        rows(indices.lazy.map { Int($0) }, count: indices.count, shape: [indices.count] + shape.dropFirst())
    }

    /// The linear map whose outputs the rows are.
    ///
    /// - Parameter bias: one an output, or nil.
    func matrix(bias: Tensor<Float>?) -> QuantisedMatrix {
        QuantisedMatrix(integers: integers, scales: scales, bias: bias)
    }

    private func rows(_ indices: some Sequence<Int>, count: Int, shape: [Int]) -> Tensor<Float> {
        let length = rowLength
        return Tensor(uninitialized: shape) { target in
            for (place, row) in indices.enumerated() {
                let scale = scales[row]
                for column in 0..<length {
                    target[place * length + column] = Float(integers[row * length + column]) * scale
                }
            }
        }
    }
}
