import Foundation

/// Text as `ftfy.fix_text` mends it, which OpenAI's and OpenCLIP's tokenizers call first: character references, ligatures, full-width
/// letters, curled quotes, line breaks, control characters, form C.
///
/// One of its steps isn't done: text that was decoded by a wrong encoding ("cafÃ©") stays so. That can't be told from text that is
/// meant without ftfy's statistics of letters, and nobody types it.
///
/// Source: R. Speer, "ftfy", 6.3.1.
enum TextFixing {
    static func fixed(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
        if text.allSatisfy({ isPlain($0) }) { return text }
        var result: [Unicode.Scalar] = []
        result.reserveCapacity(text.count)
        // A "<" makes character references a part of some HTML, from its line on.
        var unescapes = true
        var start = 0
        while start < text.count {
            let end = text[start...].firstIndex(of: "\n").map { $0 + 1 } ?? text.count
            let line = Array(text[start..<end])
            if line.contains("<") { unescapes = false }
            result += fixed(line: line, unescapes: unescapes)
            start = end
        }
        return result
    }

    /// Printable ASCII but the ampersand: no step does anything to it.
    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        (0x20..<0x7F).contains(scalar.value) && scalar != "&" || scalar == "\n"
    }

    private static func fixed(line: [Unicode.Scalar], unescapes: Bool) -> [Unicode.Scalar] {
        var line = line
        for _ in 0..<mostPasses {
            let before = line
            if unescapes { line = HTMLEntities.unescapedIfUnambiguous(line) }
            line = withLineFeeds(line.flatMap { replacement(of: $0) })
            line = withoutTerminalEscapes(line)
            line.removeAll { isControl($0) }
            line = UnicodeText.composed(line)
            if line == before { break }
        }
        return line
    }

    /// What one pass makes can be mended again. References within references that nobody writes would take a pass each.
    private static let mostPasses = 16

    private static func replacement(of scalar: Unicode.Scalar) -> [Unicode.Scalar] {
        switch scalar.value {
        case 0..<0x80: return [scalar]
        case 0x80...0x9F: return fixedQuote(HTMLEntities.windows1252[Int(scalar.value - 0x80)])
        case 0x2BC, 0x2018...0x201F: return fixedQuote(scalar)
        case 0x3000: return [" "]
        case 0xFF01...0xFFEF:
            return Array(String(Character(scalar)).precomposedStringWithCompatibilityMapping.unicodeScalars)
        default: return ligatures[scalar].map { Array($0.unicodeScalars) } ?? [scalar]
        }
    }

    private static func fixedQuote(_ scalar: Unicode.Scalar) -> [Unicode.Scalar] {
        switch scalar.value {
        case 0x2BC, 0x2018...0x201B: ["'"]
        case 0x201C...0x201F: ["\""]
        default: [scalar]
        }
    }

    /// Latin ones that nobody means.
    private static let ligatures: [Unicode.Scalar: String] = [
        "\u{132}": "IJ", "\u{133}": "ij", "\u{149}": "'n", "\u{1F1}": "DZ", "\u{1F2}": "Dz", "\u{1F3}": "dz",
        "\u{1C4}": "D\u{17D}", "\u{1C5}": "D\u{17E}", "\u{1C6}": "d\u{17E}", "\u{1C7}": "LJ", "\u{1C8}": "Lj",
        "\u{1C9}": "lj", "\u{1CA}": "NJ", "\u{1CB}": "Nj", "\u{1CC}": "nj", "\u{FB00}": "ff", "\u{FB01}": "fi",
        "\u{FB02}": "fl", "\u{FB03}": "ffi", "\u{FB04}": "ffl", "\u{FB05}": "\u{17F}t", "\u{FB06}": "st",
    ]

    private static func withLineFeeds(_ line: [Unicode.Scalar]) -> [Unicode.Scalar] {
        var result: [Unicode.Scalar] = []
        result.reserveCapacity(line.count)
        for (place, scalar) in line.enumerated() {
            switch scalar {
            case "\n" where place > 0 && line[place - 1] == "\r": break
            case "\r", "\u{2028}", "\u{2029}", "\u{85}": result.append("\n")
            default: result.append(scalar)
            }
        }
        return result
    }

    /// Without the sequences that colour a terminal: escape, "[", digits and semicolons, a letter.
    private static func withoutTerminalEscapes(_ line: [Unicode.Scalar]) -> [Unicode.Scalar] {
        guard line.contains("\u{1B}") else { return line }
        var result: [Unicode.Scalar] = []
        var place = 0
        while place < line.count {
            if line[place] == "\u{1B}", place + 1 < line.count, line[place + 1] == "[" {
                var end = place + 2
                while end < line.count, line[end] == ";" || line[end].properties.generalCategory == .decimalNumber {
                    end += 1
                }
                if end < line.count, "a"..."z" ~= line[end] || "A"..."Z" ~= line[end] {
                    place = end + 1
                    continue
                }
            }
            result.append(line[place])
            place += 1
        }
        return result
    }

    /// Control characters that nobody means; tab, line feed, form feed and carriage return are none of them.
    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x00...0x08, 0x0B, 0x0E...0x1F, 0x7F, 0x206A...0x206F, 0xFEFF, 0xFFF9...0xFFFC: true
        default: false
        }
    }

    /// A text as OpenCLIP's cleaning `canonicalize` leaves it: mended, character references replaced twice, in lower case, without punctuation and extra spaces.
    static func canonical(_ text: String) -> String {
        let fixed = fixed(Array(text.unicodeScalars))
        let spaced = HTMLEntities.unescaped(HTMLEntities.unescaped(fixed)).map { $0 == "_" ? " " : $0 }
        let words = spaced.filter { !UnicodeText.isPunctuation($0) }
        return String(String.UnicodeScalarView(UnicodeText.withSingleSpaces(UnicodeText.lowercasedInContext(words))))
    }
}
