/// The pieces of a WordPiece vocabulary, found by their UTF-8 bytes.
///
/// Keys are bytes and not `String`s, which compare by canonical equivalence: the vocabulary has jamo and marks that
/// must stay apart. One hash table of 4 bytes a slot over the text of the file: about 0.6 MB for 30,522 pieces.
struct WordPieceVocabulary: Sendable {
    private let text: [UInt8]
    private let starts: [Int32]
    private let slots: [Int32]
    private let longestPiece: Int

    /// The number of pieces, which is also one more than the largest id.
    var count: Int { starts.count - 1 }

    /// - Parameter text: the bytes of a `vocab.txt`: one piece a line, the first having the id 0.
    ///   When a piece is there twice its later id counts, as in the reference.
    init(text source: [UInt8]) {
        var text: [UInt8] = []
        text.reserveCapacity(source.count)
        var starts: [Int32] = [0]
        var longest = 0
        var lines = source.split(separator: 0x0A, omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        for line in lines {
            text.append(contentsOf: line.last == 0x0D ? line.dropLast() : line)
            longest = max(longest, text.count - Int(starts[starts.count - 1]))
            starts.append(Int32(text.count))
        }
        var size = 16
        while size < 2 * starts.count { size *= 2 }
        var slots = [Int32](repeating: -1, count: size)
        for id in 0..<starts.count - 1 {
            let piece = text[Int(starts[id])..<Int(starts[id + 1])]
            var slot = Self.slot(of: piece.reduce(Self.emptyHash, Self.hash), in: size)
            while slots[slot] >= 0 {
                let other = Int(slots[slot])
                if text[Int(starts[other])..<Int(starts[other + 1])] == piece { break }
                slot = (slot + 1) & (size - 1)
            }
            slots[slot] = Int32(id)
        }
        self.text = text
        self.starts = starts
        self.slots = slots
        self.longestPiece = longest
    }

    /// The pieces as in the file, in the order of their ids.
    var pieces: [String] {
        (0..<count).map { String(decoding: text[Int(starts[$0])..<Int(starts[$0 + 1])], as: UTF8.self) }
    }

    /// The id of a piece written as in the file, `##` included.
    func id(of piece: String) -> Int32? {
        let bytes = Array(piece.utf8)
        return id(of: bytes[...], prefix: [], hash: bytes.reduce(Self.emptyHash, Self.hash))
    }

    /// The longest piece that a word's bytes have at `start`. O(longest piece).
    ///
    /// - Parameters:
    ///   - word: a whole word in UTF-8.
    ///   - start: 0, or where the piece before ended: then only pieces that go on (`##`) are looked at.
    /// - Returns: the piece's id and where it ends; nil when there is none.
    func longestPiece(of word: [UInt8], from start: Int) -> (id: Int32, end: Int)? {
        let prefix: [UInt8] = start == 0 ? [] : Self.continuation
        var hash = start == 0 ? Self.emptyHash : Self.continuationHash
        var best: (id: Int32, end: Int)?
        for end in start..<min(word.count, start + longestPiece) {
            hash = Self.hash(hash, word[end])
            if let id = id(of: word[start...end], prefix: prefix, hash: hash) { best = (id, end + 1) }
        }
        return best
    }

    private func id(of bytes: ArraySlice<UInt8>, prefix: [UInt8], hash: UInt64) -> Int32? {
        var slot = Self.slot(of: hash, in: slots.count)
        while slots[slot] >= 0 {
            let id = Int(slots[slot])
            if isPiece(id, prefix, bytes) { return Int32(id) }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }

    private func isPiece(_ id: Int, _ prefix: [UInt8], _ bytes: ArraySlice<UInt8>) -> Bool {
        var position = Int(starts[id])
        guard Int(starts[id + 1]) - position == prefix.count + bytes.count else { return false }
        for byte in prefix {
            guard text[position] == byte else { return false }
            position += 1
        }
        for byte in bytes {
            guard text[position] == byte else { return false }
            position += 1
        }
        return true
    }

    // FNV-1a, which can be carried on byte by byte from any prefix.
    private static let emptyHash: UInt64 = 0xcbf2_9ce4_8422_2325
    private static let continuation: [UInt8] = Array("##".utf8)
    private static let continuationHash = continuation.reduce(emptyHash, hash)

    private static func hash(_ state: UInt64, _ byte: UInt8) -> UInt64 {
        (state ^ UInt64(byte)) &* 0x100_0000_01b3
    }

    private static func slot(of hash: UInt64, in size: Int) -> Int {
        Int(truncatingIfNeeded: hash ^ (hash >> 32)) & (size - 1)
    }
}
