/// One event of a `text/event-stream`.
package struct ServerSentEvent: Sendable, Equatable {
    /// The `event:` field, `message` when there is none.
    package var kind: String
    /// The `data:` lines, joined by newlines.
    package var data: [UInt8]

    package init(kind: String, data: [UInt8]) {
        self.kind = kind
        self.data = data
    }
}

/// Reads server-sent events from bytes that arrive in pieces of any size.
///
/// Source: the WHATWG HTML standard, section 9.2.6, "Interpreting an event stream". `id` and `retry` are read over, as this
/// client doesn't reconnect.
package struct EventStreamParser: Sendable {
    /// A line or an event's data beyond this is given up, so that a broken peer can't fill the memory.
    package static let maximumBytes = 1 << 20

    private var line: [UInt8] = []
    private var kind: [UInt8] = []
    private var data: [UInt8] = []
    private var hasData = false
    private var lastWasCarriageReturn = false

    package init() {}

    /// Takes the next bytes.
    ///
    /// - Returns: the events that these bytes completed, in order.
    /// - Throws: ``ClientError`` with code `malformed` when an event is longer than ``maximumBytes``.
    package mutating func append(_ bytes: some Sequence<UInt8>) throws(ClientError) -> [ServerSentEvent] {
        var events: [ServerSentEvent] = []
        for byte in bytes {
            let followsCarriageReturn = lastWasCarriageReturn
            lastWasCarriageReturn = byte == UInt8(ascii: "\r")
            switch byte {
            case UInt8(ascii: "\n") where followsCarriageReturn:
                continue
            case UInt8(ascii: "\n"), UInt8(ascii: "\r"):
                if let event = endLine() { events.append(event) }
            default:
                line.append(byte)
            }
            guard line.count + data.count <= Self.maximumBytes else {
                throw ClientError(.malformed, "The daemon sent an event longer than 1 MiB; is it of this version?")
            }
        }
        return events
    }

    private mutating func endLine() -> ServerSentEvent? {
        defer { line.removeAll(keepingCapacity: true) }
        guard !line.isEmpty else { return dispatch() }
        let colon = line.firstIndex(of: UInt8(ascii: ":")) ?? line.endIndex
        var value = line[colon...].dropFirst()
        if value.first == UInt8(ascii: " ") { value = value.dropFirst() }
        if line[..<colon].elementsEqual("event".utf8) {
            kind = Array(value)
        } else if line[..<colon].elementsEqual("data".utf8) {
            if hasData { data.append(UInt8(ascii: "\n")) }
            data += value
            hasData = true
        }
        return nil
    }

    private mutating func dispatch() -> ServerSentEvent? {
        defer {
            kind.removeAll(keepingCapacity: true)
            data.removeAll(keepingCapacity: true)
            hasData = false
        }
        guard hasData else { return nil }
        return ServerSentEvent(kind: kind.isEmpty ? "message" : String(decoding: kind, as: UTF8.self), data: data)
    }
}
