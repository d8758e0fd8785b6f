/// The pieces of a WordPiece vocabulary: those that begin a word, and those that go on (`##`).
struct WordPieceVocabulary: Sendable {
    private let table: PieceTable

    /// The number of pieces, which is also one more than the largest id.
    var count: Int { table.count }

    /// - Parameter text: the bytes of a `vocab.txt`: one piece a line, the first having the id 0.
    ///   When a piece is there twice its later id counts, as in the reference.
    init(text source: [UInt8]) {
        var text: [UInt8] = []
        text.reserveCapacity(source.count)
        var starts: [Int32] = [0]
        var lines = source.split(separator: 0x0A, omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        for line in lines {
            text.append(contentsOf: line.last == 0x0D ? line.dropLast() : line)
            starts.append(Int32(text.count))
        }
        table = PieceTable(text: text, starts: starts)
    }

    /// The pieces as in the file, in the order of their ids.
    var pieces: [String] { (0..<count).map { String(decoding: table[$0], as: UTF8.self) } }

    /// The id of a piece written as in the file, `##` included.
    func id(of piece: String) -> Int32? { table.id(of: piece.utf8) }

    /// The longest piece that a word's bytes have at `start`. O(longest piece).
    ///
    /// - Parameters:
    ///   - word: a whole word in UTF-8.
    ///   - start: 0, or where the piece before ended: then only pieces that go on (`##`) are looked at.
    /// - Returns: the piece's id and where it ends; nil when there is none.
    func longestPiece(of word: [UInt8], from start: Int) -> (id: Int32, end: Int)? {
        let prefix: [UInt8] = start == 0 ? [] : Self.continuation
        var hash = start == 0 ? PieceTable.emptyHash : Self.continuationHash
        var best: (id: Int32, end: Int)?
        for end in start..<min(word.count, start + table.longest) {
            hash = PieceTable.hash(hash, word[end])
            if let id = table.id(of: word[start...end], after: prefix, hash: hash) { best = (id, end + 1) }
        }
        return best
    }

    private static let continuation: [UInt8] = Array("##".utf8)
    private static let continuationHash = continuation.reduce(PieceTable.emptyHash, PieceTable.hash)
}
