import Glibc
package import SystemPackage
package import Tensors

/// A tensor as a file stores it; scales are a tensor of their own.
struct SafetensorsRecord: Sendable {
    var type: SafetensorsType
    var shape: [Int]
    var bytes: [UInt8]

    /// Numbers in 8 bits, and their scales.
    static func packed(_ rows: PackedRows) -> (integers: SafetensorsRecord, scales: SafetensorsRecord) {
        (
            SafetensorsRecord(type: .i8, shape: rows.shape, bytes: rows.integers.map { UInt8(bitPattern: $0) }),
            SafetensorsRecord(type: .f32, shape: [rows.shape[0]], bytes: encode(rows.scales.map(\.bitPattern)))
        )
    }

    static func encode<Bits: FixedWidthInteger>(_ values: [Bits]) -> [UInt8] {
        values.map(\.littleEndian).withUnsafeBytes { [UInt8]($0) }
    }
}

/// Collects tensors and writes them as one safetensors file.
///
/// The file depends on the tensors and the metadata only, not on the order they were added in.
package struct SafetensorsWriter: Sendable {
    /// How a tensor's numbers are stored.
    package enum Storage: Sendable {
        /// 4 bytes a number, exact.
        case float32
        /// 2 bytes a number, rounded to the nearest half.
        case float16
        /// 1 byte a number and an F32 `NAME.scale` for each row of the first axis, as ``PackedRows/init(rounding:)`` has them.
        case int8
    }

    private let metadata: [String: String]
    private var records: [String: SafetensorsRecord] = [:]

    /// An empty file with these strings in its header.
    package init(metadata: [String: String] = [:]) {
        self.metadata = metadata
    }

    /// Adds a tensor.
    ///
    /// Throws `WeightsError` if the name is taken, if a number isn't finite or doesn't fit the storage, or if an 8-bit
    /// tensor has no axis.
    package mutating func add(_ tensor: Tensor<Float>, named name: String, as storage: Storage = .float32) throws {
        let values = tensor.scalars
        guard values.allSatisfy(\.isFinite) else { throw WeightsError.nonFinite(tensor: name) }
        switch storage {
        case .float32:
            let bytes = SafetensorsRecord.encode(values.map(\.bitPattern))
            try insert(SafetensorsRecord(type: .f32, shape: tensor.shape, bytes: bytes), name)
        case .float16:
            let halves = values.map { Float16($0) }
            guard halves.allSatisfy(\.isFinite) else { throw WeightsError.nonFinite(tensor: name) }
            let bytes = SafetensorsRecord.encode(halves.map(\.bitPattern))
            try insert(SafetensorsRecord(type: .f16, shape: tensor.shape, bytes: bytes), name)
        case .int8:
            guard tensor.rank > 0 else {
                throw WeightsError.badScale(tensor: name, reason: "a tensor of no axis has no rows")
            }
            let (integers, scales) = SafetensorsRecord.packed(PackedRows(rounding: tensor))
            try insert(integers, name)
            try insert(scales, name + SafetensorsFile.scaleSuffix)
        }
    }

    mutating func insert(_ record: SafetensorsRecord, _ name: String) throws {
        guard records[name] == nil, name != "__metadata__" else { throw WeightsError.duplicate(tensor: name) }
        records[name] = record
    }

    /// The file's bytes.
    package func encoded() -> [UInt8] {
        let inOrder = Self.inOrder(records.map { ($0.key, $0.value.type, $0.value.shape) })
        var file = Self.header(of: inOrder, metadata: metadata)
        file.reserveCapacity(file.count + records.reduce(0) { $0 + $1.value.bytes.count })
        for tensor in inOrder { file.append(contentsOf: records[tensor.name]?.bytes ?? []) }
        return file
    }

    /// A tensor but for its numbers.
    typealias Outline = (name: String, type: SafetensorsType, shape: [Int])

    /// Tensors as they follow each other in a file: widest elements first, which keeps every tensor aligned to its element.
    static func inOrder(_ tensors: [Outline]) -> [Outline] {
        tensors.sorted { ($1.type.size, $0.name) < ($0.type.size, $1.name) }
    }

    /// A file's beginning, up to the first tensor's numbers.
    static func header(of tensors: [Outline], metadata: [String: String] = [:]) -> [UInt8] {
        var members: [String] = []
        if !metadata.isEmpty {
            let pairs = metadata.sorted { $0.key < $1.key }.map { "\(quoted($0.key)):\(quoted($0.value))" }
            members.append("\"__metadata__\":{\(pairs.joined(separator: ","))}")
        }
        var offset = 0
        for tensor in tensors {
            let shape = tensor.shape.map(String.init).joined(separator: ",")
            let end = offset + tensor.shape.reduce(tensor.type.size, *)
            members.append(
                "\(quoted(tensor.name)):{\"dtype\":\"\(tensor.type.rawValue)\",\"shape\":[\(shape)],"
                    + "\"data_offsets\":[\(offset),\(end)]}")
            offset = end
        }
        var header = [UInt8]("{\(members.joined(separator: ","))}".utf8)
        while header.count % 8 != 0 { header.append(0x20) }
        return withUnsafeBytes(of: UInt64(header.count).littleEndian) { [UInt8]($0) } + header
    }

    /// Writes a file of tensors that needn't be in memory together.
    ///
    /// - Parameters:
    ///   - tensors: in any order.
    ///   - write: hands on a tensor's bytes, in as many parts as it likes.
    /// - Throws: ``WeightsError`` when the file can't be written, and what `write` throws.
    static func write(
        _ tensors: [Outline], to path: FilePath,
        _ write: (_ name: String, _ part: ([UInt8]) throws -> Void) throws -> Void
    ) throws {
        let tensors = inOrder(tensors)
        do {
            let descriptor = try FileDescriptor.open(
                path, .writeOnly, options: [.create, .truncate, .closeOnExec],
                permissions: [.ownerReadWrite, .groupRead, .otherRead])
            try descriptor.closeAfter {
                try descriptor.writeAll(header(of: tensors))
                for tensor in tensors { try write(tensor.name) { try descriptor.writeAll($0) } }
            }
        } catch let error as Errno {
            throw WeightsError.inaccessible(path: path.string, reason: error)
        }
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\" + String(scalar)
            case "\u{0}"..<"\u{20}":
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    /// Writes the file: under another name beside it first, then moved into place, so that `path` never holds a part.
    ///
    /// Throws `WeightsError.inaccessible`.
    package func write(to path: FilePath) throws {
        let content = encoded()
        let partial = FilePath(path.string + ".partial")
        do {
            let descriptor = try FileDescriptor.open(
                partial, .writeOnly, options: [.create, .truncate, .closeOnExec],
                permissions: [.ownerReadWrite, .groupRead, .otherRead])
            try descriptor.closeAfter {
                try descriptor.writeAll(content)
                // Else a power cut could leave the new name on an empty file.
                guard fsync(descriptor.rawValue) == 0 else { throw Errno(rawValue: errno) }
            }
            try Self.move(partial, to: path)
        } catch let error as Errno {
            _ = partial.withPlatformString { unlink($0) }
            throw WeightsError.inaccessible(path: path.string, reason: error)
        }
    }

    private static func move(_ partial: FilePath, to path: FilePath) throws {
        let status = partial.withPlatformString { from in path.withPlatformString { to in rename(from, to) } }
        guard status == 0 else { throw Errno(rawValue: errno) }
    }
}
