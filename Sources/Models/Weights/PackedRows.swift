package import Tensors

/// A table of numbers as a file keeps it in 8 bits: value = integer × its row's scale.
///
/// For a table that is only looked up, a row at a time: a quarter of the memory, and the same numbers to the last bit.
package struct PackedRows: Sendable {
    /// The first axis counts the rows.
    package let shape: [Int]
    private let integers: [UInt8]
    private let scales: [Float]

    /// - Precondition: there is a scale a row, and the integers (two's complement) fill the shape.
    init(shape: [Int], integers: [UInt8], scales: [Float]) {
        precondition(shape.first == scales.count && shape.reduce(1, *) == integers.count)
        self.shape = shape
        self.integers = integers
        self.scales = scales
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

    private func rows(_ indices: some Sequence<Int>, count: Int, shape: [Int]) -> Tensor<Float> {
        let length = rowLength
        return Tensor(uninitialized: shape) { target in
            for (place, row) in indices.enumerated() {
                let scale = scales[row]
                for column in 0..<length {
                    target[place * length + column] = Float(Int8(bitPattern: integers[row * length + column])) * scale
                }
            }
        }
    }
}
