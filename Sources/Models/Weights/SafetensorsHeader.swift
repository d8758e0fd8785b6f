/// How one tensor lies in a safetensors file.
struct SafetensorsEntry: Equatable, Sendable {
    var type: SafetensorsType
    var shape: [Int]
    /// Bytes from the end of the header.
    var range: Range<Int>
}

/// The element types of the format, with the bytes that an element takes.
enum SafetensorsType: String, Sendable {
    case bool = "BOOL"
    case u8 = "U8"
    case i8 = "I8"
    case f8e5m2 = "F8_E5M2"
    case f8e4m3 = "F8_E4M3"
    case i16 = "I16"
    case u16 = "U16"
    case f16 = "F16"
    case bf16 = "BF16"
    case i32 = "I32"
    case u32 = "U32"
    case f32 = "F32"
    case f64 = "F64"
    case i64 = "I64"
    case u64 = "U64"

    var size: Int {
        switch self {
        case .bool, .u8, .i8, .f8e5m2, .f8e4m3: 1
        case .i16, .u16, .f16, .bf16: 2
        case .i32, .u32, .f32: 4
        case .f64, .i64, .u64: 8
        }
    }
}

/// The JSON header of a safetensors file, parsed by its schema: nothing else is accepted.
///
/// A general JSON parser would hide what matters here: two tensors of one name.
/// Source: https://github.com/huggingface/safetensors, "Format".
struct SafetensorsHeader: Sendable {
    /// The longest header that is read, in bytes, and the most tensors: several times what the largest published models have, and little enough to be
    /// refused within a moment. The reference implementation takes 100 MB.
    static let maximumLength = 16 << 20
    static let maximumTensors = 1 << 16

    private(set) var entries: [String: SafetensorsEntry] = [:]
    private(set) var metadata: [String: String] = [:]

    /// Parses a header.
    ///
    /// - Parameters:
    ///   - json: the header's bytes, trailing spaces included.
    ///   - dataLength: the bytes that follow the header; the tensors must fill them exactly, without overlap.
    init(_ json: [UInt8], dataLength: Int, source: String) throws {
        var reader = JSONReader(json)
        do {
            try reader.object { name, reader in
                if name == "__metadata__" {
                    guard metadata.isEmpty else { throw reader.mistake("two __metadata__ objects") }
                    try reader.object { key, reader in
                        guard metadata.updateValue(try reader.string(), forKey: key) == nil else {
                            throw reader.mistake("metadata \"\(key)\" occurs twice")
                        }
                    }
                } else {
                    guard entries.count < Self.maximumTensors else { throw reader.mistake("too many tensors") }
                    guard entries[name] == nil else { throw WeightsError.duplicate(tensor: name) }
                    entries[name] = try reader.entry(named: name)
                }
            }
            try reader.end()
        } catch let mistake as JSONReader.Mistake {
            throw WeightsError.malformed(
                source: source, reason: "header, byte \(mistake.position): \(mistake.reason)")
        }
        try requireExactCover(dataLength: dataLength, source: source)
    }

    private func requireExactCover(dataLength: Int, source: String) throws {
        var end = 0
        let inOrder = entries.sorted {
            ($0.value.range.lowerBound, $0.value.range.upperBound) < (
                $1.value.range.lowerBound, $1.value.range.upperBound
            )
        }
        for (name, entry) in inOrder {
            guard entry.range.upperBound <= dataLength else {
                throw WeightsError.malformed(
                    source: source, reason: "tensor \"\(name)\" lies beyond the end of the file")
            }
            guard entry.range.lowerBound == end else {
                throw WeightsError.malformed(
                    source: source, reason: "tensor \"\(name)\" overlaps another or leaves a hole before it")
            }
            end = entry.range.upperBound
        }
        guard end == dataLength else {
            throw WeightsError.malformed(source: source, reason: "\(dataLength - end) bytes belong to no tensor")
        }
    }
}

extension JSONReader {
    fileprivate mutating func entry(named name: String) throws -> SafetensorsEntry {
        var type: SafetensorsType?
        var shape: [Int]?
        var offsets: [Int]?
        try object { key, reader in
            switch key {
            case "dtype" where type == nil:
                let text = try reader.string()
                type = SafetensorsType(rawValue: text)
                guard type != nil else { throw WeightsError.unsupportedType(tensor: name, type: text) }
            case "shape" where shape == nil: shape = try reader.integers()
            case "data_offsets" where offsets == nil: offsets = try reader.integers()
            default: throw reader.mistake("tensor \"\(name)\": unknown or repeated key \"\(key)\"")
            }
        }
        guard let type, let shape, let offsets, offsets.count == 2, offsets[0] <= offsets[1] else {
            throw mistake("tensor \"\(name)\" needs dtype, shape and two rising data_offsets")
        }
        // Sides of zero are left out here, so that no product of the others can overflow later on.
        var size = type.size
        for side in shape where side > 0 {
            let (product, overflowed) = size.multipliedReportingOverflow(by: side)
            guard !overflowed else { throw mistake("tensor \"\(name)\" is too large") }
            size = product
        }
        if shape.contains(0) { size = 0 }
        guard offsets[1] - offsets[0] == size else {
            throw mistake("tensor \"\(name)\" has \(offsets[1] - offsets[0]) bytes, its shape \(shape) needs \(size)")
        }
        return SafetensorsEntry(type: type, shape: shape, range: offsets[0]..<offsets[1])
    }
}
