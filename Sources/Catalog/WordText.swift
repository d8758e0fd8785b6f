internal import Foundation

/// Text as the index of words has it.
///
/// FTS5's `unicode61` takes what stands between spaces for a word. In scripts that are written without spaces that would be whole sentences:
/// each of their characters is made a word of its own, and a word of them is a phrase. FTS5's `trigram` would do for three characters and
/// more, but most words of Chinese have two.
enum WordText {
    /// The text that is given to the index.
    static func indexed(_ text: String) -> String {
        guard !text.utf8.allSatisfy({ $0 < 0x80 }) else { return text }
        let text = text.precomposedStringWithCompatibilityMapping
        guard text.unicodeScalars.contains(where: isUnspaced) else { return text }
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            let standsAlone = isUnspaced(scalar)
            if standsAlone { result.append(" ") }
            result.append(scalar)
            if standsAlone { result.append(" ") }
        }
        return String(result)
    }

    /// The words that the index makes of a text, without their accents, with a space between.
    static func plain(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        for scalar in indexed(text).decomposedStringWithCompatibilityMapping.lowercased().unicodeScalars {
            if scalar.properties.generalCategory == .nonspacingMark, scalar.value < 0x370 { continue }
            result.append(isOfWord(scalar) ? scalar : " ")
        }
        return String(result).split(separator: " ").joined(separator: " ")
    }

    /// Whether a character is of a script that is written without spaces, or, for Korean, with spaces between more than words.
    static func isUnspaced(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x0E00...0x0FFF,  // Thai, Lao, Tibetan
            0x1000...0x109F,  // Myanmar
            0x1780...0x17FF,  // Khmer
            0x3005...0x3007, 0x3040...0x30FF, 0x31F0...0x31FF,  // Hiragana, Katakana
            0x3400...0x4DBF, 0x4E00...0x9FFF, 0xF900...0xFAFF, 0x20000...0x3FFFF,  // Han
            0xAC00...0xD7AF:  // Hangul
            true
        default: false
        }
    }

    /// Whether the index takes a character for a part of a word: letters and numbers, and marks on them.
    static func isOfWord(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber,
            .letterNumber, .otherNumber, .privateUse, .nonspacingMark, .spacingMark, .enclosingMark:
            true
        default: false
        }
    }

    /// Whether a character alone makes a word.
    static func makesWord(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .spacingMark, .enclosingMark: false
        default: isOfWord(scalar)
        }
    }
}
