import Synchronization
import Threads

extension VectorIndexSnapshot {
    /// Fewer clips than this are scanned by the calling thread: waking another takes longer.
    private static let smallestShare = 16_384

    /// The best clips by dot product with `query`, best first, equal scores by ascending clip.
    ///
    /// O(clips × dimensions) in memory; of an inverted file, the lists are read that the recall needs, see ``InvertedScan``. The answer of what is
    /// in memory is that of a scan of the float vectors but for scores closer than about 1e-4. Blocks the calling thread.
    ///
    /// - Parameters:
    ///   - query: `[dimensions]`, finite.
    ///   - limit: how many clips at most, 0 or more.
    ///   - media: only clips of these; all when nil.
    ///   - recall: the part of the answer that is to be found in an inverted file; the index's when nil, and with 1 all is scanned.
    package func search(
        _ query: [Float], limit: Int, within media: MediaSelection? = nil, recall: Double? = nil
    ) throws(VectorIndexError) -> [VectorMatch] {
        guard limit >= 0 else { throw .invalidLimit(limit) }
        try settings.check(query)
        let limit = min(limit, count)
        guard limit > 0, media?.isEmpty != true else { return [] }
        let scan = Scan(
            segments: segments, query: Codes.query(query, settings: settings), limit: limit, media: media)
        let workers = max(1, min(settings.workers, segments.count, tailCount / Self.smallestShare))
        if workers == 1 {
            scan.work()
        } else {
            // Beside another computation the calling thread does it all: the threads are never oversubscribed.
            parallelFor(workers) { _ in scan.work() }
        }
        let matches = scan.answer()
        guard let inverted else { return matches }
        return InvertedScan(
            inverted, rotated: Codes.prepared(query, settings: settings), limit: limit, media: media,
            recall: recall ?? settings.recall, others: matches, settings: settings, workers: settings.workers
        ).run()
    }
}

/// The greatest score that some worker knows to be reached by `limit` clips, so that every worker passes over what is below it.
final class SharedThreshold: Sendable {
    /// The bits of a Float, mapped so that integers order as the floats do.
    private let ordered = Atomic<UInt32>(0)

    var value: Float {
        let bits = ordered.load(ordering: .relaxed)
        guard bits != 0 else { return -.infinity }
        return Float(bitPattern: bits >> 31 == 1 ? bits & 0x7FFF_FFFF : ~bits)
    }

    func raise(to score: Float) {
        let bits = score.bitPattern
        ordered.max(bits >> 31 == 1 ? ~bits : bits | 0x8000_0000, ordering: .relaxed)
    }
}

/// One search's work, which any number of threads share: each takes the next segment until none is left.
private final class Scan<Codes: VectorCodes>: Sendable {
    /// Blocks between two looks at the threshold: 512 clips, whose coarse codes stay in the core's own cache.
    private static var stretch: Int { 32 }

    private let segments: [LiveSegment<Codes>]
    private let query: Codes.Query
    private let limit: Int
    private let media: MediaSelection?
    private let next = Atomic<Int>(0)
    private let floor = SharedThreshold()
    private let found = Mutex<[VectorMatch]>([])

    init(segments: [LiveSegment<Codes>], query: Codes.Query, limit: Int, media: MediaSelection?) {
        self.segments = segments
        self.query = query
        self.limit = limit
        self.media = media
    }

    func work() {
        var best = BestMatches(limit: limit)
        while true {
            let segment = next.wrappingAdd(1, ordering: .relaxed).oldValue
            guard segment < segments.count else { break }
            scan(segments[segment], best: &best)
        }
        found.withLock { $0 += best.matches }
    }

    /// What all workers found together, once they have returned.
    func answer() -> [VectorMatch] {
        Array(found.withLock { $0 }.sorted(by: VectorMatch.ranksBefore).prefix(limit))
    }

    private func scan(_ live: LiveSegment<Codes>, best: inout BestMatches) {
        let segment = live.segment
        let (clips, media) = (segment.clips, segment.media)
        let room = Self.stretch * SegmentSize.block
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: room) { slots in
            withUnsafeTemporaryAllocation(of: Float.self, capacity: room) { scores in
                for first in stride(from: 0, to: segment.blocks, by: Self.stretch) {
                    let blocks = first..<min(first + Self.stretch, segment.blocks)
                    let threshold = max(best.threshold, floor.value)
                    let found = score(live, blocks, threshold: threshold, slots: slots, scores: scores)
                    for place in 0..<found {
                        let slot = Int(slots[place])
                        best.offer(VectorMatch(clip: clips[slot], media: media[slot], score: scores[place]))
                    }
                    if best.threshold > threshold { floor.raise(to: best.threshold) }
                }
            }
        }
    }

    /// Fills `slots` and `scores` with what may belong to the answer and returns how many there are.
    private func score(
        _ live: LiveSegment<Codes>, _ blocks: Range<Int>, threshold: Float, slots: UnsafeMutableBufferPointer<UInt32>,
        scores: UnsafeMutableBufferPointer<Float>
    ) -> Int {
        guard let slots = slots.baseAddress, let scores = scores.baseAddress else { return 0 }
        let codes = live.segment.codes
        guard live.live != nil || media != nil else {
            return codes.score(
                blocks, against: query, admitted: nil, threshold: threshold, slots: slots, scores: scores)
        }
        return withUnsafeTemporaryAllocation(of: UInt16.self, capacity: blocks.count) { admitted in
            live.admit(media, first: blocks.lowerBound, into: admitted)
            return codes.score(
                blocks, against: query, admitted: admitted.baseAddress, threshold: threshold, slots: slots,
                scores: scores)
        }
    }
}
