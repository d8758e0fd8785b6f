/// Cuts a stream of bytes into the bodies of requests or messages, however the bytes were split on their way.
///
/// It never holds more than one body of the limit and the last bytes appended. A stream that broke the format stays broken:
/// there is no way to find the next header.
package struct WireStream: Sendable {
    private var buffer: [UInt8] = []
    private var position = 0
    private let limit: Int

    /// - Parameter limit: bytes of the longest body that is accepted, such as `DecodeLimits.messageBytes`.
    package init(limit: Int) {
        self.limit = limit
    }

    /// Whether bytes of an unfinished message are held.
    package var isWithinMessage: Bool { position < buffer.count }

    /// How many more bytes are needed before `next()` can return something; at least 1.
    package var missing: Int {
        let held = buffer.count - position
        guard held >= WireHeader.size else { return WireHeader.size - held }
        let length = (0..<4).reduce(0) { $0 | Int(buffer[position + $1]) << (8 * $1) }
        return max(1, WireHeader.size + min(length, limit) - held)
    }

    package mutating func append(_ bytes: some Collection<UInt8>) {
        if position > 0 {
            buffer.removeSubrange(..<position)
            position = 0
        }
        buffer.append(contentsOf: bytes)
    }

    /// The next whole message, or nil when more bytes are needed.
    package mutating func next() throws(WireError) -> (header: WireHeader, body: [UInt8])? {
        guard buffer.count - position >= WireHeader.size else { return nil }
        let header = try WireHeader(buffer[position..<position + WireHeader.size], limit: limit)
        let start = position + WireHeader.size
        guard buffer.count - start >= header.length else { return nil }
        position = start + header.length
        return (header, Array(buffer[start..<position]))
    }
}
