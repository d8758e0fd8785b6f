package import Tensors

/// How a model's weights are written.
package enum WeightPrecision: String, Sendable, CaseIterable {
    /// Matrices as 16-bit floats: for further training.
    case half
    /// Matrices as 8-bit integers with a scale a row: for use, a quarter of the size.
    case int8
}

extension SafetensorsWriter {
    /// Adds a model's parameters: vectors exactly, matrices as `precision` says.
    package mutating func add(
        _ parameters: [(name: String, tensor: Tensor<Float>)], precision: WeightPrecision
    ) throws {
        for (name, tensor) in parameters {
            let storage: Storage = tensor.rank < 2 ? .float32 : precision == .int8 ? .int8 : .float16
            try add(tensor, named: name, as: storage)
        }
    }
}
