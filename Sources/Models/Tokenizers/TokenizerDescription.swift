import Foundation

/// What a `tokenizer.json` says of itself beside its pieces and merges.
struct TokenizerDescription: Sendable {
    /// A token that texts may hold literally.
    struct AddedToken: Sendable, Decodable {
        var id: Int
        var content: String
        /// Whether it has to be a word by itself.
        var isSingleWord: Bool?
        /// Whether it takes the spaces before or after it with it.
        var takesSpacesBefore, takesSpacesAfter: Bool?
        /// Whether it is looked for in the normalised text.
        var isNormalized: Bool?

        enum CodingKeys: String, CodingKey {
            case id, content
            case isSingleWord = "single_word"
            case takesSpacesBefore = "lstrip"
            case takesSpacesAfter = "rstrip"
            case isNormalized = "normalized"
        }
    }

    /// A step of the normalisation or of the cutting into words, by its type. Those that are sequences have steps themselves.
    struct Step: Sendable, Decodable {
        struct Pattern: Sendable, Decodable {
            /// Nil for a regular expression.
            var text: String?

            enum CodingKeys: String, CodingKey {
                case text = "String"
            }
        }

        var type: String
        var pattern: Pattern?
        var content: String?
        var normalizers: [Step]?
        var pretokenizers: [Step]?
        /// Of `Precompiled`: SentencePiece's character map, in base 64.
        var characterMap: String?

        enum CodingKeys: String, CodingKey {
            case type, pattern, content, normalizers, pretokenizers
            case characterMap = "precompiled_charsmap"
        }

        /// The steps that are no sequences, in order.
        var leaves: [Step] { (normalizers ?? pretokenizers)?.flatMap(\.leaves) ?? [self] }
    }

    var addedTokens: [AddedToken] = []
    var normalizer: Step?
    var preTokenizer: Step?
    /// Of the model: keys that are true or a text that isn't empty.
    var flags: Set<String> = []
    var texts: [String: String] = [:]

    /// - Throws: ``ModelError`` that names the key.
    func decoded<Content: Decodable>(_ json: [UInt8], _ key: String) throws -> Content {
        do {
            return try JSONDecoder().decode(Content.self, from: Data(json))
        } catch is DecodingError {
            throw ModelError(.malformed, "\"\(key)\" has a value that can't be used")
        }
    }
}

/// Runs `body`, and puts the name of what is read before its mistakes.
func explaining<Result>(_ source: String, _ body: () throws -> Result) throws -> Result {
    do {
        return try body()
    } catch let mistake as JSONReader.Mistake {
        throw ModelError(
            .malformed,
            "\(source) is no sound tokenizer: byte \(mistake.position): \(mistake.reason); fetch or export it again")
    } catch let error as ModelError where !error.message.hasPrefix(source) {
        throw ModelError(error.code, "\(source): \(error.message)")
    }
}

extension JSONReader {
    /// Ids are below this: four times the largest vocabulary that is in use.
    private static let mostPieces = 1 << 20

    /// Takes an object of pieces and their ids: `{"a": 0, …}`.
    mutating func pieces() throws -> PieceTable {
        var text: [UInt8] = []
        var entries: [(id: Int, range: Range<Int>)] = []
        try largeObject { name, reader in
            let id = try reader.integer()
            guard id < Self.mostPieces else { throw reader.mistake("an id of \(id) is too large") }
            entries.append((id, text.count..<text.count + name.count))
            text += name
            guard text.count < Int(Int32.max) else { throw reader.mistake("the vocabulary is too large") }
        }
        return try table(of: text, entries)
    }

    private func table(of text: [UInt8], _ entries: [(id: Int, range: Range<Int>)]) throws -> PieceTable {
        let count = (entries.map(\.id).max() ?? -1) + 1
        var ranges = [Range<Int>](repeating: 0..<0, count: count)
        for (id, range) in entries {
            guard ranges[id].isEmpty else { throw mistake("two pieces have the id \(id)") }
            ranges[id] = range
        }
        var ordered: [UInt8] = []
        ordered.reserveCapacity(text.count)
        var starts: [Int32] = [0]
        starts.reserveCapacity(count + 1)
        for range in ranges {
            ordered += text[range]
            starts.append(Int32(ordered.count))
        }
        return PieceTable(text: ordered, starts: starts)
    }

    /// Takes the `model` of a `tokenizer.json`, which has to be a byte-pair encoding.
    mutating func bytePairModel(
        _ description: inout TokenizerDescription
    ) throws -> (pieces: PieceTable, merges: [BytePairMerges.Merge]) {
        var pieces: PieceTable?
        var merges: [BytePairMerges.Merge] = []
        // Merges that come before the pieces they are made of are looked at after them.
        var earlyMerges: JSONReader?
        try object { key, reader in
            switch key {
            case "vocab": pieces = try reader.pieces()
            case "merges":
                if let pieces {
                    merges = try reader.merges(of: pieces)
                } else {
                    earlyMerges = reader
                    try reader.skip()
                }
            default:
                switch reader.next() {
                case UInt8(ascii: "t"):
                    try reader.skip()
                    description.flags.insert(key)
                case UInt8(ascii: "\""):
                    description.texts[key] = try reader.string()
                default: try reader.skip()
                }
            }
        }
        // Older files name no type.
        guard description.texts["type"] ?? "BPE" == "BPE" else {
            throw mistake("its model is \"\(description.texts["type"] ?? "")\" and no byte-pair encoding")
        }
        guard let pieces else { throw mistake("the model has no vocabulary") }
        if var earlyMerges { merges = try earlyMerges.merges(of: pieces) }
        return (pieces, merges)
    }

    /// Takes `["a b", …]` or `[["a", "b"], …]`.
    private mutating func merges(of pieces: PieceTable) throws -> [BytePairMerges.Merge] {
        var merges: [BytePairMerges.Merge] = []
        var line: [UInt8] = []
        var part: [UInt8] = []
        try array { reader in
            if reader.next() == UInt8(ascii: "[") {
                line.removeAll(keepingCapacity: true)
                var parts = 0
                try reader.array { reader in
                    try reader.string(into: &part)
                    if parts == 1 { line.append(0x20) }
                    line += part
                    parts += 1
                }
            } else {
                try reader.string(into: &line)
            }
            guard let merge = pieces.merge(line[...]) else {
                throw reader.mistake(
                    "the merge \"\(String(decoding: line, as: UTF8.self))\" isn't two pieces that make a third")
            }
            merges.append(merge)
        }
        return merges
    }
}

extension PieceTable {
    /// A merge as files have it: two pieces with a space between them.
    ///
    /// - Returns: nil when it isn't two, or one of them or of both together is no piece.
    func merge(_ line: ArraySlice<UInt8>) -> BytePairMerges.Merge? {
        guard let space = line.firstIndex(of: 0x20) else { return nil }
        let (left, right) = (line[..<space], line[(space + 1)...])
        guard !right.contains(0x20), let first = id(of: left), let second = id(of: right) else { return nil }
        let hash = right.reduce(left.reduce(Self.emptyHash, Self.hash), Self.hash)
        guard let merged = id(of: right, after: [UInt8](left), hash: hash) else { return nil }
        return BytePairMerges.Merge(left: first, right: second, merged: merged)
    }
}
