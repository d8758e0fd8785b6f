/// The pieces of a vocabulary, found by their UTF-8 bytes.
///
/// Keys are bytes and not `String`s, which compare by canonical equivalence: vocabularies have jamo and marks that must stay
/// apart. One hash table of 4 bytes a slot over the text of all pieces: about 0.6 MB for the 30,522 of BERT.
struct PieceTable: Sendable {
    private let text: [UInt8]
    private let starts: [Int32]
    private let slots: [Int32]
    /// Bytes of the longest piece.
    let longest: Int

    /// The number of pieces, which is also one more than the largest id.
    var count: Int { starts.count - 1 }

    /// - Parameters:
    ///   - text: the pieces in the order of their ids, one after another, below 2³¹ bytes. Empty ones are never found.
    ///     When a piece is there twice its later id counts, as in the reference tokenizers.
    ///   - starts: where each piece begins, and last where the text ends.
    init(text: [UInt8], starts: [Int32]) {
        var size = 16
        while size < 2 * starts.count { size *= 2 }
        var slots = [Int32](repeating: -1, count: size)
        var longest = 0
        for id in 0..<starts.count - 1 {
            let piece = text[Int(starts[id])..<Int(starts[id + 1])]
            if piece.isEmpty { continue }
            longest = max(longest, piece.count)
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
        self.longest = longest
    }

    /// A piece's bytes.
    subscript(id: Int) -> ArraySlice<UInt8> { text[Int(starts[id])..<Int(starts[id + 1])] }

    /// The id of a piece.
    func id(of piece: some Collection<UInt8>) -> Int32? {
        id(of: piece, after: [], hash: piece.reduce(Self.emptyHash, Self.hash))
    }

    /// The id of the piece that `prefix` and `bytes` make together.
    ///
    /// - Parameter hash: of both, carried on from ``emptyHash`` by ``hash(_:_:)``.
    func id(of bytes: some Collection<UInt8>, after prefix: [UInt8], hash: UInt64) -> Int32? {
        var slot = Self.slot(of: hash, in: slots.count)
        while slots[slot] >= 0 {
            let id = Int(slots[slot])
            if isPiece(id, prefix, bytes) { return Int32(id) }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }

    private func isPiece(_ id: Int, _ prefix: [UInt8], _ bytes: some Collection<UInt8>) -> Bool {
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

    /// FNV-1a of no bytes. It can be carried on byte by byte from any prefix.
    static let emptyHash: UInt64 = 0xcbf2_9ce4_8422_2325

    static func hash(_ state: UInt64, _ byte: UInt8) -> UInt64 {
        (state ^ UInt64(byte)) &* 0x100_0000_01b3
    }

    private static func slot(of hash: UInt64, in size: Int) -> Int {
        Int(truncatingIfNeeded: hash ^ (hash >> 32)) & (size - 1)
    }
}
