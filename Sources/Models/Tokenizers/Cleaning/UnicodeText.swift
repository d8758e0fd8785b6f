import Foundation

/// What the reference tokenizers do to text, scalar by scalar. Each is linear in the text's length.
enum UnicodeText {
    /// Whether Python's `str.split` and `str.strip` take a scalar for a space: Unicode's white space, and four control characters.
    static func isPythonSpace(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII {
            return scalar == " " || (0x09...0x0D).contains(scalar.value) || (0x1C...0x1F).contains(scalar.value)
        }
        return scalar.properties.isWhitespace
    }

    /// Words with one space between them, and none around them.
    static func withSingleSpaces(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
        var result: [Unicode.Scalar] = []
        result.reserveCapacity(text.count)
        var isAfterSpace = false
        for scalar in text {
            if isPythonSpace(scalar) {
                isAfterSpace = true
            } else {
                if isAfterSpace, !result.isEmpty { result.append(" ") }
                isAfterSpace = false
                result.append(scalar)
            }
        }
        return result
    }

    /// Punctuation of ASCII, which is Python's `string.punctuation`.
    static func isPunctuation(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E: true
        default: false
        }
    }

    /// Lower case, each scalar by itself.
    static func lowercased(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
        var result: [Unicode.Scalar] = []
        result.reserveCapacity(text.count)
        for scalar in text { appendLowercase(of: scalar, to: &result) }
        return result
    }

    /// Lower case as Python's `str.lower` makes it: a sigma at the end of a word has another form.
    ///
    /// Source: Unicode Standard, section 3.13, "Final_Sigma".
    static func lowercasedInContext(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
        var result: [Unicode.Scalar] = []
        result.reserveCapacity(text.count)
        for (place, scalar) in text.enumerated() {
            if scalar == "\u{3A3}" {
                result.append(isFinal(place, in: text) ? "\u{3C2}" : "\u{3C3}")
            } else {
                appendLowercase(of: scalar, to: &result)
            }
        }
        return result
    }

    private static func isFinal(_ place: Int, in text: [Unicode.Scalar]) -> Bool {
        func isCased(_ scalar: Unicode.Scalar?) -> Bool { scalar?.properties.isCased ?? false }
        let before = text[..<place].last { !$0.properties.isCaseIgnorable }
        let after = text[(place + 1)...].first { !$0.properties.isCaseIgnorable }
        return isCased(before) && !isCased(after)
    }

    private static func appendLowercase(of scalar: Unicode.Scalar, to result: inout [Unicode.Scalar]) {
        if scalar.isASCII {
            let isCapital = (0x41...0x5A).contains(scalar.value)
            result.append(isCapital ? Unicode.Scalar(UInt8(scalar.value + 0x20)) : scalar)
        } else {
            result += scalar.properties.lowercaseMapping.unicodeScalars
        }
    }

    /// Normalisation form C.
    static func composed(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
        // Below the first combining mark, everything is in form C.
        guard text.contains(where: { $0.value >= 0x300 }) else { return text }
        var scalars = String.UnicodeScalarView()
        for scalar in text {
            if let parts = tibetanVowels[scalar] { scalars += parts } else { scalars.append(scalar) }
        }
        return Array(String(scalars).precomposedStringWithCanonicalMapping.unicodeScalars)
    }

    /// Vowels that are always decomposed. Their own class is that of letters, and Foundation doesn't order the marks that they become
    /// among those before them.
    private static let tibetanVowels: [Unicode.Scalar: [Unicode.Scalar]] = [
        "\u{F73}": ["\u{F71}", "\u{F72}"], "\u{F75}": ["\u{F71}", "\u{F74}"], "\u{F81}": ["\u{F71}", "\u{F80}"],
    ]

    /// Normalisation form C as HuggingFace's `tokenizers` knows it, which is that of Unicode 9: nothing moves past a later scalar, or
    /// becomes one with it.
    static func composedAsInUnicode9(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
        var result: [Unicode.Scalar] = []
        result.reserveCapacity(text.count)
        var start = 0
        for (place, scalar) in text.enumerated() where isUnknownToUnicode9(scalar) {
            result += composed(Array(text[start..<place]))
            result.append(scalar)
            start = place + 1
        }
        return result + composed(Array(text[start...]))
    }

    private static func isUnknownToUnicode9(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.value < 0x300 { return false }
        // A mark that was none before Unicode 12.
        if scalar == "\u{EBA}" { return true }
        return scalar.properties.age.map { $0.major > 9 } ?? false
    }
}
