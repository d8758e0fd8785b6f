package import SystemPackage
package import Tensors

/// A safetensors file, opened and checked: its header is parsed, its tensors are read when asked for.
///
/// Tensors are read with `pread`, not mapped: a file that is cut short while it is open is then an error, not a SIGBUS.
/// Numbers are F32, F16, BF16, or 8-bit weights: I8 with an F32 companion `NAME.scale` of one number for each row of the
/// first axis, value = integer × scale.
/// Source: https://github.com/huggingface/safetensors, "Format".
package final class SafetensorsFile: Sendable {
    /// What the file is called in messages.
    package let source: String
    /// The free-form strings of the header's `__metadata__`.
    package let metadata: [String: String]
    /// The names of all tensors, sorted; scales are a part of their tensor and not listed.
    package let names: [String]

    private let entries: [String: SafetensorsEntry]
    private let bytes: ByteSource
    private let dataStart: Int

    /// Opens a file and checks its header against its length.
    ///
    /// Throws `WeightsError`.
    package convenience init(_ path: FilePath) throws {
        try self.init(ByteSource(opening: path), source: path.string)
    }

    /// Reads a file's content that is already in memory.
    package convenience init(content: [UInt8], source: String) throws {
        try self.init(ByteSource(content), source: source)
    }

    private init(_ bytes: ByteSource, source: String) throws {
        guard bytes.count >= 8 else {
            throw WeightsError.malformed(source: source, reason: "it is shorter than 8 bytes")
        }
        let length = try bytes.read(0..<8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
        guard length <= UInt64(SafetensorsHeader.maximumLength), Int(length) <= bytes.count - 8 else {
            throw WeightsError.malformed(source: source, reason: "its header claims \(length) bytes")
        }
        let dataStart = 8 + Int(length)
        let header = try SafetensorsHeader(
            bytes.read(8..<dataStart), dataLength: bytes.count - dataStart, source: source)
        self.source = source
        self.bytes = bytes
        self.dataStart = dataStart
        self.metadata = header.metadata
        self.entries = header.entries
        self.names = header.entries.keys
            .filter { name in
                !(name.hasSuffix(Self.scaleSuffix)
                    && header.entries[String(name.dropLast(Self.scaleSuffix.count))]?.type == .i8)
            }
            .sorted()
    }

    static let scaleSuffix = ".scale"

    /// The shape of a tensor, or nil if none has this name.
    package func shape(of name: String) -> [Int]? { entries[name]?.shape }

    /// Reads a tensor as floats.
    ///
    /// Throws `WeightsError` if it is missing, of a type that isn't read as floats, or not finite.
    package func tensor(named name: String) throws -> Tensor<Float> {
        guard let entry = entries[name] else { throw WeightsError.missing(tensor: name, source: source) }
        if let packed = try packedRows(named: name) { return packed.tensor }
        return Tensor(try floats(content(of: entry), of: entry, named: name), shape: entry.shape)
    }

    /// One row of a tensor of floats: of its first axis.
    ///
    /// - Precondition: the tensor is there and has the row.
    func row(_ index: Int, ofTensor name: String) throws -> [Float] {
        guard let entry = entries[name] else { throw WeightsError.missing(tensor: name, source: source) }
        let length = entry.shape.dropFirst().reduce(entry.type.size, *)
        precondition(
            (0..<entry.shape[0]).contains(index), "tensor \"\(name)\" of shape \(entry.shape) has no row \(index)")
        let start = dataStart + entry.range.lowerBound + index * length
        return try floats(bytes.read(start..<start + length), of: entry, named: name)
    }

    private func floats(_ raw: [UInt8], of entry: SafetensorsEntry, named name: String) throws -> [Float] {
        let values: [Float]
        switch entry.type {
        case .f32: values = Self.decode(raw) { Float(bitPattern: UInt32(littleEndian: $0)) }
        case .f16: values = Self.decode(raw) { Float(Float16(bitPattern: UInt16(littleEndian: $0))) }
        case .bf16:
            values = Self.decode(raw) { (bits: UInt16) in Float(bitPattern: UInt32(UInt16(littleEndian: bits)) << 16) }
        default: throw WeightsError.unsupportedType(tensor: name, type: entry.type.rawValue)
        }
        guard values.allSatisfy(\.isFinite) else { throw WeightsError.nonFinite(tensor: name) }
        return values
    }

    /// How a tensor lies in the file; nil if none has this name.
    func entry(named name: String) -> SafetensorsEntry? { entries[name] }

    /// A part of a tensor's bytes.
    ///
    /// - Parameter range: from the tensor's first byte, within the tensor.
    func content(of entry: SafetensorsEntry, _ range: Range<Int>) throws -> [UInt8] {
        let start = dataStart + entry.range.lowerBound
        return try bytes.read(start + range.lowerBound..<start + range.upperBound)
    }

    /// Reads a tensor as floats that must have this shape.
    package func tensor(named name: String, shape: [Int]) throws -> Tensor<Float> {
        try requireShape(shape, of: name)
        return try tensor(named: name)
    }

    /// Reads a tensor of 8-bit weights, which must have this shape, as it is kept; nil for one of another type.
    func packedRows(named name: String, shape: [Int]) throws -> PackedRows? {
        try requireShape(shape, of: name)
        return try packedRows(named: name)
    }

    private func requireShape(_ shape: [Int], of name: String) throws {
        guard let found = self.shape(of: name) else { throw WeightsError.missing(tensor: name, source: source) }
        guard found == shape else { throw WeightsError.shapeMismatch(tensor: name, expected: shape, found: found) }
    }

    /// Every tensor as it is stored.
    func records() throws -> [String: SafetensorsRecord] {
        try entries.mapValues { SafetensorsRecord(type: $0.type, shape: $0.shape, bytes: try content(of: $0)) }
    }

    private func content(of entry: SafetensorsEntry) throws -> [UInt8] {
        try bytes.read(dataStart + entry.range.lowerBound..<dataStart + entry.range.upperBound)
    }

    /// Reads a tensor of 8-bit weights as it is kept; nil for one of another type.
    ///
    /// Throws `WeightsError` if it is missing, or its scales aren't finite numbers, one a row.
    package func packedRows(named name: String) throws -> PackedRows? {
        guard let entry = entries[name] else { throw WeightsError.missing(tensor: name, source: source) }
        guard entry.type == .i8 else { return nil }
        guard let rows = entry.shape.first else { throw WeightsError.badScale(tensor: name, reason: "it has no axis") }
        guard let scaleEntry = entries[name + Self.scaleSuffix] else {
            throw WeightsError.badScale(tensor: name, reason: "there are none")
        }
        guard scaleEntry.type == .f32, scaleEntry.shape == [rows] else {
            throw WeightsError.badScale(
                tensor: name, reason: "they are \(scaleEntry.type.rawValue) \(scaleEntry.shape), not F32 [\(rows)]")
        }
        let scales = Self.decode(try content(of: scaleEntry)) { Float(bitPattern: UInt32(littleEndian: $0)) }
        let integers = try content(of: entry).map { Int8(bitPattern: $0) }
        let packed = PackedRows(shape: entry.shape, integers: integers, scales: scales)
        guard packed.isFinite else { throw WeightsError.nonFinite(tensor: name) }
        return packed
    }

    private static func decode<Bits: FixedWidthInteger>(_ raw: [UInt8], _ convert: (Bits) -> Float) -> [Float] {
        let elements = raw.count / MemoryLayout<Bits>.size
        return raw.withUnsafeBytes { bytes in
            [Float](unsafeUninitializedCapacity: elements) { buffer, count in
                for index in 0..<elements {
                    buffer[index] = convert(
                        bytes.loadUnaligned(fromByteOffset: index * MemoryLayout<Bits>.size, as: Bits.self))
                }
                count = elements
            }
        }
    }
}
