/// A cursor over JSON that takes what its caller expects, one value after another, and builds no tree of it.
///
/// For headers and vocabularies, which are long and where two members of one name matter. Memory is that of the longest string;
/// what is nested deeper than ``deepest`` is refused, so that no input can exhaust the stack.
///
/// Source: RFC 8259.
struct JSONReader {
    /// Where the text isn't the JSON that is expected.
    struct Mistake: Error {
        /// Bytes before it.
        var position: Int
        var reason: String
    }

    private let bytes: [UInt8]
    /// Bytes that were read.
    private(set) var position = 0

    /// Values within values that ``skip()`` follows.
    private static let deepest = 64

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    func mistake(_ reason: String) -> Mistake { Mistake(position: position, reason: reason) }

    private mutating func skipSpace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0A, 0x0D: position += 1
            default: return
            }
        }
    }

    /// The first byte of the next value, which isn't taken; nil at the end.
    mutating func next() -> UInt8? {
        skipSpace()
        return position < bytes.count ? bytes[position] : nil
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        skipSpace()
        guard position < bytes.count, bytes[position] == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func require(_ character: Unicode.Scalar) throws {
        guard take(character) else { throw mistake("expected \"\(character)\"") }
    }

    /// Takes the rest, which has to be white space.
    mutating func end() throws {
        skipSpace()
        guard position == bytes.count else { throw mistake("text after the end") }
    }

    /// Takes an object; `member` takes each value.
    mutating func object(_ member: (_ name: String, inout JSONReader) throws -> Void) throws {
        try require("{")
        if take("}") { return }
        repeat {
            let name = try string()
            try require(":")
            try member(name, &self)
        } while take(",")
        try require("}")
    }

    /// The same for objects of many members, whose names stay bytes.
    mutating func largeObject(_ member: (_ name: [UInt8], inout JSONReader) throws -> Void) throws {
        var name: [UInt8] = []
        try require("{")
        if take("}") { return }
        repeat {
            try string(into: &name)
            try require(":")
            try member(name, &self)
        } while take(",")
        try require("}")
    }

    /// Takes an array; `element` takes each value.
    mutating func array(_ element: (inout JSONReader) throws -> Void) throws {
        try require("[")
        if take("]") { return }
        repeat { try element(&self) } while take(",")
        try require("]")
    }

    mutating func integers() throws -> [Int] {
        var values: [Int] = []
        try array { values.append(try $0.integer()) }
        return values
    }

    /// Takes a whole number that isn't negative.
    mutating func integer() throws -> Int {
        skipSpace()
        var value = 0
        let start = position
        while position < bytes.count, (0x30...0x39).contains(bytes[position]) {
            let (product, overflowed) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflowedToo) = product.addingReportingOverflow(Int(bytes[position] - 0x30))
            guard !overflowed, !overflowedToo else { throw mistake("a number is too large") }
            value = sum
            position += 1
        }
        guard position > start else { throw mistake("expected a whole number") }
        return value
    }

    mutating func string() throws -> String {
        var text: [UInt8] = []
        try string(into: &text)
        guard let string = String(validating: text, as: UTF8.self) else { throw mistake("a string is not UTF-8") }
        return string
    }

    /// Takes a string. Its bytes aren't checked to be UTF-8.
    ///
    /// - Parameter text: what was in it is dropped.
    mutating func string(into text: inout [UInt8]) throws {
        try require("\"")
        text.removeAll(keepingCapacity: true)
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            switch byte {
            case 0x22: return
            case 0x5C: try text.append(contentsOf: escape().utf8)
            case 0..<0x20: throw mistake("a control character in a string")
            default: text.append(byte)
            }
        }
        throw mistake("a string doesn't end")
    }

    private mutating func escape() throws -> String {
        guard position < bytes.count else { throw mistake("a string doesn't end") }
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
                    throw mistake("half of a surrogate pair")
                }
                position += 2
                units.append(try codeUnit())
            }
            guard let text = String(validating: units, as: UTF16.self) else {
                throw mistake("half of a surrogate pair")
            }
            return text
        default: throw mistake("an unknown escape")
        }
    }

    private mutating func codeUnit() throws -> UInt16 {
        guard position + 4 <= bytes.count else { throw mistake("a string doesn't end") }
        var unit: UInt16 = 0
        for byte in bytes[position..<position + 4] {
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw mistake("an unknown escape")
            }
            unit = unit << 4 | UInt16(digit)
        }
        position += 4
        return unit
    }

    /// Takes a value of any kind, and hands out its bytes as they stand in the text.
    mutating func value() throws -> [UInt8] {
        skipSpace()
        let start = position
        try skip()
        return [UInt8](bytes[start..<position])
    }

    /// Takes a value of any kind. Numbers and words are only looked at for where they end.
    mutating func skip() throws { try skip(within: Self.deepest) }

    private mutating func skip(within depth: Int) throws {
        guard depth > 0 else { throw mistake("values lie too deep within each other") }
        var scratch: [UInt8] = []
        switch next() {
        case UInt8(ascii: "{"): try largeObject { _, reader in try reader.skip(within: depth - 1) }
        case UInt8(ascii: "["): try array { try $0.skip(within: depth - 1) }
        case UInt8(ascii: "\""): try string(into: &scratch)
        default:
            let start = position
            while position < bytes.count, Self.isInWord(bytes[position]) { position += 1 }
            guard position > start else { throw mistake("expected a value") }
        }
    }

    /// Digits, signs, the point, and the letters of `true`, `false`, `null` and exponents.
    private static func isInWord(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2B, 0x2D, 0x2E: true
        default: false
        }
    }
}
