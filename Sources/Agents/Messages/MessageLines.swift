/// Cuts bytes that arrive in pieces of any size into lines, one a message.
///
/// Source: Model Context Protocol, revision 2026-07-28, "stdio": messages are delimited by newlines and contain none.
struct MessageLines {
    enum Line: Equatable {
        case message([UInt8])
        /// Had more than ``maximumBytes``, and was read over to its end.
        case tooLong
    }

    /// No request of a tool comes near; more is kept of no line, however long it is.
    static let maximumBytes = 1 << 18

    private var line: [UInt8] = []
    private var isTooLong = false

    /// - Returns: the lines that these bytes complete, in order, without empty ones.
    mutating func append(_ bytes: [UInt8]) -> [Line] {
        var lines: [Line] = []
        var rest = bytes[...]
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            take(rest[..<end])
            if let line = finish() { lines.append(line) }
            rest = rest[(end + 1)...]
        }
        take(rest)
        return lines
    }

    /// - Returns: what came after the last newline, if anything did.
    mutating func finish() -> Line? {
        defer { (line, isTooLong) = ([], false) }
        if isTooLong { return .tooLong }
        let isBlank = line.allSatisfy { [UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r")].contains($0) }
        return isBlank ? nil : .message(line)
    }

    private mutating func take(_ bytes: ArraySlice<UInt8>) {
        guard !isTooLong, line.count + bytes.count <= Self.maximumBytes else {
            (line, isTooLong) = ([], true)
            return
        }
        line += bytes
    }
}
