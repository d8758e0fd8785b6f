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
    /// The reference implementation's bound on the header's length, in bytes.
    static let maximumLength = 100_000_000

    private(set) var entries: [String: SafetensorsEntry] = [:]
    private(set) var metadata: [String: String] = [:]

    /// Parses a header.
    ///
    /// - Parameters:
    ///   - json: the header's bytes, trailing spaces included.
    ///   - dataLength: the bytes that follow the header; the tensors must fill them exactly, without overlap.
    init(_ json: [UInt8], dataLength: Int, source: String) throws {
        var reader = HeaderReader(bytes: json, source: source)
        try reader.object { name, reader in
            if name == "__metadata__" {
                guard metadata.isEmpty else { throw reader.malformed("two __metadata__ objects") }
                try reader.object { key, reader in
                    guard metadata.updateValue(try reader.string(), forKey: key) == nil else {
                        throw reader.malformed("metadata \"\(key)\" occurs twice")
                    }
                }
            } else {
                guard entries[name] == nil else { throw WeightsError.duplicate(tensor: name) }
                entries[name] = try reader.entry(named: name)
            }
        }
        try reader.end()
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

/// A cursor over the header's JSON. Nesting is as deep as the schema, so no input can exhaust the stack.
private struct HeaderReader {
    let bytes: [UInt8]
    let source: String
    var position = 0

    init(bytes: [UInt8], source: String) {
        self.bytes = bytes
        self.source = source
    }

    func malformed(_ reason: String) -> WeightsError {
        .malformed(source: source, reason: "header, byte \(position): \(reason)")
    }

    private mutating func skipSpace() {
        while position < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[position]) { position += 1 }
    }

    private mutating func take(_ character: Character) -> Bool {
        skipSpace()
        guard position < bytes.count, bytes[position] == character.asciiValue else { return false }
        position += 1
        return true
    }

    private mutating func require(_ character: Character) throws {
        guard take(character) else { throw malformed("expected \"\(character)\"") }
    }

    mutating func end() throws {
        skipSpace()
        guard position == bytes.count else { throw malformed("text after the header's end") }
    }

    mutating func object(_ member: (String, inout HeaderReader) throws -> Void) throws {
        try require("{")
        if take("}") { return }
        repeat {
            let key = try string()
            try require(":")
            try member(key, &self)
        } while take(",")
        try require("}")
    }

    mutating func integers() throws -> [Int] {
        try require("[")
        if take("]") { return [] }
        var values: [Int] = []
        repeat { values.append(try integer()) } while take(",")
        try require("]")
        return values
    }

    private mutating func integer() throws -> Int {
        skipSpace()
        var value = 0
        let start = position
        while position < bytes.count, (0x30...0x39).contains(bytes[position]) {
            let (product, overflowed) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflowedToo) = product.addingReportingOverflow(Int(bytes[position] - 0x30))
            guard !overflowed, !overflowedToo else { throw malformed("a number is too large") }
            value = sum
            position += 1
        }
        guard position > start else { throw malformed("expected a whole number") }
        return value
    }

    mutating func string() throws -> String {
        try require("\"")
        var text: [UInt8] = []
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            switch byte {
            case 0x22:
                guard let string = String(validating: text, as: UTF8.self) else {
                    throw malformed("a string is not UTF-8")
                }
                return string
            case 0x5C: try text.append(contentsOf: escape().utf8)
            case 0..<0x20: throw malformed("a control character in a string")
            default: text.append(byte)
            }
        }
        throw malformed("a string doesn't end")
    }

    private mutating func escape() throws -> String {
        guard position < bytes.count else { throw malformed("a string doesn't end") }
        let byte = bytes[position]
        position += 1
        switch byte {
        case UInt8(ascii: "\""): return "\""
        case UInt8(ascii: "\\"): return "\\"
        case UInt8(ascii: "/"): return "/"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"):
            var units = [try codeUnit()]
            if UTF16.isLeadSurrogate(units[0]) {
                guard position + 1 < bytes.count, bytes[position] == 0x5C, bytes[position + 1] == UInt8(ascii: "u")
                else {
                    throw malformed("half of a surrogate pair")
                }
                position += 2
                units.append(try codeUnit())
            }
            guard let text = String(validating: units, as: UTF16.self) else {
                throw malformed("half of a surrogate pair")
            }
            return text
        default: throw malformed("an unknown escape")
        }
    }

    private mutating func codeUnit() throws -> UInt16 {
        guard position + 4 <= bytes.count else { throw malformed("a string doesn't end") }
        var unit: UInt16 = 0
        for byte in bytes[position..<position + 4] {
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw malformed("an unknown escape")
            }
            unit = unit << 4 | UInt16(digit)
        }
        position += 4
        return unit
    }

    mutating func entry(named name: String) throws -> SafetensorsEntry {
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
            default: throw reader.malformed("tensor \"\(name)\": unknown or repeated key \"\(key)\"")
            }
        }
        guard let type, let shape, let offsets, offsets.count == 2, offsets[0] <= offsets[1] else {
            throw malformed("tensor \"\(name)\" needs dtype, shape and two rising data_offsets")
        }
        // Sides of zero are left out here, so that no product of the others can overflow later on.
        var size = type.size
        for side in shape where side > 0 {
            let (product, overflowed) = size.multipliedReportingOverflow(by: side)
            guard !overflowed else { throw malformed("tensor \"\(name)\" is too large") }
            size = product
        }
        if shape.contains(0) { size = 0 }
        guard offsets[1] - offsets[0] == size else {
            throw malformed("tensor \"\(name)\" has \(offsets[1] - offsets[0]) bytes, its shape \(shape) needs \(size)")
        }
        return SafetensorsEntry(type: type, shape: shape, range: offsets[0]..<offsets[1])
    }
}
