package import SystemPackage

/// BERT's uncased tokenizer: text to the ids of word pieces.
///
/// The reference is the fast tokenizer of HuggingFace (`tokenizers` 0.23.3, `BertTokenizer` in transformers), which
/// sentence-transformers uses, and not the older tokenizer in Python. Where the two differ we follow the fast one:
/// its general categories are those of Unicode 8 and its decompositions those of Unicode 9, so that later non-spacing
/// marks stay; unassigned scalars are kept; and `[CLS]`, `[SEP]`, `[PAD]`, `[UNK]`, `[MASK]` in the text become those
/// tokens when they are written exactly so.
///
/// After "BERT" (Devlin et al., arXiv 1810.04805) and "Google's Neural Machine Translation System" (arXiv 1609.08144),
/// with greedy longest-match-first pieces.
package struct WordPieceTokenizer: Tokenizer {
    private let vocabulary: WordPieceVocabulary
    /// The ids of `[UNK]`, `[CLS]` and `[SEP]`.
    package let unknown, start, end: Int32
    private let markers: [Marker]

    /// Words with more scalars than this become `[UNK]`, as in the reference.
    private static let longestWord = 100
    private static let largestVocabularyFile = 16 << 20

    /// The id that fills up shorter sequences of a batch: that of `[PAD]`, or 0 when the vocabulary has none.
    package let padding: Int32
    /// The number of pieces in the vocabulary: ids are below it.
    package var vocabularySize: Int { vocabulary.count }
    /// The pieces in the order of their ids, those that go on a word with `##` before them.
    package var pieces: [String] { vocabulary.pieces }

    /// Makes a tokenizer of the pieces in the order of their ids.
    ///
    /// - Throws: `ModelError` when `[UNK]`, `[CLS]` or `[SEP]` is missing.
    package init(vocabulary pieces: [String]) throws(ModelError) {
        try self.init(vocabularyText: pieces.flatMap { Array($0.utf8) + [0x0A] })
    }

    /// Reads a `vocab.txt`: UTF-8, one piece a line, the first having the id 0.
    ///
    /// - Throws: `WeightsError` when the file can't be read, `ModelError` when it is not such a vocabulary.
    package init(vocabularyFile path: FilePath) throws {
        let source = try ByteSource(opening: path)
        guard source.count <= Self.largestVocabularyFile else {
            throw ModelError(.malformed, "\(path) is too large to be a vocabulary: name the vocab.txt of a BERT model")
        }
        try self.init(vocabularyText: source.read(0..<source.count))
    }

    /// Makes a tokenizer of the bytes of a `vocab.txt`.
    package init(vocabularyText text: [UInt8]) throws(ModelError) {
        let vocabulary = WordPieceVocabulary(text: text)
        func required(_ piece: String) throws(ModelError) -> Int32 {
            if let id = vocabulary.id(of: piece) { return id }
            throw ModelError(.malformed, "the vocabulary has no \(piece): use the vocab.txt of a BERT uncased model")
        }
        unknown = try required("[UNK]")
        start = try required("[CLS]")
        end = try required("[SEP]")
        padding = vocabulary.id(of: "[PAD]") ?? 0
        markers = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].compactMap { marker in
            vocabulary.id(of: marker).map { Marker(text: Array(marker.utf8), id: $0) }
        }
        self.vocabulary = vocabulary
    }

    /// The ids of `[CLS]`, the text's pieces and `[SEP]`.
    ///
    /// Time and memory are linear in the text's length at worst; once `limit` ids are found the rest isn't read.
    ///
    /// - Parameters:
    ///   - text: any text, of any length.
    ///   - limit: at most this many ids are returned, the two special ones included; at least 2. Pieces that don't
    ///     fit are cut off at the end.
    package func encode(_ text: String, limit: Int) -> [Int32] {
        var text = text
        return text.withUTF8 { encode(valid: $0, limit: limit) }
    }

    /// The same for bytes that may not be UTF-8: each maximal ill-formed part counts as one U+FFFD (Unicode Standard,
    /// section 3.9), which the tokenizer then drops.
    package func encode(_ text: [UInt8], limit: Int) -> [Int32] {
        encode(String(decoding: text, as: UTF8.self), limit: limit)
    }

    /// The words of pieces, those that go on a word joined to it.
    static func text(of pieces: some Sequence<String>) -> String {
        var text = ""
        for piece in pieces {
            // Scalars, not characters: a mark after the hashes would make one character with the second of them.
            if piece.unicodeScalars.starts(with: "##".unicodeScalars) {
                text.unicodeScalars += piece.unicodeScalars.dropFirst(2)
            } else {
                text += text.isEmpty ? piece : " " + piece
            }
        }
        return text
    }

    /// The normalised words of a text before they are cut into pieces; nil stands for one that is too long to keep.
    ///
    /// This is what the reference's normaliser and pre-tokenizer make, for checking them apart from the vocabulary.
    package func words(of text: String) -> [String?] {
        var words: [String?] = []
        var text = text
        text.withUTF8 { text in
            forEachWord(of: text) { word in
                switch word {
                case .marker(let marker): words.append(String(decoding: marker.text, as: UTF8.self))
                case .tooLong: words.append(nil)
                case .scalars(let scalars): words.append(String(decoding: utf8(scalars), as: UTF8.self))
                }
                return true
            }
        }
        return words
    }

    private func encode(valid text: UnsafeBufferPointer<UInt8>, limit: Int) -> [Int32] {
        let limit = max(limit, 2) - 1
        var ids = [start]
        if limit > 1 {
            forEachWord(of: text) { word in
                switch word {
                case .marker(let marker): ids.append(marker.id)
                case .tooLong: ids.append(unknown)
                case .scalars(let scalars): appendPieces(of: utf8(scalars), to: &ids)
                }
                return ids.count < limit
            }
        }
        if ids.count > limit { ids.removeSubrange(limit...) }
        ids.append(end)
        return ids
    }

    private func appendPieces(of word: [UInt8], to ids: inout [Int32]) {
        let before = ids.count
        var position = 0
        while position < word.count {
            guard let piece = vocabulary.longestPiece(of: word, from: position) else {
                ids.removeSubrange(before...)
                ids.append(unknown)
                return
            }
            ids.append(piece.id)
            position = piece.end
        }
    }

    /// Calls `body` with each word in turn, until it returns false.
    private func forEachWord(of text: UnsafeBufferPointer<UInt8>, _ body: (Word) -> Bool) {
        var splitter = BERTWordSplitter(longestWord: Self.longestWord)
        func finishWord() -> Bool {
            defer { splitter.startWord() }
            if splitter.isTooLong { return body(.tooLong) }
            return splitter.isEmpty || body(.scalars(splitter.word))
        }
        var position = 0
        while position < text.count {
            if text[position] == 0x5B, let marker = marker(in: text, at: position) {
                guard finishWord(), body(.marker(marker)) else { return }
                position += marker.text.count
                continue
            }
            let (scalar, length) = decodeScalar(text, at: position)
            let boundary = splitter.append(scalar)
            if boundary != .none, !finishWord() { return }
            if boundary != .before { position += length }
        }
        _ = finishWord()
    }

    private func marker(in text: UnsafeBufferPointer<UInt8>, at position: Int) -> Marker? {
        markers.first { text[position...].starts(with: $0.text) }
    }

    /// A special token that text may hold literally.
    private struct Marker {
        var text: [UInt8]
        var id: Int32
    }

    private enum Word {
        case marker(Marker)
        case tooLong
        case scalars([UInt32])
    }
}

