/// The limits of the wire format; whoever reads refuses what is beyond them.
package enum DecodeLimits {
    /// Bytes of a path.
    package static let pathBytes = 16_384
    /// Bytes of one request after its header.
    package static let requestBytes = 32_768
    /// Bytes of one message after its header: a frame of the largest side, and room for its times.
    package static let messageBytes = 2048 * 2048 * 3 + 4096
    package static let frameSize = 2048
    package static let metadataEntries = 64
    /// Seconds at which a media's pictures can be; the worker cuts off what is longer than seven days.
    package static let mediaSeconds = 8.0 * 86_400
    /// Bytes of one string.
    package static let stringBytes = 4096
}

/// What is wrong with bytes that should have been the wire format.
package struct WireError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Code: Sendable {
        case version
        case kind
        case length
        case content
    }

    package var code: Code
    package var description: String

    package init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }
}

/// The header of everything on the wire, little-endian:
/// `length: UInt32` (of the body), `version: UInt8`, `kind: UInt8`, `zero: UInt16`, `request: UInt32`.
///
/// `request` numbers the requests of a worker's life; each message carries the number of the request it answers.
package struct WireHeader: Sendable, Equatable {
    package static let version: UInt8 = 1
    package static let size = 12

    package var length: Int
    package var kind: UInt8
    package var request: UInt32

    package init(length: Int, kind: UInt8, request: UInt32) {
        self.length = length
        self.kind = kind
        self.request = request
    }

    /// Reads a header from exactly `size` bytes.
    /// - Throws: `WireError` for another version, non-zero padding or a body longer than `limit` bytes.
    package init(_ bytes: some Collection<UInt8>, limit: Int) throws(WireError) {
        var reader = WireReader(Array(bytes))
        let length = try reader.uint32()
        let version = try reader.uint8()
        let kind = try reader.uint8()
        let padding = try reader.uint16()
        let request = try reader.uint32()
        try reader.finish()
        guard version == Self.version else {
            throw WireError(
                .version,
                "The decode worker speaks version \(version) of the protocol, this program version \(Self.version): "
                    + "install both from the same release.")
        }
        guard padding == 0 else { throw WireError(.content, "The header's padding is not zero.") }
        guard length <= limit else {
            throw WireError(.length, "A message of \(length) bytes is over the limit of \(limit).")
        }
        self.init(length: Int(length), kind: kind, request: request)
    }

    package func append(to bytes: inout [UInt8]) {
        var writer = WireWriter()
        writer.uint32(UInt32(length))
        writer.uint8(Self.version)
        writer.uint8(kind)
        writer.uint16(0)
        writer.uint32(request)
        bytes += writer.bytes
    }
}

/// Appends the wire format's scalars, little-endian.
struct WireWriter {
    var bytes: [UInt8] = []

    mutating func uint8(_ value: UInt8) { bytes.append(value) }
    mutating func uint16(_ value: UInt16) { integer(value) }
    mutating func uint32(_ value: UInt32) { integer(value) }
    mutating func int64(_ value: Int64) { integer(value) }
    mutating func double(_ value: Double) { integer(value.bitPattern) }
    mutating func bool(_ value: Bool) { bytes.append(value ? 1 : 0) }

    mutating func optionalDouble(_ value: Double?) {
        bool(value != nil)
        if let value { double(value) }
    }

    mutating func blob(_ value: [UInt8]) {
        uint32(UInt32(value.count))
        bytes += value
    }

    /// Cut at `DecodeLimits.stringBytes`, on a character's border.
    mutating func string(_ value: String) {
        var prefix = value[...]
        while prefix.utf8.count > DecodeLimits.stringBytes { prefix = prefix.dropLast(max(1, prefix.count / 16)) }
        blob(Array(prefix.utf8))
    }

    private mutating func integer(_ value: some FixedWidthInteger) {
        for shift in stride(from: 0, to: value.bitWidth, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }
}

/// Reads the wire format's scalars; every read is checked against what is left.
struct WireReader {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    mutating func uint8() throws(WireError) -> UInt8 { try integer() }
    mutating func uint16() throws(WireError) -> UInt16 { try integer() }
    mutating func uint32() throws(WireError) -> UInt32 { try integer() }
    mutating func int64() throws(WireError) -> Int64 { try integer() }

    mutating func bool() throws(WireError) -> Bool {
        let value = try uint8()
        guard value <= 1 else { throw WireError(.content, "A truth value is \(value).") }
        return value == 1
    }

    /// A finite number: no time or rate on the wire may be anything else.
    mutating func double() throws(WireError) -> Double {
        let value = Double(bitPattern: try integer())
        guard value.isFinite else { throw WireError(.content, "A number is not finite.") }
        return value
    }

    /// A time of a media, from its beginning.
    mutating func mediaTime() throws(WireError) -> Double {
        let time = try double()
        guard (0...DecodeLimits.mediaSeconds).contains(time) else {
            throw WireError(.content, "A media has no time \(time) s.")
        }
        return time
    }

    mutating func optionalDouble() throws(WireError) -> Double? { try bool() ? try double() : nil }

    /// A count or size that fits in `range`.
    mutating func count(in range: ClosedRange<Int>) throws(WireError) -> Int {
        let value = Int(try uint32())
        guard range.contains(value) else { throw WireError(.content, "A count of \(value) is not within \(range).") }
        return value
    }

    mutating func total() throws(WireError) -> Int {
        let value = try int64()
        guard value >= 0, let count = Int(exactly: value) else { throw WireError(.content, "A total is \(value).") }
        return count
    }

    mutating func blob(limit: Int) throws(WireError) -> [UInt8] {
        let count = try count(in: 0...limit)
        return try raw(count)
    }

    mutating func raw(_ count: Int) throws(WireError) -> [UInt8] {
        guard count <= bytes.count - position else { throw WireError(.length, "A message ends within a value.") }
        defer { position += count }
        return Array(bytes[position..<position + count])
    }

    mutating func string() throws(WireError) -> String {
        String(decoding: try blob(limit: DecodeLimits.stringBytes), as: UTF8.self)
    }

    func finish() throws(WireError) {
        guard position == bytes.count else {
            throw WireError(.length, "A message has \(bytes.count - position) bytes too many.")
        }
    }

    private mutating func integer<Value: FixedWidthInteger>() throws(WireError) -> Value {
        let size = Value.bitWidth / 8
        guard size <= bytes.count - position else { throw WireError(.length, "A message ends within a value.") }
        var value: Value = 0
        for offset in 0..<size { value |= Value(truncatingIfNeeded: bytes[position + offset]) << (8 * offset) }
        position += size
        return value
    }
}
