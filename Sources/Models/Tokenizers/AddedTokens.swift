/// Tokens that a text may hold literally, such as `<|endoftext|>`: they are cut out before the rest is looked at.
struct AddedTokens: Sendable {
    private let trie: PieceTrie
    private let beginnings: Set<UInt8>

    init(_ tokens: [(content: String, id: Int32)]) {
        let pieces = tokens.map { (piece: ArraySlice($0.content.utf8), id: $0.id) }
        trie = PieceTrie(pieces)
        beginnings = Set(pieces.compactMap(\.piece.first))
    }

    /// A part of a text.
    enum Part: Equatable {
        case text([UInt8])
        case token(Int32)
    }

    /// Calls `body` with each part of a text in turn, until it returns false. Of two tokens at one place the longer counts.
    func forEachPart(of text: [UInt8], _ body: (Part) -> Bool) {
        var start = 0
        var place = 0
        while place < text.count {
            if beginnings.contains(text[place]), let found = trie.longestPiece(of: text, at: place) {
                if start < place, !body(.text([UInt8](text[start..<place]))) { return }
                guard body(.token(found.id)) else { return }
                place = found.end
                start = place
            } else {
                place += 1
            }
        }
        if start < text.count { _ = body(.text([UInt8](text[start...]))) }
    }
}
