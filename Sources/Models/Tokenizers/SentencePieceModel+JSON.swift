import Foundation

extension SentencePieceModel {
    /// Reads a `tokenizer.json` that HuggingFace's `tokenizers` made of a unigram model, as T5's is.
    ///
    /// - Throws: ``ModelError`` that names what isn't implemented; ``JSONReader/Mistake``.
    init(tokenizerJSON: [UInt8]) throws {
        var pieces: [Piece] = []
        var description = TokenizerDescription()
        var unknown: Int?
        var hasModel = false
        var reader = JSONReader(tokenizerJSON)
        try reader.object { key, reader in
            switch key {
            case "model":
                guard !hasModel else { throw reader.mistake("there are two models") }
                hasModel = true
                (pieces, unknown) = try reader.unigramModel()
            case "added_tokens": description.addedTokens = try description.decoded(reader.value(), key)
            case "normalizer": description.normalizer = try description.decoded(reader.value(), key)
            case "pre_tokenizer": description.preTokenizer = try description.decoded(reader.value(), key)
            default: try reader.skip()
            }
        }
        try reader.end()
        guard hasModel else { throw reader.mistake("there is no model") }
        for token in description.addedTokens {
            guard pieces.indices.contains(token.id), pieces[token.id].text.elementsEqual(token.content.utf8) else {
                throw ModelError(.malformed, "its token \"\(token.content)\" isn't a piece")
            }
            guard TextFixing.canonical(token.content) != token.content else {
                throw ModelError(
                    .malformed,
                    "texts may hold its token \"\(token.content)\", which isn't implemented for unigram models")
            }
            pieces[token.id].kind = .control
        }
        guard let unknown, pieces.indices.contains(unknown) else {
            throw ModelError(.malformed, "it names no piece for what is unknown")
        }
        pieces[unknown].kind = .unknown
        self.init(pieces: pieces, normalizer: Normalizer(characters: try Self.characters(description)))
    }

    private static func characters(_ description: TokenizerDescription) throws(ModelError) -> [UInt8] {
        var characters: [UInt8] = []
        for step in description.normalizer?.leaves ?? [] {
            switch step.type {
            case "Precompiled":
                guard let map = step.characterMap, let data = Data(base64Encoded: map) else {
                    throw ModelError(.malformed, "its character map isn't in base 64")
                }
                characters = [UInt8](data)
            // What is cleaned before has no spaces at its ends, and none beside another.
            case "Replace", "Strip": break
            default:
                throw ModelError(.malformed, "the tokenizer normalises by \"\(step.type)\", which isn't implemented")
            }
        }
        for step in description.preTokenizer?.leaves ?? []
        where step.type != "Metaspace" && step.type != "WhitespaceSplit" {
            throw ModelError(.malformed, "the tokenizer cuts into words by \"\(step.type)\", which isn't implemented")
        }
        return characters
    }
}

extension JSONReader {
    /// Takes the `model` of a `tokenizer.json`, which has to be a unigram model: pieces by their ids, and the id of what is unknown.
    fileprivate mutating func unigramModel() throws -> (pieces: [SentencePieceModel.Piece], unknown: Int?) {
        var pieces: [SentencePieceModel.Piece] = []
        var unknown: Int?
        var type = ""
        try object { key, reader in
            switch key {
            case "type": type = try reader.string()
            case "unk_id": unknown = try reader.integer()
            case "byte_fallback":
                guard try reader.value().elementsEqual("false".utf8) else {
                    throw ModelError(.malformed, "it falls back to bytes, which isn't implemented")
                }
            case "vocab" where reader.next() == UInt8(ascii: "["):
                try reader.array { reader in
                    guard pieces.count < SentencePieceModel.mostPieces else {
                        throw reader.mistake("there are too many pieces")
                    }
                    pieces.append(try reader.piece())
                }
            default: try reader.skip()
            }
        }
        guard type == "Unigram" else { throw mistake("its model is \"\(type)\" and no unigram model") }
        return (pieces, unknown)
    }

    /// Takes `["piece", -1.5]`.
    private mutating func piece() throws -> SentencePieceModel.Piece {
        var piece = SentencePieceModel.Piece()
        var members = 0
        try array { reader in
            switch members {
            case 0: try reader.string(into: &piece.text)
            case 1:
                let number = String(decoding: try reader.value(), as: UTF8.self)
                guard let score = Double(number) else { throw reader.mistake("a score isn't a number") }
                piece.score = Float(score)
            default: throw reader.mistake("a piece has more than its score")
            }
            members += 1
        }
        guard members == 2 else { throw mistake("a piece has no score") }
        return piece
    }
}
