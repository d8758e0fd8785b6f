/// The words of a cleaned text, as CLIP's tokenizers cut them: letters together, each digit by itself, what else there is together,
/// and the endings of English contractions. Spaces are between words.
///
/// By hand and in one pass what the references do with a regular expression:
/// `'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`, before which they look for the two tokens.
struct CLIPWords {
    /// Where the two programs differ.
    enum Dialect {
        /// The tokens are written `<start_of_text>`, and capitals count as small letters: `ſ` as well as `s`.
        case openCLIP
        /// The tokens are cut out before the text gets here, but what becomes one in lower case is three words.
        case huggingFace
    }

    enum Word: Equatable {
        case start
        case end
        case scalars(ArraySlice<Unicode.Scalar>)
    }

    private let text: [Unicode.Scalar]
    private let dialect: Dialect
    private var place = 0
    /// Where words of a token end that was written in capitals.
    private var parts: [Int] = []

    /// - Parameter text: in lower case.
    init(_ text: [Unicode.Scalar], dialect: Dialect) {
        self.text = text
        self.dialect = dialect
    }

    private static let contractions = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"].map { Array($0.unicodeScalars) }
    private static let openCLIPTokens = ["<start_of_text>", "<end_of_text>"].map { Array($0.unicodeScalars) }
    private static let huggingFaceTokens = ["startoftext", "endoftext"].map {
        ["<|", $0, "|>"].map { Array($0.unicodeScalars) }
    }

    /// The next word; nil at the end.
    mutating func next() -> Word? {
        if let end = parts.popLast() { return take(upTo: end) }
        while place < text.count, kind(at: place) == .space { place += 1 }
        guard place < text.count else { return nil }
        if text[place] == "<", let token = token() { return token }
        if text[place] == "'", let ending = Self.contractions.first(where: { hasNext($0) }) {
            return take(upTo: place + ending.count)
        }
        let kind = kind(at: place)
        var end = place + 1
        if kind != .number { while end < text.count, self.kind(at: end) == kind { end += 1 } }
        return take(upTo: end)
    }

    private mutating func token() -> Word? {
        switch dialect {
        case .openCLIP:
            guard let index = Self.openCLIPTokens.firstIndex(where: { hasNext($0) }) else { return nil }
            let end = place + Self.openCLIPTokens[index].count
            // With a ſ in it, it is one word and not the token.
            if !text[place..<end].elementsEqual(Self.openCLIPTokens[index]) { return take(upTo: end) }
            place = end
            return index == 0 ? .start : .end
        case .huggingFace:
            guard let found = Self.huggingFaceTokens.first(where: { hasNext(Array($0.joined())) }) else { return nil }
            let middle = place + 2 + found[1].count
            parts = [middle + 2, middle]
            return take(upTo: place + 2)
        }
    }

    private mutating func take(upTo end: Int) -> Word {
        defer { place = end }
        return .scalars(text[place..<end])
    }

    private func hasNext(_ expected: [Unicode.Scalar]) -> Bool {
        guard place + expected.count <= text.count else { return false }
        return zip(expected, text[place...]).allSatisfy {
            $0 == $1 || dialect == .openCLIP && $0 == "s" && $1 == "\u{17F}"
        }
    }

    /// OpenCLIP's expression ignores case: the iota that stands below others is no letter, but isn't something else either, since in
    /// capitals it is one. So it is skipped.
    private func kind(at place: Int) -> Kind {
        dialect == .openCLIP && text[place] == "\u{345}" ? .space : Kind.of(text[place])
    }

    private enum Kind {
        case letter, number, space, other

        static func of(_ scalar: Unicode.Scalar) -> Kind {
            switch scalar.value {
            case 0x61...0x7A, 0x41...0x5A: return .letter
            case 0x30...0x39: return .number
            case 0x09...0x0D, 0x20: return .space
            case 0..<0x80: return .other
            default: break
            }
            switch scalar.properties.generalCategory {
            case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: return .letter
            case .decimalNumber, .letterNumber, .otherNumber: return .number
            default: return scalar.properties.isWhitespace ? .space : .other
            }
        }
    }
}
