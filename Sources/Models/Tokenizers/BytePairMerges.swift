/// The merges of a byte-pair encoding: which two neighbouring pieces become one, and in which order.
///
/// Source: Sennrich, Haddow and Birch, "Neural machine translation of rare words with subword units", ACL 2016. The order is that
/// of HuggingFace's `tokenizers`: the earliest merge of the list first, and of one merge the leftmost place first.
struct BytePairMerges: Sendable {
    /// Open addressing over pairs of ids: (left, right) → (rank, merged). ``vacant`` keys are free.
    private let keys: [UInt64]
    private let values: [UInt64]
    /// The number of different pairs.
    let count: Int

    private static let vacant = UInt64.max

    /// One entry of the list: `left` and `right` become `merged`.
    struct Merge {
        var left, right, merged: Int32
    }

    /// - Parameter merges: earliest first; ids aren't negative. When a pair is there twice its later place counts, as in the reference.
    init(_ merges: [Merge]) {
        var size = 16
        while size < 2 * merges.count { size *= 2 }
        var keys = [UInt64](repeating: Self.vacant, count: size)
        var values = [UInt64](repeating: 0, count: size)
        var count = 0
        for (rank, merge) in merges.enumerated() {
            let key = Self.key(merge.left, merge.right)
            var slot = Self.slot(of: key, in: size)
            while keys[slot] != Self.vacant, keys[slot] != key { slot = (slot + 1) & (size - 1) }
            if keys[slot] == Self.vacant { count += 1 }
            keys[slot] = key
            values[slot] = UInt64(rank) << 32 | UInt64(UInt32(bitPattern: merge.merged))
        }
        self.keys = keys
        self.values = values
        self.count = count
    }

    /// Merges until no two neighbours can be. O(n log n) of the symbols.
    ///
    /// - Parameter symbols: ids, which aren't negative; fewer than 2³¹.
    func apply(to symbols: inout [Int32]) {
        guard symbols.count > 1 else { return }
        var places = Places(count: symbols.count)
        var queue = MinimumQueue()
        for place in 0..<symbols.count - 1 { enqueue(place, symbols, places, &queue) }
        while let entry = queue.popMinimum() {
            let place = Int(entry & 0xFFFF_FFFF)
            // The pair may have been merged with other neighbours since.
            guard symbols[place] >= 0, let next = places.next(after: place),
                let merge = value(symbols[place], symbols[next]), merge >> 32 == entry >> 32
            else { continue }
            symbols[place] = Int32(truncatingIfNeeded: merge)
            symbols[next] = -1
            places.remove(next)
            enqueue(place, symbols, places, &queue)
            if let previous = places.previous(before: place) { enqueue(previous, symbols, places, &queue) }
        }
        symbols.removeAll { $0 < 0 }
    }

    private func enqueue(_ place: Int, _ symbols: [Int32], _ places: Places, _ queue: inout MinimumQueue) {
        guard let next = places.next(after: place), let merge = value(symbols[place], symbols[next]) else { return }
        queue.insert((merge & ~0xFFFF_FFFF) | UInt64(place))
    }

    /// The rank of a pair in the upper 32 bits, what it becomes in the lower.
    private func value(_ left: Int32, _ right: Int32) -> UInt64? {
        let key = Self.key(left, right)
        var slot = Self.slot(of: key, in: keys.count)
        while keys[slot] != key {
            if keys[slot] == Self.vacant { return nil }
            slot = (slot + 1) & (keys.count - 1)
        }
        return values[slot]
    }

    private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    private static func slot(of key: UInt64, in size: Int) -> Int {
        Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> 32) & (size - 1)
    }
}

/// Places in a row, of which some were removed: each knows its neighbours that are left.
private struct Places {
    private var nexts: [Int32]
    private var previouses: [Int32]

    init(count: Int) {
        nexts = (1...Int32(count)).map { Int($0) == count ? -1 : $0 }
        previouses = (-1..<Int32(count) - 1).map { $0 }
    }

    func next(after place: Int) -> Int? { nexts[place] < 0 ? nil : Int(nexts[place]) }
    func previous(before place: Int) -> Int? { previouses[place] < 0 ? nil : Int(previouses[place]) }

    mutating func remove(_ place: Int) {
        let (previous, next) = (previouses[place], nexts[place])
        if previous >= 0 { nexts[Int(previous)] = next }
        if next >= 0 { previouses[Int(next)] = previous }
    }
}

/// Numbers, of which the smallest is taken first: a binary heap.
private struct MinimumQueue {
    private var heap: [UInt64] = []

    mutating func insert(_ entry: UInt64) {
        var place = heap.count
        heap.append(entry)
        while place > 0, heap[(place - 1) / 2] > entry {
            heap[place] = heap[(place - 1) / 2]
            place = (place - 1) / 2
        }
        heap[place] = entry
    }

    mutating func popMinimum() -> UInt64? {
        guard let least = heap.first, let last = heap.popLast() else { return nil }
        if heap.isEmpty { return least }
        var place = 0
        while 2 * place + 1 < heap.count {
            var child = 2 * place + 1
            if child + 1 < heap.count, heap[child + 1] < heap[child] { child += 1 }
            if heap[child] >= last { break }
            heap[place] = heap[child]
            place = child
        }
        heap[place] = last
        return least
    }
}
