/// The tokenizer of SigLIP 2, which is Gemma's in lower case: characters that are merged across words, and bytes for those that the
/// vocabulary lacks.
///
/// The reference is transformers 5.24.0, `Siglip2Tokenizer`, with tokenizers 0.23.3; OpenCLIP calls the same after a cleaning of its
/// own.
///
/// Source: Tschannen et al., "SigLIP 2", arXiv 2502.14786, section 2.
package struct GemmaTokenizer: Tokenizer {
    /// What is done to a text before it is put into lower case.
    package enum Cleaning: Sendable {
        /// Nothing.
        case huggingFace
        /// Mended as by ``TextFixing``, character references replaced twice, without punctuation and extra spaces.
        case openCLIP
    }

    private let vocabulary: BytePairVocabulary
    private let cleaning: Cleaning
    /// The pieces of the 256 bytes.
    private let bytePieces: [Int32]
    private let end: Int32
    /// Tokens that are looked for before the text is normalised, and after it.
    private let literals, normalizedLiterals: AddedTokens

    package var vocabularySize: Int { vocabulary.pieces.count }
    package let padding: Int32

    /// - Throws: ``ModelError`` when the tokenizer is of another kind than Gemma's, or lacks a piece that every text may need.
    package init(_ vocabulary: BytePairVocabulary, cleaning: Cleaning) throws(ModelError) {
        try Self.check(vocabulary.description, vocabulary.pieces)
        func required(_ piece: String) throws(ModelError) -> Int32 {
            if let id = vocabulary.pieces.id(of: piece.utf8) { return id }
            throw ModelError(
                .malformed, "the vocabulary has no \"\(piece)\"; it isn't the tokenizer of a SigLIP 2 model")
        }
        var bytePieces: [Int32] = []
        for byte in UInt8.min...UInt8.max {
            let digits = String(byte, radix: 16, uppercase: true)
            bytePieces.append(try required("<0x\(byte < 16 ? "0" : "")\(digits)>"))
        }
        self.bytePieces = bytePieces
        end = try required("<eos>")
        padding = try required("<pad>")
        self.vocabulary = vocabulary
        self.cleaning = cleaning
        func tokens(normalized: Bool) -> [(content: String, id: Int32)] {
            vocabulary.description.addedTokens.filter { ($0.isNormalized ?? false) == normalized }.map { token in
                let text = normalized ? String(decoding: Self.normalized(token.content), as: UTF8.self) : token.content
                return (text, Int32(token.id))
            }
        }
        literals = AddedTokens(tokens(normalized: false))
        normalizedLiterals = AddedTokens(tokens(normalized: true))
    }

    /// - Throws: ``ModelError`` that names what isn't implemented.
    private static func check(_ description: TokenizerDescription, _ pieces: PieceTable) throws(ModelError) {
        func refuse(_ what: String) -> ModelError {
            ModelError(.malformed, "the tokenizer \(what), which isn't implemented for SigLIP 2")
        }
        guard description.flags.contains("byte_fallback") else { throw refuse("doesn't fall back to bytes") }
        if description.flags.contains("ignore_merges") { throw refuse("ignores merges") }
        for key in ["continuing_subword_prefix", "end_of_word_suffix"] where description.texts[key] ?? "" != "" {
            throw refuse("has a \(key)")
        }
        for step in description.normalizer?.leaves ?? [] {
            let replacesSpaces = step.type == "Replace" && step.pattern?.text == " " && step.content == "\u{2581}"
            guard replacesSpaces || step.type == "Lowercase" else { throw refuse("normalises by \"\(step.type)\"") }
        }
        // Where spaces are replaced before it, cutting at spaces does nothing.
        for step in description.preTokenizer?.leaves ?? [] where step.type != "Split" || step.pattern?.text != " " {
            throw refuse("cuts into words by \"\(step.type)\"")
        }
        for token in description.addedTokens {
            guard (0..<pieces.count).contains(token.id) else { throw refuse("has a token with the id \(token.id)") }
            if [token.isSingleWord, token.takesSpacesBefore, token.takesSpacesAfter].contains(true) {
                throw refuse("takes spaces around \"\(token.content)\"")
            }
        }
    }

    /// The ids of a text's pieces and the end token. O(n log n) of the text's length.
    package func encode(_ text: String, limit: Int) -> [Int32] {
        let limit = max(limit, 1) - 1
        var ids: [Int32] = []
        let text = cleaning == .openCLIP ? TextFixing.canonical(text) : text
        literals.forEachPart(of: Array(text.utf8)) { part in
            switch part {
            case .token(let id): ids.append(id)
            case .text(let bytes):
                normalizedLiterals.forEachPart(of: Self.normalized(String(decoding: bytes, as: UTF8.self))) { part in
                    switch part {
                    case .token(let id): ids.append(id)
                    case .text(let bytes): ids += pieces(of: bytes)
                    }
                    return ids.count < limit
                }
            }
            return ids.count < limit
        }
        return ids.prefix(limit) + [end]
    }

    private func pieces(of text: [UInt8]) -> [Int32] {
        var symbols: [Int32] = []
        symbols.reserveCapacity(text.count)
        for scalar in String(decoding: text, as: UTF8.self).unicodeScalars {
            guard let bytes = UTF8.encode(scalar) else { continue }
            if let id = vocabulary.pieces.id(of: bytes) {
                symbols.append(id)
            } else {
                symbols += bytes.map { bytePieces[Int($0)] }
            }
        }
        vocabulary.merges.apply(to: &symbols)
        return symbols
    }

    private static func normalized(_ text: String) -> [UInt8] {
        let small = UnicodeText.lowercased(Array(text.unicodeScalars))
        return Array(String(String.UnicodeScalarView(small.map { $0 == " " ? "\u{2581}" : $0 })).utf8)
    }
}
