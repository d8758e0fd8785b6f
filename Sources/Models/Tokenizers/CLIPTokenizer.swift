/// The tokenizer of CLIP and of most models after it: bytes that are merged to the ends of words.
///
/// Two programs define it, and they clean the text differently: OpenAI's own, which OpenCLIP has taken over (3.3.0,
/// `SimpleTokenizer`), and HuggingFace's (transformers 5.24.0, `CLIPTokenizer`). A model's folder says which one goes with it.
///
/// Sources: Radford et al., "Learning transferable visual models from natural language supervision", ICML 2021; Radford et al.,
/// "Language models are unsupervised multitask learners", 2019, on bytes as the first pieces.
package struct CLIPTokenizer: Tokenizer {
    /// What is done to a text before it is cut into words.
    package enum Cleaning: Sendable {
        /// Mended as by ``TextFixing``, character references replaced twice, in lower case.
        case openCLIP
        /// In the normalisation form C of Unicode 9, and lower case.
        case huggingFace
    }

    private let merges: BytePairMerges
    /// The pieces of the 256 bytes within a word, and after them of those that end one.
    private let bytePieces: [Int32]
    private let start: Int32
    private let end: Int32
    private let cleaning: Cleaning
    private let markers: AddedTokens

    package let vocabularySize: Int
    /// The end token, as in HuggingFace's. No result depends on it: tokens see those before them alone.
    package var padding: Int32 { end }

    /// Makes a tokenizer of pieces and merges.
    ///
    /// - Throws: ``ModelError`` when the vocabulary lacks a byte, or the tokens that a text begins and ends with.
    package init(_ vocabulary: BytePairVocabulary, cleaning: Cleaning) throws(ModelError) {
        let pieces = vocabulary.pieces
        func required(_ piece: String) throws(ModelError) -> Int32 {
            if let id = pieces.id(of: piece.utf8) { return id }
            throw ModelError(.malformed, "the vocabulary has no \"\(piece)\"; it isn't the tokenizer of a CLIP model")
        }
        var bytePieces: [Int32] = []
        for ending in ["", Self.wordEnd] {
            for byte in UInt8.min...UInt8.max { bytePieces.append(try required(Self.letter(of: byte) + ending)) }
        }
        self.bytePieces = bytePieces
        start = try required("<|startoftext|>")
        end = try required("<|endoftext|>")
        merges = vocabulary.merges
        vocabularySize = pieces.count
        self.cleaning = cleaning
        markers = AddedTokens([("<|startoftext|>", start), ("<|endoftext|>", end)])
    }

    /// Makes a tokenizer of a `merges.txt`, or of what is in OpenAI's `bpe_simple_vocab_16e6.txt.gz`: its pieces are the bytes, the
    /// bytes that end a word, what the merges make, and the two tokens.
    ///
    /// - Parameter text: one merge a line; of more than ``publishedMerges`` the rest is left out, as in the reference.
    /// - Throws: ``ModelError`` when a line is no merge.
    package init(merges text: [UInt8], cleaning: Cleaning, source: String) throws {
        let lines = BytePairVocabulary.mergeLines(of: text).prefix(Self.publishedMerges)
        let letters = Self.bytesInOrder.map { Array(Self.letter(of: $0).utf8) }
        var pieces = letters + letters.map { $0 + Array(Self.wordEnd.utf8) }
        pieces += lines.map { $0.filter { $0 != 0x20 } }
        pieces += ["<|startoftext|>", "<|endoftext|>"].map { Array($0.utf8) }
        var starts: [Int32] = [0]
        for piece in pieces { starts.append(starts[starts.count - 1] + Int32(piece.count)) }
        let table = PieceTable(text: pieces.flatMap { $0 }, starts: starts)
        let kept = Array(lines.joined(separator: [0x0A]))
        try self.init(BytePairVocabulary(pieces: table, mergesText: kept, source: source), cleaning: cleaning)
    }

    /// The merges of the models that were published; the file has more.
    private static let publishedMerges = 49_152 - 256 - 2

    /// The ids of the start token, the text's pieces and the end token. O(n log n) of the text's length.
    ///
    /// - Parameter limit: at least 2. Once as many ids are found, the rest isn't cut into pieces.
    package func encode(_ text: String, limit: Int) -> [Int32] {
        let limit = max(limit, 2) - 1
        var ids = [start]
        switch cleaning {
        case .openCLIP:
            var words = CLIPWords(Self.cleanedAsOpenCLIP(Array(text.unicodeScalars)), dialect: .openCLIP)
            append(&words, to: &ids, limit: limit)
        case .huggingFace:
            markers.forEachPart(of: Array(text.utf8)) { part in
                switch part {
                case .token(let id): ids.append(id)
                case .text(let bytes):
                    let scalars = Array(String(decoding: bytes, as: UTF8.self).unicodeScalars)
                    let cleaned = UnicodeText.lowercased(UnicodeText.composedAsInUnicode9(scalars))
                    var words = CLIPWords(cleaned, dialect: .huggingFace)
                    append(&words, to: &ids, limit: limit)
                }
                return ids.count < limit
            }
        }
        if ids.count > limit { ids.removeSubrange(limit...) }
        ids.append(end)
        return ids
    }

    private func append(_ words: inout CLIPWords, to ids: inout [Int32], limit: Int) {
        while ids.count < limit, let word = words.next() {
            switch word {
            case .start: ids.append(start)
            case .end: ids.append(end)
            case .scalars(let scalars): ids += pieces(of: scalars)
            }
        }
    }

    private func pieces(of word: ArraySlice<Unicode.Scalar>) -> [Int32] {
        var symbols: [Int32] = []
        symbols.reserveCapacity(word.count)
        let bytes = Array(String(String.UnicodeScalarView(word)).utf8)
        for byte in bytes.dropLast() { symbols.append(bytePieces[Int(byte)]) }
        for byte in bytes.suffix(1) { symbols.append(bytePieces[256 + Int(byte)]) }
        merges.apply(to: &symbols)
        return symbols
    }

    private static func cleanedAsOpenCLIP(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
        let unescaped = HTMLEntities.unescaped(HTMLEntities.unescaped(TextFixing.fixed(text)))
        return UnicodeText.lowercasedInContext(UnicodeText.withSingleSpaces(unescaped))
    }

    /// What is written after the last byte of a word.
    private static let wordEnd = "</w>"

    /// The bytes in the order in which the reference counts them: those that stand for themselves first.
    private static let bytesInOrder: [UInt8] =
        (0...255).filter(standsForItself) + (0...255).filter { !standsForItself($0) }

    private static func standsForItself(_ byte: UInt8) -> Bool {
        (0x21...0x7E).contains(byte) || (0xA1...0xAC).contains(byte) || byte >= 0xAE
    }

    /// How vocabularies write a byte: printable ones of Latin-1 as they are, the others from U+0100 on.
    private static func letter(of byte: UInt8) -> String {
        if standsForItself(byte) { return String(Unicode.Scalar(byte)) }
        let place = (0..<byte).count { !standsForItself($0) }
        return Unicode.Scalar(UInt32(0x100 + place)).map { String($0) } ?? ""
    }
}
