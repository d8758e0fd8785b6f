package import Tensors

extension SafetensorsFile {
    /// This file with other numbers for some of its tensors, each stored as the one that it replaces, in single precision in the place of
    /// bfloat16; the rest keeps its bytes.
    ///
    /// - Throws: ``WeightsError`` when the file lacks a tensor or it has another shape, and as ``SafetensorsWriter`` does.
    package func replacing(_ tensors: [(name: String, tensor: Tensor<Float>)]) throws -> SafetensorsWriter {
        var records = try records()
        var writer = SafetensorsWriter(metadata: metadata)
        for (name, tensor) in tensors {
            guard let old = records.removeValue(forKey: name) else {
                throw WeightsError.missing(tensor: name, source: source)
            }
            guard old.shape == tensor.shape else {
                throw WeightsError.shapeMismatch(tensor: name, expected: tensor.shape, found: old.shape)
            }
            switch old.type {
            case .f32, .bf16: try writer.add(tensor, named: name)
            case .f16: try writer.add(tensor, named: name, as: .float16)
            case .i8:
                records[name + Self.scaleSuffix] = nil
                try writer.add(tensor, named: name, as: .int8)
            default: throw WeightsError.unsupportedType(tensor: name, type: old.type.rawValue)
            }
        }
        for (name, record) in records { try writer.insert(record, name) }
        return writer
    }
}
