/// Cuts text into the pieces that are most probable together, as SentencePiece does with a unigram model.
///
/// Sources: Kudo, "Subword regularization", ACL 2018; sentencepiece 0.2, `normalizer.cc` and `unigram_model.cc`.
struct SentencePieceUnigram: Sendable {
    let pieceCount: Int
    let unknown: Int32
    private let normalizer: SentencePieceModel.Normalizer
    private let characters: CharacterMap
    private let pieces: PieceTrie
    /// Pieces that text holds literally: they aren't normalised.
    private let userDefined: PieceTrie
    private let scores: [Float]
    private let unknownScore: Float

    /// How much less probable the unknown piece is than the least probable one.
    private static let unknownPenalty: Float = 10
    /// "▁", which stands for a space.
    private static let space: [UInt8] = [0xE2, 0x96, 0x81]

    /// - Throws: ``ModelError`` when the model's character map is damaged.
    init(_ model: SentencePieceModel) throws(ModelError) {
        let normal = model.pieces.filter { $0.kind == .normal }.map(\.score)
        // The reference begins its search for the largest score at the smallest positive number.
        let most = max(Float.leastNormalMagnitude, normal.max() ?? 0)
        unknownScore = (normal.min() ?? 0) - Self.unknownPenalty
        scores = model.pieces.map { piece in
            piece.kind == .userDefined ? Float(piece.text.count) * most - 0.1 : piece.score
        }
        let entries = model.pieces.enumerated().map { (piece: $1.text[...], id: Int32($0), kind: $1.kind) }
        pieces = PieceTrie(
            entries.filter { [.normal, .userDefined].contains($0.kind) }.map { (piece: $0.piece, id: $0.id) })
        userDefined = PieceTrie(entries.filter { $0.kind == .userDefined }.map { (piece: $0.piece, id: $0.id) })
        normalizer = model.normalizer
        characters = try CharacterMap(model.normalizer.characters)
        unknown = model.unknown
        pieceCount = model.pieces.count
    }

    /// The ids of a text's pieces. O(its length × the longest piece).
    ///
    /// - Parameter text: UTF-8.
    func encode(_ text: [UInt8]) -> [Int32] { mostProbable(normalized(text), sums: Float.self) }

    /// The ids of a text's pieces as the library `tokenizers` cuts it by the `tokenizer.json` that `transformers` makes of a SentencePiece
    /// model: characters are replaced one user-perceived character at a time, a text that begins with "▁" gets no other one, and sums are doubles.
    ///
    /// Source: tokenizers 0.23, `Precompiled`, `Strip`, `Replace`, `Metaspace` and `Unigram`. Where it divides Hangul's old letters into other
    /// characters than Swift does, ids can differ.
    func encodeByPipeline(_ text: String) -> [Int32] {
        var spaced: [UInt8] = []
        spaced.reserveCapacity(text.utf8.count + text.utf8.count / 2)
        for character in text {
            let bytes = Array(character.utf8)
            // Of a character of at most five bytes the shortest key decides, and what follows the key is lost.
            if bytes.count < 6, let (value, _) = characters.replacement(in: bytes, at: 0, shortest: true) {
                spaced += value
                continue
            }
            for scalar in character.unicodeScalars {
                let bytes = Array(String(scalar).utf8)
                spaced += characters.replacement(in: bytes, at: 0, shortest: true)?.value ?? bytes[...]
            }
        }
        var scalars = Array(String(decoding: spaced, as: UTF8.self).unicodeScalars)
        while scalars.last?.properties.isWhitespace == true { scalars.removeLast() }
        guard !scalars.isEmpty else { return [] }
        var result: [UInt8] = []
        var isAfterSpace = false
        for scalar in scalars {
            if scalar != " " { result += Array(String(scalar).utf8) } else if !isAfterSpace { result += Self.space }
            isAfterSpace = scalar == " "
        }
        return mostProbable(result.starts(with: Self.space) ? result : Self.space + result, sums: Double.self)
    }

    private func normalized(_ text: [UInt8]) -> [UInt8] {
        var place = 0
        if normalizer.removesExtraSpaces {
            while place < text.count {
                let (value, end) = replacement(in: text, at: place)
                guard value.elementsEqual([0x20]) else { break }
                place = end
            }
        }
        guard place < text.count else { return [] }
        var result: [UInt8] = []
        result.reserveCapacity(text.count + text.count / 2)
        let space = normalizer.escapesSpaces ? Self.space : [0x20]
        if normalizer.addsDummyPrefix { result += space }
        var isAfterSpace = normalizer.removesExtraSpaces
        while place < text.count {
            var (value, end) = replacement(in: text, at: place)
            if isAfterSpace { value = value.drop { $0 == 0x20 } }
            if let last = value.last {
                for byte in value { if byte == 0x20 { result += space } else { result.append(byte) } }
                isAfterSpace = last == 0x20 && normalizer.removesExtraSpaces
            }
            place = end
        }
        if normalizer.removesExtraSpaces {
            while result.suffix(space.count) == space[...] { result.removeLast(space.count) }
        }
        return result
    }

    private func replacement(in text: [UInt8], at place: Int) -> (value: ArraySlice<UInt8>, end: Int) {
        if let literal = userDefined.longestPiece(of: text, at: place) {
            return (text[place..<literal.end], literal.end)
        }
        if let replacement = characters.replacement(in: text, at: place) { return replacement }
        let end = place + Self.length(of: text[place], within: text.count - place)
        return (text[place..<end], end)
    }

    /// Bytes of the character that begins with a byte, in well-formed UTF-8.
    private static func length(of first: UInt8, within count: Int) -> Int {
        min(count, first < 0xC0 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4)
    }

    /// The best way to each place, found from left to right. Sums are as precise as the reference's: they decide what is equally good, and of
    /// that the way with the longer last piece is taken.
    private func mostProbable<Sum: BinaryFloatingPoint>(_ text: [UInt8], sums: Sum.Type) -> [Int32] {
        guard !text.isEmpty else { return [] }
        var score = [Sum](repeating: 0, count: text.count + 1)
        var begin = [Int32](repeating: -1, count: text.count + 1)
        var piece = [Int32](repeating: unknown, count: text.count + 1)
        var place = 0
        while place < text.count {
            let length = Self.length(of: text[place], within: text.count - place)
            let reached = score[place]
            func offer(_ id: Int32, _ end: Int, _ sum: Sum) {
                guard begin[end] < 0 || sum > score[end] else { return }
                (score[end], begin[end], piece[end]) = (sum, Int32(place), id)
            }
            var hasSingle = false
            pieces.forEachPiece(of: text, at: place) { id, end in
                offer(id, end, Sum(scores[Int(id)]) + reached)
                if end == place + length { hasSingle = true }
            }
            if !hasSingle { offer(unknown, place + length, Sum(unknownScore) + reached) }
            place += length
        }
        var ids: [Int32] = []
        var end = text.count
        while end > 0 {
            // What is unknown together is one piece.
            if piece[end] != unknown || ids.last != unknown { ids.append(piece[end]) }
            end = Int(begin[end])
        }
        return ids.reversed()
    }
}
