import Models
package import SystemPackage
package import Tensors

/// The tensors of a state dictionary that PyTorch saved in its legacy format (before 1.6: no zip archive).
///
/// A pickle is a program. This reader runs none of it: it knows the opcodes that such files consist of and a handful of
/// names, builds plain values from them, and refuses everything else. Every length and offset is checked against the file.
/// Source: https://github.com/pytorch/pytorch, `torch/serialization.py`, `_legacy_save`; Python's `pickletools`.
package enum TorchPickle {
    /// Reads a file's floating-point tensors by name. Integer tensors (counters) are left out.
    ///
    /// Throws `WeightsError`.
    package static func tensors(at path: FilePath) throws -> [String: Tensor<Float>] {
        let bytes = try ByteSource(opening: path)
        return try tensors(in: bytes.read(0..<bytes.count), source: path.string)
    }

    /// The same, of a file's content that is already in memory.
    package static func tensors(in content: [UInt8], source: String) throws -> [String: Tensor<Float>] {
        var reader = PickleReader(content, source: source)
        guard case .long(legacyMagic) = try reader.value() else {
            throw reader.malformed("it doesn't begin as a legacy PyTorch file")
        }
        guard case .integer(1001) = try reader.value() else {
            throw reader.malformed("its protocol isn't version 1001")
        }
        guard case .dictionary(let system) = try reader.value(),
            system.contains(where: { $0.key == .string("little_endian") && $0.value == .boolean(true) })
        else { throw reader.malformed("it isn't little-endian") }
        guard case .dictionary(let state) = try reader.value() else {
            throw reader.malformed("it isn't a dictionary of tensors")
        }
        let storages = try reader.storages()

        var tensors: [String: Tensor<Float>] = [:]
        for pair in state {
            guard case .string(let name) = pair.key, case .tensor(let tensor) = pair.value else {
                throw reader.malformed("its dictionary holds more than named tensors")
            }
            guard tensor.storage.type.isFloatingPoint else { continue }
            guard let storage = storages[tensor.storage.key], storage.count == tensor.storage.count else {
                throw reader.malformed("tensor \"\(name)\" has no storage of its size")
            }
            let values = try tensor.gather(named: name, from: storage, in: content, source: source)
            guard values.allSatisfy({ $0.isFinite }) else { throw WeightsError.nonFinite(tensor: name) }
            guard tensors.updateValue(Tensor(values, shape: tensor.shape), forKey: name) == nil else {
                throw WeightsError.duplicate(tensor: name)
            }
        }
        return tensors
    }

    private static let legacyMagic: [UInt8] = [0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19]
}

/// The element types of PyTorch's storages.
enum TorchStorageType: String {
    case float = "FloatStorage"
    case half = "HalfStorage"
    case bfloat16 = "BFloat16Storage"
    case double = "DoubleStorage"
    case long = "LongStorage"
    case int = "IntStorage"
    case short = "ShortStorage"
    case char = "CharStorage"
    case byte = "ByteStorage"
    case bool = "BoolStorage"

    var size: Int {
        switch self {
        case .double, .long: 8
        case .float, .int: 4
        case .half, .bfloat16, .short: 2
        case .char, .byte, .bool: 1
        }
    }

    var isFloatingPoint: Bool {
        switch self {
        case .float, .half, .bfloat16, .double: true
        case .long, .int, .short, .char, .byte, .bool: false
        }
    }
}

/// A storage as tensors refer to it.
struct TorchStorage: Equatable {
    var type: TorchStorageType
    var key: String
    /// In elements.
    var count: Int
}

/// A view of a storage.
struct TorchTensor: Equatable {
    var storage: TorchStorage
    var offset: Int
    var shape: [Int]
    var strides: [Int]

    /// The elements in row-major order.
    func gather(
        named name: String, from place: TorchStoragePlace, in content: [UInt8], source: String
    ) throws -> [Float] {
        func malformed(_ reason: String) -> WeightsError {
            .malformed(source: source, reason: "tensor \"\(name)\" \(reason)")
        }
        guard shape.count == strides.count, offset >= 0, (shape + strides).allSatisfy({ $0 >= 0 }) else {
            throw malformed("has no sound shape")
        }
        // No more elements than the storage has: a stride of zero could otherwise ask for any amount of memory.
        var elements = 1
        var last = offset
        for (side, stride) in zip(shape, strides) where side > 0 {
            let (product, overflow) = elements.multipliedReportingOverflow(by: side)
            let (reach, overflow2) = (side - 1).multipliedReportingOverflow(by: stride)
            let (sum, overflow3) = last.addingReportingOverflow(reach)
            guard !overflow, !overflow2, !overflow3 else { throw malformed("is too large") }
            elements = product
            last = sum
        }
        if shape.contains(0) { return [] }
        guard elements <= place.count, last < place.count else { throw malformed("reaches beyond its storage") }

        var values: [Float] = []
        values.reserveCapacity(elements)
        var index = [Int](repeating: 0, count: shape.count)
        var position = offset
        content.withUnsafeBytes { bytes in
            for _ in 0..<elements {
                values.append(place.value(at: position, in: bytes, type: storage.type))
                for axis in shape.indices.reversed() {
                    index[axis] += 1
                    position += strides[axis]
                    if index[axis] < shape[axis] { break }
                    index[axis] = 0
                    position -= shape[axis] * strides[axis]
                }
            }
        }
        return values
    }
}

/// Where a storage's raw elements lie in the file; checked to be inside it.
struct TorchStoragePlace {
    /// In elements.
    var count: Int
    var start: Int

    func value(at index: Int, in bytes: UnsafeRawBufferPointer, type: TorchStorageType) -> Float {
        let at = start + index * type.size
        return switch type {
        case .float: Float(bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self)))
        case .half:
            Float(Float16(bitPattern: UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt16.self))))
        case .bfloat16:
            Float(
                bitPattern: UInt32(UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt16.self))) << 16
            )
        case .double:
            Float(Double(bitPattern: UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self))))
        case .long, .int, .short, .char, .byte, .bool: .nan
        }
    }
}
