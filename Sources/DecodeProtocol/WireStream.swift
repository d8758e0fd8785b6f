/// One request or message as it came over the wire, not yet taken apart.
package struct WireMessage: Sendable, Equatable {
    package var header: WireHeader
    package var body: [UInt8]
    package var payload: [UInt8]

    package init(header: WireHeader, body: [UInt8], payload: [UInt8] = []) {
        self.header = header
        self.body = body
        self.payload = payload
    }
}

/// Puts requests or messages together from a stream of bytes, however they were split on their way.
///
/// It has the room for the part that comes next, and whoever reads fills it in place: a payload is read into the array
/// in which it stays. It never holds more than one body and one payload of their limits. A stream that broke the format
/// stays broken: there is no way to find the next header.
package struct WireStream: Sendable {
    private let bodyLimit: Int
    private let payloadLimit: Int
    private var header: WireHeader?
    private var body: [UInt8]?
    /// The part that is being filled: a header, then a body, then a payload.
    private var part: [UInt8] = []
    private var length = WireHeader.size

    /// - Parameters:
    ///   - bodyLimit: bytes of the longest body that is accepted.
    ///   - payloadLimit: bytes of the longest payload that is accepted.
    package init(bodyLimit: Int = DecodeLimits.bodyBytes, payloadLimit: Int) {
        self.bodyLimit = bodyLimit
        self.payloadLimit = payloadLimit
    }

    /// Whether bytes of an unfinished message are held.
    package var isWithinMessage: Bool { header != nil || !part.isEmpty }

    /// Bytes that `fill` has room for; 0 until `next()` has taken what is complete.
    package var missing: Int { length - part.count }

    /// Lets `read` write into the `missing` bytes, as read(2) does.
    /// - Parameter read: returns how many bytes it wrote from the beginning of its room; 0 or less for none.
    /// - Returns: what `read` returns.
    package mutating func fill(_ read: (UnsafeMutableRawBufferPointer) -> Int) -> Int {
        var result = 0
        part.append(addingCapacity: missing) { room in
            unsafe room.withUnsafeMutableBufferPointer { buffer, count in
                let free = unsafe UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(rebasing: buffer[count...]))
                result = unsafe read(free)
                precondition(result <= free.count, "more was read than there is room for")
                count += max(0, result)
            }
        }
        return result
    }

    /// The next whole message, or nil when more bytes are needed.
    package mutating func next() throws(WireError) -> WireMessage? {
        while missing == 0 {
            guard let header else {
                let header = try WireHeader(part, bodyLimit: bodyLimit, payloadLimit: payloadLimit)
                self.header = header
                begin(header.body)
                continue
            }
            guard let body else {
                body = part
                begin(header.payload)
                continue
            }
            let message = WireMessage(header: header, body: body, payload: part)
            self.header = nil
            self.body = nil
            begin(WireHeader.size)
            return message
        }
        return nil
    }

    private mutating func begin(_ length: Int) {
        part = []
        part.reserveCapacity(length)
        self.length = length
    }
}