/// The scalar at a place in well-formed UTF-8, and its length in bytes.
private func decodeScalar(_ text: UnsafeBufferPointer<UInt8>, at position: Int) -> (scalar: UInt32, length: Int) {
    let first = UInt32(text[position])
    func tail(_ offset: Int) -> UInt32 { UInt32(text[position + offset]) & 0x3F }
    switch first {
    case 0..<0x80: return (first, 1)
    case 0x80..<0xE0: return ((first & 0x1F) << 6 | tail(1), 2)
    case 0xE0..<0xF0: return ((first & 0x0F) << 12 | tail(1) << 6 | tail(2), 3)
    default: return ((first & 0x07) << 18 | tail(1) << 12 | tail(2) << 6 | tail(3), 4)
    }
}

private func utf8(_ scalars: [UInt32]) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(4 * scalars.count)
    for scalar in scalars {
        func tail(_ shift: UInt32) -> UInt8 { UInt8(0x80 | (scalar >> shift) & 0x3F) }
        switch scalar {
        case 0..<0x80: bytes.append(UInt8(scalar))
        case 0x80..<0x800: bytes += [UInt8(0xC0 | scalar >> 6), tail(0)]
        case 0x800..<0x10000: bytes += [UInt8(0xE0 | scalar >> 12), tail(6), tail(0)]
        default: bytes += [UInt8(0xF0 | scalar >> 18), tail(12), tail(6), tail(0)]
        }
    }
    return bytes
}
