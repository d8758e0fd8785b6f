extension HTMLEntities {
    private static let named: [String: [Unicode.Scalar]] = {
        var named: [String: [Unicode.Scalar]] = [:]
        for entry in table.split(whereSeparator: \.isWhitespace) {
            let sides = entry.split(separator: "=")
            named[String(sides[0])] = sides[1].split(separator: ",").compactMap {
                UInt32($0, radix: 16).flatMap { Unicode.Scalar($0) }
            }
        }
        return named
    }()

    /// What the bytes 0x80 ... 0x9F are in Windows-1252; those that it leaves open stay what they are.
    static let windows1252: [Unicode.Scalar] = [
        "\u{20AC}", "\u{81}", "\u{201A}", "\u{192}", "\u{201E}", "\u{2026}", "\u{2020}", "\u{2021}", "\u{2C6}",
        "\u{2030}", "\u{160}", "\u{2039}", "\u{152}", "\u{8D}", "\u{17D}", "\u{8F}", "\u{90}", "\u{2018}",
        "\u{2019}", "\u{201C}", "\u{201D}", "\u{2022}", "\u{2013}", "\u{2014}", "\u{2DC}", "\u{2122}", "\u{161}",
        "\u{203A}", "\u{153}", "\u{9D}", "\u{17E}", "\u{178}",
    ]

    private static let ampersand: Unicode.Scalar = "&"
    private static let semicolon: Unicode.Scalar = ";"
    private static let numberSign: Unicode.Scalar = "#"

    /// Replaces character references as Python's `html.unescape` does, and browsers: some need no semicolon.
    static func unescaped(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
        guard text.contains(ampersand) else { return text }
        var result: [Unicode.Scalar] = []
        result.reserveCapacity(text.count)
        var place = 0
        while place < text.count {
            if text[place] == ampersand, let found = reference(in: text, at: place + 1) {
                result += found.scalars
                place = found.end
            } else {
                result.append(text[place])
                place += 1
            }
        }
        return result
    }

    /// Replaces the references that can't be meant otherwise, as `ftfy.fixes.unescape_html` does: numbers and names with a
    /// semicolon, and names of small letters that were put into capitals.
    static func unescapedIfUnambiguous(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
        guard text.contains(ampersand) else { return text }
        var result: [Unicode.Scalar] = []
        result.reserveCapacity(text.count)
        var place = 0
        while place < text.count {
            if text[place] == ampersand, let end = endOfName(in: text, at: place + 1),
                let scalars = unambiguous(text[(place + 1)..<end])
            {
                result += scalars
                place = end
            } else {
                result.append(text[place])
                place += 1
            }
        }
        return result
    }

    /// Past the semicolon of `#?[0-9A-Za-z]{1,24};`.
    private static func endOfName(in text: [Unicode.Scalar], at start: Int) -> Int? {
        let first = start < text.count && text[start] == numberSign ? start + 1 : start
        var place = first
        while place < text.count, place - first < 25, isAlphanumeric(text[place]) { place += 1 }
        guard (1...24).contains(place - first), place < text.count, text[place] == semicolon else { return nil }
        return place + 1
    }

    private static func unambiguous(_ name: ArraySlice<Unicode.Scalar>) -> [Unicode.Scalar]? {
        if name.first == numberSign {
            guard let found = reference(in: Array(name), at: 0), found.end == name.count else { return nil }
            return found.scalars.contains(semicolon) ? nil : found.scalars
        }
        let text = String(String.UnicodeScalarView(name))
        if let known = named[text] { return known }
        let small = text.lowercased()
        guard small.uppercased() == text, let known = named[small], reference(in: Array(name), at: 0) == nil else {
            return nil
        }
        return known.flatMap { Array($0.properties.uppercaseMapping.unicodeScalars) }
    }

    /// What the reference is that begins after the ampersand, and where it ends; nil when there is none.
    private static func reference(
        in text: [Unicode.Scalar], at start: Int
    ) -> (scalars: [Unicode.Scalar], end: Int)? {
        guard start < text.count else { return nil }
        if text[start] == numberSign { return number(in: text, at: start + 1) }
        var end = start
        while end < text.count, end - start < 32, !endsName(text[end]) { end += 1 }
        if end == start { return nil }
        if end < text.count, text[end] == semicolon { end += 1 }
        // The longest name that it begins with; one letter is none.
        var last = end
        while last - start > 1 {
            if let known = named[String(String.UnicodeScalarView(text[start..<last]))] { return (known, last) }
            last -= 1
        }
        return nil
    }

    private static func number(in text: [Unicode.Scalar], at start: Int) -> (scalars: [Unicode.Scalar], end: Int)? {
        let isHexadecimal = start < text.count && (text[start] == "x" || text[start] == "X")
        let first = isHexadecimal ? start + 1 : start
        var place = first
        var value: UInt32 = 0
        while place < text.count, text[place].isASCII,
            let digit = Character(text[place]).hexDigitValue, isHexadecimal || digit < 10
        {
            // Beyond Unicode it doesn't matter how far.
            value = min(value * (isHexadecimal ? 16 : 10) + UInt32(digit), 0x11_0000)
            place += 1
        }
        if place == first { return nil }
        if place < text.count, text[place] == semicolon { place += 1 }
        return (scalars(ofNumber: value), place)
    }

    /// Source: HTML Living Standard, "Numeric character reference end state", as Python's `html` has it.
    private static func scalars(ofNumber value: UInt32) -> [Unicode.Scalar] {
        switch value {
        case 0: return ["\u{FFFD}"]
        case 0x0D: return ["\r"]
        case 0x80...0x9F: return [windows1252[Int(value - 0x80)]]
        case 0x01...0x08, 0x0B, 0x0E...0x1F, 0x7F, 0xFDD0...0xFDEF: return []
        default:
            guard let scalar = Unicode.Scalar(value) else { return ["\u{FFFD}"] }
            return value & 0xFFFE == 0xFFFE ? [] : [scalar]
        }
    }

    private static func isAlphanumeric(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "0"..."9", "A"..."Z", "a"..."z": true
        default: false
        }
    }

    private static func endsName(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "\t", "\n", "\u{C}", " ", "<", "&", "#", ";": true
        default: false
        }
    }
}
