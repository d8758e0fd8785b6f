package import SystemPackage

/// The tokenizer of SigLIP 1: text in lower case without punctuation, cut by a SentencePiece unigram model.
///
/// The reference is transformers 5.24.0, `SiglipTokenizer`, with sentencepiece 0.2.3; OpenCLIP calls T5's tokenizer, which is the same model, after a
/// cleaning of its own.
///
/// Source: Zhai et al., "Sigmoid loss for language image pre-training", ICCV 2023.
package struct SigLIPTokenizer: Tokenizer {
    /// What is done to a text before it is cut.
    package enum Cleaning: Sendable {
        /// Lower case, without punctuation and extra spaces; end tokens that it holds literally are tokens.
        case huggingFace
        /// As ``TextFixing/canonical(_:)``.
        case openCLIP
    }

    private let pieces: SentencePieceUnigram
    private let cleaning: Cleaning
    private let end: Int32
    private let markers: AddedTokens
    /// The piece of a space alone.
    private let space: Int32?
    /// Pieces of what the reference writes before each part of a text, and takes off again.
    private let prefixLength: Int

    package var vocabularySize: Int { pieces.pieceCount }
    /// The end token: the model was trained with texts filled up by it.
    package var padding: Int32 { end }

    /// - Parameter path: a `spiece.model`, or a `tokenizer.json` with the same.
    /// - Throws: ``WeightsError`` when the file can't be read; ``ModelError`` when it is no unigram model, or has no end token.
    package init(modelFile path: FilePath, cleaning: Cleaning = .huggingFace) throws {
        try self.init(SentencePieceModel(path), cleaning: cleaning, source: path.string)
    }

    /// The same for the bytes of such a file.
    package init(model: [UInt8], cleaning: Cleaning = .huggingFace) throws {
        let model = try explaining("the model") { try SentencePieceModel(content: model) }
        try self.init(model, cleaning: cleaning, source: "the model")
    }

    private init(_ model: SentencePieceModel, cleaning: Cleaning, source: String) throws {
        self.cleaning = cleaning
        guard let end = model.pieces.firstIndex(where: { $0.text.elementsEqual(Self.end.utf8) && $0.kind == .control })
        else { throw ModelError(.malformed, "\(source) has no \(Self.end); it isn't the tokenizer of a SigLIP model") }
        pieces = try SentencePieceUnigram(model)
        self.end = Int32(end)
        markers = AddedTokens([(Self.end, Int32(end)), (Self.unknown, model.unknown)])
        space = model.pieces.firstIndex { $0.text.elementsEqual(String(Self.underline).utf8) }.map { Int32($0) }
        prefixLength = pieces.encode(Array(Self.unknown.utf8)).count
    }

    private static let end = "</s>"
    private static let unknown = "<unk>"
    /// What stands for a space.
    private static let underline: Unicode.Scalar = "\u{2581}"

    /// The ids of a text's pieces and the end token. Linear in the text's length.
    package func encode(_ text: String, limit: Int) -> [Int32] {
        let limit = max(limit, 1) - 1
        guard cleaning == .huggingFace else {
            // No end token is left in it: it has no punctuation.
            return pieces.encodeByPipeline(TextFixing.canonical(text)).prefix(limit) + [end]
        }
        let marked = [Self.underline] + text.unicodeScalars.map { $0 == Self.underline ? " " : $0 }
        var parts: [AddedTokens.Part] = []
        markers.forEachPart(of: Array(String(String.UnicodeScalarView(marked)).utf8)) {
            parts.append($0)
            return true
        }
        var ids: [Int32] = []
        for part in parts {
            switch part {
            case .token(let id):
                // Of the space before a text nothing is left when the text begins with a token.
                if ids.count == 1, ids[0] == space { ids.removeAll() }
                ids.append(id)
            case .text(let bytes):
                ids += encode(part: bytes)
            }
        }
        ids = Array(ids.prefix(limit))
        if ids.last != end { ids.append(end) }
        return ids
    }

    private func encode(part: [UInt8]) -> [Int32] {
        let text = String(decoding: part, as: UTF8.self)
        let small = UnicodeText.lowercasedInContext(Array(text.unicodeScalars))
        let words = UnicodeText.withSingleSpaces(small.filter { !UnicodeText.isPunctuation($0) })
        let ids = pieces.encode(Array((Self.unknown + String(String.UnicodeScalarView(words))).utf8))
        return ids.count >= prefixLength ? Array(ids.dropFirst(prefixLength)) : ids
    }
}
