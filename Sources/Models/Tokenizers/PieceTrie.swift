/// Pieces as a tree of their bytes, to find all those that a text has at one place.
struct PieceTrie: Sendable {
    /// Open addressing over (node, byte) → child; nodes count from 0, which is the root. ``vacant`` keys are free.
    private let keys: [UInt64]
    private let children: [Int32]
    /// The id of the piece that ends at each node, or -1.
    private let ids: [Int32]

    private static let vacant = UInt64.max

    /// - Parameter pieces: empty ones are never found. When a piece is there twice its later id counts.
    init(_ pieces: some Sequence<(piece: ArraySlice<UInt8>, id: Int32)>) {
        var nodes = NodeTable()
        var ids: [Int32] = [-1]
        for (piece, id) in pieces where !piece.isEmpty {
            var node: Int32 = 0
            for byte in piece { node = nodes.child(of: node, byte) }
            while ids.count < nodes.count { ids.append(-1) }
            ids[Int(node)] = id
        }
        keys = nodes.keys
        children = nodes.children
        self.ids = ids
    }

    /// Calls `body` with each piece that the text has at `start`, the shorter first. O(longest of them).
    ///
    /// - Parameter body: is given the id, and where the piece ends.
    func forEachPiece(of text: [UInt8], at start: Int, _ body: (_ id: Int32, _ end: Int) -> Void) {
        var node: Int32 = 0
        for place in start..<text.count {
            guard let child = Self.child(of: node, text[place], keys, children) else { return }
            node = child
            if ids[Int(node)] >= 0 { body(ids[Int(node)], place + 1) }
        }
    }

    /// The longest piece that the text has at `start`.
    func longestPiece(of text: [UInt8], at start: Int) -> (id: Int32, end: Int)? {
        var longest: (id: Int32, end: Int)?
        forEachPiece(of: text, at: start) { longest = ($0, $1) }
        return longest
    }

    private static func child(of node: Int32, _ byte: UInt8, _ keys: [UInt64], _ children: [Int32]) -> Int32? {
        let key = UInt64(node) << 8 | UInt64(byte)
        var slot = slot(of: key, in: keys.count)
        while keys[slot] != key {
            if keys[slot] == vacant { return nil }
            slot = (slot + 1) & (keys.count - 1)
        }
        return children[slot]
    }

    private static func slot(of key: UInt64, in size: Int) -> Int {
        Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> 32) & (size - 1)
    }

    /// The tree while it is made.
    private struct NodeTable {
        var keys = [UInt64](repeating: PieceTrie.vacant, count: 1024)
        var children = [Int32](repeating: 0, count: 1024)
        var count = 1

        mutating func child(of node: Int32, _ byte: UInt8) -> Int32 {
            if let child = PieceTrie.child(of: node, byte, keys, children) { return child }
            if 2 * count >= keys.count { grow() }
            insert(UInt64(node) << 8 | UInt64(byte), Int32(count))
            count += 1
            return Int32(count - 1)
        }

        private mutating func insert(_ key: UInt64, _ child: Int32) {
            var slot = PieceTrie.slot(of: key, in: keys.count)
            while keys[slot] != PieceTrie.vacant { slot = (slot + 1) & (keys.count - 1) }
            keys[slot] = key
            children[slot] = child
        }

        private mutating func grow() {
            let (oldKeys, oldChildren) = (keys, children)
            keys = [UInt64](repeating: PieceTrie.vacant, count: 2 * oldKeys.count)
            children = [Int32](repeating: 0, count: 2 * oldKeys.count)
            for (slot, key) in oldKeys.enumerated() where key != PieceTrie.vacant { insert(key, oldChildren[slot]) }
        }
    }
}
