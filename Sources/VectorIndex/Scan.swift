import CKernels
import Dispatch
import Synchronization

extension VectorIndexSnapshot {
    /// Standard deviations of the coarse score's error that the scan allows for. A clip that belongs to the answer is passed over with a
    /// probability of about 3e-7.
    private static let confidence: Float = 5

    /// Fewer clips than this are scanned by the calling thread: waking another takes longer.
    private static let smallestShare = 16_384

    /// The best clips by dot product with `query`, best first, equal scores by ascending clip.
    ///
    /// O(clips × dimensions). The coarse codes of every wanted clip are read, and the fine ones of those that may belong to the
    /// answer. The answer is that of a scan of the float vectors but for scores closer than about 1e-4. Blocks the calling thread.
    ///
    /// - Parameters:
    ///   - query: `[dimensions]`, finite.
    ///   - limit: how many clips at most, 0 or more.
    ///   - media: only clips of these; all when nil.
    package func search(
        _ query: [Float], limit: Int, within media: MediaSelection? = nil
    ) throws(VectorIndexError) -> [VectorMatch] {
        guard limit >= 0 else { throw .invalidLimit(limit) }
        try settings.check(query)
        let limit = min(limit, count)
        guard limit > 0, media?.isEmpty != true else { return [] }
        let scan = Scan(
            shelves: shelves, query: PreparedQuery(query, confidence: Self.confidence, settings: settings),
            limit: limit,
            media: media, settings: settings)
        let workers = max(1, min(settings.workers, shelves.count, count / Self.smallestShare))
        if workers == 1 {
            scan.work()
        } else {
            DispatchQueue.concurrentPerform(iterations: workers) { _ in scan.work() }
        }
        return scan.answer()
    }
}

/// The greatest score that some worker knows to be reached by `limit` clips, so that every worker passes over what is below it.
private final class SharedThreshold: Sendable {
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

/// A query as the kernels want it.
///
/// Unchecked because it owns C arrays: nothing writes to them after `init`, and they are freed in `deinit`.
private final class PreparedQuery: @unchecked Sendable {
    let codes: saccade_scan_query

    init(_ query: [Float], confidence: Float, settings: ScanSettings) {
        var codes = saccade_scan_query(
            rounded: .allocate(capacity: settings.paddedDimensions),
            exact: .allocate(capacity: settings.paddedDimensions), groups: settings.groups, scale: 0, bias: 0,
            residual_weight: 0)
        saccade_scan_prepare(&codes, settings.prepared(query), settings.dimensions, confidence)
        self.codes = codes
    }

    deinit {
        codes.rounded.deallocate()
        codes.exact.deallocate()
    }
}

/// One search's work, which any number of threads share: each takes the next shelf until none is left.
private final class Scan: Sendable {
    /// Blocks between two looks at the threshold: 512 clips, whose coarse codes stay in the core's own cache.
    private static let stretch = 32

    private let shelves: [VectorIndexSnapshot.Shelf]
    private let query: PreparedQuery
    private let limit: Int
    private let media: MediaSelection?
    private let settings: ScanSettings
    private let next = Atomic<Int>(0)
    private let floor = SharedThreshold()
    private let found = Mutex<[VectorMatch]>([])

    init(
        shelves: [VectorIndexSnapshot.Shelf], query: PreparedQuery, limit: Int, media: MediaSelection?,
        settings: ScanSettings
    ) {
        self.shelves = shelves
        self.query = query
        self.limit = limit
        self.media = media
        self.settings = settings
    }

    func work() {
        var best = BestMatches(limit: limit)
        while true {
            let shelf = next.wrappingAdd(1, ordering: .relaxed).oldValue
            guard shelf < shelves.count else { break }
            scan(shelves[shelf], best: &best)
        }
        found.withLock { $0 += best.matches }
    }

    /// What all workers found together, once they have returned.
    func answer() -> [VectorMatch] {
        Array(found.withLock { $0 }.sorted(by: VectorMatch.ranksBefore).prefix(limit))
    }

    private func scan(_ shelf: VectorIndexSnapshot.Shelf, best: inout BestMatches) {
        let segment = shelf.segment
        let room = Self.stretch * Segment.blockSize
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: room) { slots in
            withUnsafeTemporaryAllocation(of: Float.self, capacity: room) { scores in
                for first in stride(from: 0, to: segment.blocks, by: Self.stretch) {
                    let blocks = min(Self.stretch, segment.blocks - first)
                    let threshold = max(best.threshold, floor.value)
                    let found = candidates(
                        of: shelf, first: first, blocks: blocks, threshold: threshold, slots: slots)
                    guard found > 0 else { continue }
                    withUnsafePointer(to: segment.codes) { codes in
                        withUnsafePointer(to: query.codes) { query in
                            saccade_scan_scores(
                                settings.level, codes, query, slots.baseAddress, found, scores.baseAddress)
                        }
                    }
                    for place in 0..<found {
                        let slot = Int(slots[place])
                        best.offer(
                            VectorMatch(
                                clip: segment.clips[slot], media: segment.media[slot], score: scores[place]))
                    }
                    if best.threshold > threshold { floor.raise(to: best.threshold) }
                }
            }
        }
    }

    /// Fills `slots` with what may belong to the answer and returns how many there are.
    private func candidates(
        of shelf: VectorIndexSnapshot.Shelf, first: Int, blocks: Int, threshold: Float,
        slots: UnsafeMutableBufferPointer<UInt32>
    ) -> Int {
        withUnsafePointer(to: shelf.segment.codes) { codes in
            withUnsafePointer(to: query.codes) { query in
                guard shelf.live != nil || media != nil else {
                    return saccade_scan_candidates(
                        settings.level, codes, query, first, blocks, nil, threshold, slots.baseAddress)
                }
                return withUnsafeTemporaryAllocation(of: UInt16.self, capacity: blocks) { admitted in
                    admit(shelf, first: first, into: admitted)
                    return saccade_scan_candidates(
                        settings.level, codes, query, first, blocks, admitted.baseAddress, threshold,
                        slots.baseAddress)
                }
            }
        }
    }

    /// Sets the bit of every clip that is wanted by the shelf and by the filter.
    private func admit(
        _ shelf: VectorIndexSnapshot.Shelf, first: Int, into admitted: UnsafeMutableBufferPointer<UInt16>
    ) {
        for block in 0..<admitted.count {
            admitted[block] = shelf.live?[first + block] ?? .max
        }
        guard let media else { return }
        // Clips of one media lie together, so its answer is remembered.
        var asked = shelf.segment.media[first * Segment.blockSize]
        var answer = media.contains(asked)
        for block in 0..<admitted.count where admitted[block] != 0 {
            let start = (first + block) * Segment.blockSize
            var mask: UInt16 = 0
            for lane in 0..<min(Segment.blockSize, shelf.segment.count - start) {
                let identifier = shelf.segment.media[start + lane]
                if identifier != asked {
                    asked = identifier
                    answer = media.contains(identifier)
                }
                if answer { mask |= 1 << UInt16(lane) }
            }
            admitted[block] &= mask
        }
    }
}
