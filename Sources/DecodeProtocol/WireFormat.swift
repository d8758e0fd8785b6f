/// The limits of the wire format; whoever reads refuses what is beyond them.
package enum DecodeLimits {
    /// Bytes of one request's or message's body.
    package static let bodyBytes = 32_768
    /// Bytes that may follow the body of a message: a frame of the largest side.
    package static let payloadBytes = frameSize * frameSize * 3
    package static let frameSize = 2048
    /// Seconds at which a media item's pictures can be; the worker cuts off what is longer than seven days.
    package static let mediaSeconds = 8.0 * 86_400
    /// Bytes of one string.
    package static let stringBytes = 4096
}

/// What is wrong with bytes that should have been the wire format.
///
/// One end sees what the other did wrong, and a person can do nothing about it but in a ``DecodeError``, which quotes the
/// description: so this is no `ExplainedError`.
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
/// `body: UInt32`, `version: UInt8`, `kind: UInt8`, `zero: UInt16`, `request: UInt32`, `payload: UInt32`.
///
/// The body holds the scalars. Pixels, JPEG and WebM files are the payload that follows it, so that they need not be copied
/// to be taken apart. `request` numbers the requests of a worker's life; each message carries the number of the request
/// it answers.
package struct WireHeader: Sendable, Equatable {
    /// 2: frames have a geometry, pixels are a payload, and what nobody read is gone. 3: text can be asked for.
    /// 4: previews can be asked for. 5: files come as descriptors, beside the requests.
    package static let version: UInt8 = 5
    package static let size = 16

    package var kind: UInt8
    package var request: UInt32
    /// Bytes.
    package var body: Int
    package var payload: Int

    package init(kind: UInt8, request: UInt32, body: Int, payload: Int = 0) {
        self.kind = kind
        self.request = request
        self.body = body
        self.payload = payload
    }

    /// Reads a header from exactly `size` bytes.
    /// - Throws: `WireError` for another version, non-zero padding, or a body or payload longer than its limit (bytes).
    package init(_ bytes: [UInt8], bodyLimit: Int, payloadLimit: Int) throws(WireError) {
        var reader = WireReader(bytes)
        let body = try reader.uint32()
        let version = try reader.uint8()
        let kind = try reader.uint8()
        let padding = try reader.uint16()
        let request = try reader.uint32()
        let payload = try reader.uint32()
        try reader.finish()
        guard version == Self.version else {
            throw WireError(
                .version,
                "The decode worker speaks version \(version) of the protocol, this program version \(Self.version): "
                    + "install both from the same release.")
        }
        guard padding == 0 else { throw WireError(.content, "The header's padding is not zero.") }
        guard body <= bodyLimit else {
            throw WireError(.length, "A body of \(body) bytes is over the limit of \(bodyLimit).")
        }
        guard payload <= payloadLimit else {
            throw WireError(.length, "A payload of \(payload) bytes is over the limit of \(payloadLimit).")
        }
        self.init(kind: kind, request: request, body: Int(body), payload: Int(payload))
    }

    /// The header and the body after it.
    static func bytes(kind: UInt8, request: UInt32, body: WireWriter, payload: Int = 0) -> [UInt8] {
        var writer = WireWriter()
        writer.uint32(UInt32(body.bytes.count))
        writer.uint8(version)
        writer.uint8(kind)
        writer.uint16(0)
        writer.uint32(request)
        writer.uint32(UInt32(payload))
        return writer.bytes + body.bytes
    }
}

/// Appends the wire format's scalars, little-endian.
struct WireWriter {
    var bytes: [UInt8] = []

    mutating func uint8(_ value: UInt8) { bytes.append(value) }
    mutating func uint16(_ value: UInt16) { integer(value) }
    mutating func uint32(_ value: UInt32) { integer(value) }
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

    /// A time of a media item, from its beginning.
    mutating func mediaTime() throws(WireError) -> Double {
        let time = try double()
        guard (0...DecodeLimits.mediaSeconds).contains(time) else {
            throw WireError(.content, "No media item has a time of \(time) s.")
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

    mutating func blob(limit: Int) throws(WireError) -> [UInt8] {
        let count = try count(in: 0...limit)
        guard count <= bytes.count - position else { throw WireError(.length, "A message ends within a value.") }
        defer { position += count }
        return Array(bytes[position..<position + count])
    }

    mutating func string() throws(WireError) -> String {
        String(decoding: try blob(limit: DecodeLimits.stringBytes), as: UTF8.self)
    }

    /// A string of at most `limit` bytes that must be UTF-8.
    mutating func string(limit: Int) throws(WireError) -> String {
        guard let text = String(validating: try blob(limit: limit), as: UTF8.self) else {
            throw WireError(.content, "A string is not UTF-8.")
        }
        return text
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
