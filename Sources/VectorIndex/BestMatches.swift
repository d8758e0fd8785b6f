/// The best `limit` of the matches that it is offered: a binary heap with the worst of them on top.
struct BestMatches {
    private let limit: Int
    private var heap: [VectorMatch] = []

    init(limit: Int) {
        self.limit = limit
        heap.reserveCapacity(min(limit, 4_096))
    }

    /// The score that a match must reach to have a chance: negative infinity until there are `limit` matches.
    var threshold: Float { heap.count < limit ? -.infinity : heap[0].score }

    var matches: [VectorMatch] { heap }

    /// O(log limit), and O(1) for a match that isn't good enough.
    mutating func offer(_ match: VectorMatch) {
        guard heap.count == limit else {
            heap.append(match)
            siftUp(from: heap.count - 1)
            return
        }
        guard limit > 0, VectorMatch.ranksBefore(match, heap[0]) else { return }
        heap[0] = match
        siftDown()
    }

    private mutating func siftUp(from start: Int) {
        var place = start
        while place > 0 {
            let parent = (place - 1) / 2
            guard VectorMatch.ranksBefore(heap[parent], heap[place]) else { return }
            heap.swapAt(parent, place)
            place = parent
        }
    }

    private mutating func siftDown() {
        var place = 0
        while true {
            var worst = place
            for child in [2 * place + 1, 2 * place + 2] where child < heap.count {
                if VectorMatch.ranksBefore(heap[worst], heap[child]) { worst = child }
            }
            guard worst != place else { return }
            heap.swapAt(place, worst)
            place = worst
        }
    }
}
