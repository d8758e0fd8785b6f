internal import Basics

/// A parameter of a statement, in PostgreSQL's binary form.
///
/// The forms are those of the types' `send` and `receive` functions; numbers are big-endian.
enum PostgresValue: Sendable {
    case null
    case integer(Int64)
    case real(Double)
    case text(String)
    case bytes([UInt8])
    case flag(Bool)
    case integers([Int64?])
    case reals([Double?])
    case texts([String?])
    case blobs([[UInt8]?])
    case flags([Bool])
    /// Vectors of pgvector's type `halfvec`.
    case halves([[Float]])
    case half([Float])

    static func integer(_ value: Int64?) -> PostgresValue { value.map { .integer($0) } ?? .null }
    static func real(_ value: Double?) -> PostgresValue { value.map { .real($0) } ?? .null }
    static func text(_ value: String?) -> PostgresValue { value.map { .text($0) } ?? .null }
    static func bytes(_ value: [UInt8]?) -> PostgresValue { value.map { .bytes($0) } ?? .null }

    /// What `pg_type` calls a value's type; pgvector's have other numbers in each database.
    func type(_ vectors: VectorTypes) -> UInt32 {
        switch self {
        case .null: 0
        case .integer: 20
        case .real: 701
        case .text: 25
        case .bytes: 17
        case .flag: 16
        case .integers: 1016
        case .reals: 1022
        case .texts: 1009
        case .blobs: 1001
        case .flags: 1000
        case .halves: vectors.array
        case .half: vectors.element
        }
    }

    func encoded(_ vectors: VectorTypes) -> [UInt8]? {
        switch self {
        case .null: nil
        case .integer(let value): value.bigEndianBytes
        case .real(let value): value.bitPattern.bigEndianBytes
        case .text(let value): Self.utf8(value)
        case .bytes(let value): value
        case .flag(let value): [value ? 1 : 0]
        case .integers(let values): Self.array(values.map { $0?.bigEndianBytes }, of: 20)
        case .reals(let values): Self.array(values.map { $0?.bitPattern.bigEndianBytes }, of: 701)
        case .texts(let values): Self.array(values.map { $0.map(Self.utf8) }, of: 25)
        case .blobs(let values): Self.array(values, of: 17)
        case .flags(let values): Self.array(values.map { [$0 ? 1 : 0] }, of: 16)
        case .halves(let values): Self.array(values.map(Self.halfvec), of: vectors.element)
        case .half(let value): Self.halfvec(value)
        }
    }

    /// The server takes no NUL in a text.
    private static func utf8(_ text: String) -> [UInt8] { text.utf8.filter { $0 != 0 } }

    private static func array(_ values: [[UInt8]?], of type: UInt32) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(20 + values.reduce(0) { $0 + 4 + ($1?.count ?? 0) })
        let dimensions: Int32 = values.isEmpty ? 0 : 1
        bytes += dimensions.bigEndianBytes + Int32(values.contains { $0 == nil } ? 1 : 0).bigEndianBytes
        bytes += type.bigEndianBytes
        guard !values.isEmpty else { return bytes }
        bytes += Int32(values.count).bigEndianBytes + Int32(1).bigEndianBytes
        for value in values {
            bytes += Int32(value?.count ?? -1).bigEndianBytes
            if let value { bytes += value }
        }
        return bytes
    }

    /// `halfvec_recv`: dimensions, a zero, and that many numbers of 16 bits.
    private static func halfvec(_ vector: [Float]) -> [UInt8] {
        var bytes = UInt16(vector.count).bigEndianBytes + UInt16(0).bigEndianBytes
        bytes.reserveCapacity(4 + 2 * vector.count)
        for value in vector {
            let bits = Float16(value).bitPattern
            bytes.append(UInt8(bits >> 8))
            bytes.append(UInt8(truncatingIfNeeded: bits))
        }
        return bytes
    }
}

/// The numbers that a database has given to pgvector's types.
struct VectorTypes: Sendable, Equatable {
    var element: UInt32 = 0
    var array: UInt32 = 0
}

extension FixedWidthInteger {
    fileprivate var bigEndianBytes: [UInt8] {
        (0..<(Self.bitWidth / 8)).map { UInt8(truncatingIfNeeded: self >> (Self.bitWidth - 8 - 8 * $0)) }
    }
}

/// A row of an answer, in PostgreSQL's binary form. What isn't of the type that is asked for, or isn't there, is nil.
struct PostgresRow: Sendable {
    private let fields: [[UInt8]?]

    init(_ fields: [[UInt8]?]) {
        self.fields = fields
    }

    /// Of `int8`, `int4`, `int2` and `oid`.
    func integer(_ column: Int) -> Int64? {
        guard let bytes = bytes(column), [2, 4, 8].contains(bytes.count) else { return nil }
        let start: Int64 = bytes[0] & 0x80 == 0 ? 0 : -1
        return bytes.reduce(start) { $0 << 8 | Int64($1) }
    }

    /// Of `float8`.
    func real(_ column: Int) -> Double? {
        guard let bytes = bytes(column), bytes.count == 8 else { return nil }
        return Double(bitPattern: bytes.reduce(0) { $0 << 8 | UInt64($1) })
    }

    func text(_ column: Int) -> String? { bytes(column).map { String(decoding: $0, as: UTF8.self) } }

    func bytes(_ column: Int) -> [UInt8]? { fields.indices.contains(column) ? fields[column] : nil }

    func flag(_ column: Int) -> Bool? { bytes(column).map { $0 == [1] } }

    /// Of `halfvec`.
    func vector(_ column: Int) -> [Float]? {
        guard let bytes = bytes(column), bytes.count >= 4 else { return nil }
        let count = Int(bytes[0]) << 8 | Int(bytes[1])
        guard bytes.count == 4 + 2 * count else { return nil }
        return (0..<count).map { place in
            let bits = UInt16(bytes[4 + 2 * place]) << 8 | UInt16(bytes[5 + 2 * place])
            return Float(Float16(bitPattern: bits))
        }
    }
}
