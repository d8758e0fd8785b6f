import CKernels
import Glibc
import Synchronization
import Threads

/// One search of an inverted segment.
///
/// Lists are read in rounds, those first in which most answers are expected, until so few are expected in the others that the recall is
/// reached. Within a list dot products are nearly normal: their mean is that of the centroid, their deviation that of the covariance along the
/// query, scaled to the list's spread. With the score that an answer must reach by now, that tells how many answers a list has, whatever
/// the query, the filter and the number of answers. Where a filter leaves fewer clips than are asked for, every list is read.
final class InvertedScan: Sendable {
    /// Standard deviations of the coarse score's error that are allowed for: a clip of the answer is passed over with a probability of 0.001 at
    /// most, and where all is to be found as ``ScalarCodes`` has it.
    private static let confidence: Float = 3
    /// Blocks between two looks at the threshold.
    private static let stretch = 32
    /// Places between two rows of fine codes that are read in one go.
    private static let gap: UInt32 = 8
    /// Lists of the first round.
    private static let firstLists = 16
    /// How many times the clips that were looked at until now a round looks at.
    private static let growth = 4
    /// Clips that a round may look at in any case.
    private static let leastClips = 8_192

    private let segment: InvertedSegment
    private let query: ScalarCodes.Query
    private let limit: Int
    private let media: MediaSelection?
    private let level: saccade_simd_level
    private let missable: Double
    private let means: [Float]
    private let deviations: [Float]
    private let floor = SharedThreshold()
    private let workers: [Worker]
    private let others: [VectorMatch]
    private let scanned = Atomic<Int>(0)
    private let admitted = Atomic<Int>(0)

    /// - Parameters:
    ///   - rotated: the query, as ``ScalarCodes/prepared(_:settings:)`` makes it.
    ///   - recall: the part of the answers that is to be found.
    ///   - others: what was found elsewhere, at most `limit`.
    init(
        _ segment: InvertedSegment, rotated: [Float], limit: Int, media: MediaSelection?, recall: Double,
        others: [VectorMatch], settings: ScanSettings, workers: Int
    ) {
        self.segment = segment
        query = ScalarCodes.Query(
            rotated, dimensions: settings.dimensions,
            confidence: recall < 1 ? Self.confidence : ScalarCodes.confidence)
        self.limit = limit
        self.media = media
        level = settings.level
        missable = recall < 1 ? (1 - recall) * Double(limit) : -1
        let quantiser = segment.file.quantiser
        means = quantiser.products(with: rotated)
        let deviation = quantiser.deviation(along: rotated)
        let spread = max(quantiser.spread, 1e-20)
        // Numbers from a file: neither nothing nor too much to compute with.
        deviations = segment.file.lists.map { max(1e-6, min(1e18, deviation * ($0.spread / spread).squareRoot())) }
        self.workers = (0..<workers).map { _ in Worker(limit: limit) }
        self.others = others
    }

    /// The best of the segment and of the others. Blocks the calling thread.
    func run() -> [VectorMatch] {
        var left = Array(segment.file.lists.indices.filter { segment.file.lists[$0].count > 0 })
        var best = merged()
        while !left.isEmpty {
            let (round, rest) = next(of: left, threshold: best.count < limit ? nil : best[limit - 1].score)
            guard !round.isEmpty else { break }
            read(round)
            left = rest
            best = merged()
        }
        return best
    }

    private func merged() -> [VectorMatch] {
        let all = workers.reduce(into: others) { $0 += $1.best.withLock { $0.matches } }
            .sorted(by: VectorMatch.ranksBefore)
        if all.count >= limit { floor.raise(to: all[limit - 1].score) }
        return Array(all.prefix(limit))
    }

    /// Which of the lists that are left to read next; none when that isn't worth it.
    private func next(of left: [Int], threshold: Float?) -> (round: [Int], rest: [Int]) {
        let lists = segment.file.lists
        let seen = scanned.load(ordering: .relaxed)
        guard let threshold else {
            // Not enough was found to say what an answer must reach.
            let count = max(Self.firstLists, (lists.count - left.count) * Self.growth)
            return count < left.count ? best(count, of: left) : (left, [])
        }
        // Of those that were looked at; all are taken to be wanted before.
        let share = seen > 0 ? Double(admitted.load(ordering: .relaxed) + 1) / Double(seen + 1) : 1
        let expected = left.map {
            Double(lists[$0].count) * share
                * NormalTail.above(Double((threshold - means[$0]) / deviations[$0]))
        }
        guard expected.reduce(0, +) > missable else { return ([], left) }
        // By powers of two: enough of an order, without sorting thousands.
        var sums = [Double](repeating: 0, count: 64)
        var clips = [Int](repeating: 0, count: 64)
        let classes = expected.map { $0 > 0 ? min(63, max(0, 16 - Int($0.exponent))) : 63 }
        for (place, list) in left.enumerated() {
            sums[classes[place]] += expected[place]
            clips[classes[place]] += lists[list].count
        }
        let most = max(seen * Self.growth, Self.leastClips)
        var last = 0
        var remaining = sums.reduce(0, +) - sums[0]
        var total = clips[0]
        while last < 63, remaining > missable, total == 0 || total + clips[last + 1] <= most {
            last += 1
            remaining -= sums[last]
            total += clips[last]
        }
        // Those with the most first, so that the threshold rises early.
        var rounds = [[Int]](repeating: [], count: last + 1)
        var rest: [Int] = []
        for (place, list) in left.enumerated() {
            if classes[place] <= last { rounds[classes[place]].append(list) } else { rest.append(list) }
        }
        return (rounds.flatMap(\.self), rest)
    }

    /// At least so many lists that may hold the greatest dot products, and the others; without an order among either.
    private func best(_ count: Int, of left: [Int]) -> (best: [Int], rest: [Int]) {
        let reach = left.map { means[$0] + 2.5 * deviations[$0] }
        let (least, greatest) = (reach.min() ?? 0, reach.max() ?? 0)
        let classes = 1_024
        let scale = Float(classes - 1) / max(greatest - least, 1e-20)
        let classOf = reach.map { Int((($0 - least) * scale).rounded(.down)) }
        var counts = [Int](repeating: 0, count: classes)
        for place in classOf { counts[place] += 1 }
        var lowest = classes - 1
        var total = counts[lowest]
        while total < count, lowest > 0 {
            lowest -= 1
            total += counts[lowest]
        }
        var best: [Int] = []
        var rest: [Int] = []
        for (place, list) in left.enumerated() {
            if classOf[place] >= lowest { best.append(list) } else { rest.append(list) }
        }
        return (best, rest)
    }

    private func read(_ round: [Int]) {
        let next = Atomic<Int>(0)
        func work(_ worker: Int) {
            workers[worker].best.withLock { best in
                while true {
                    let place = next.wrappingAdd(1, ordering: .relaxed).oldValue
                    guard place < round.count else { return }
                    scan(round[place], best: &best)
                }
            }
        }
        guard workers.count > 1, round.count > 1 else { return work(0) }
        parallelFor(workers.count) { for worker in $0 { work(worker) } }
    }

    private func scan(_ list: Int, best: inout BestMatches) {
        guard let record = segment.file.record(of: list) else { return }
        scanned.wrappingAdd(record.count, ordering: .relaxed)
        let room = Self.stretch * SegmentSize.block
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: room) { slots in
            withUnsafeTemporaryAllocation(of: Float.self, capacity: room) { scores in
                for first in stride(from: 0, to: record.blocks, by: Self.stretch) {
                    let blocks = first..<min(first + Self.stretch, record.blocks)
                    let threshold = max(best.threshold, floor.value)
                    let found = candidates(record, blocks, threshold: threshold, slots: slots.baseAddress!)
                    score(list, record, slots.baseAddress!, found, scores: scores.baseAddress!) { slot, score in
                        best.offer(VectorMatch(clip: record.clips[slot], media: record.media[slot], score: score))
                    }
                    if best.threshold > threshold { floor.raise(to: best.threshold) }
                }
            }
        }
    }

    private func candidates(
        _ record: InvertedFile.Record, _ blocks: Range<Int>, threshold: Float, slots: UnsafeMutablePointer<UInt32>
    ) -> Int {
        withUnsafePointer(to: record.codes) { codes in
            withUnsafePointer(to: query.codes) { query in
                guard segment.live != nil || media != nil else {
                    admitted.wrappingAdd(min(blocks.count * SegmentSize.block, record.count), ordering: .relaxed)
                    return saccade_scan_candidates(
                        level, codes, query, blocks.lowerBound, blocks.count, nil, threshold, slots)
                }
                return withUnsafeTemporaryAllocation(of: UInt16.self, capacity: blocks.count) { words in
                    let count = segment.admit(media, of: record, first: blocks.lowerBound, into: words)
                    guard count > 0 else { return 0 }
                    admitted.wrappingAdd(count, ordering: .relaxed)
                    return saccade_scan_candidates(
                        level, codes, query, blocks.lowerBound, blocks.count, words.baseAddress, threshold, slots)
                }
            }
        }
    }

    /// Reads the fine codes of candidates, those that lie close together in one go, and scores them.
    private func score(
        _ list: Int, _ record: InvertedFile.Record, _ slots: UnsafeMutablePointer<UInt32>, _ count: Int,
        scores: UnsafeMutablePointer<Float>, offer: (Int, Float) -> Void
    ) {
        let pitch = segment.file.layout.rowBytes
        var start = 0
        while start < count {
            var end = start + 1
            while end < count, slots[end] - slots[end - 1] <= Self.gap { end += 1 }
            let range = Int(slots[start])...Int(slots[end - 1])
            withUnsafeTemporaryAllocation(byteCount: range.count * pitch, alignment: 64) { rows in
                guard let rows = rows.baseAddress, segment.file.readRows(of: list, slots: range, into: rows) else {
                    return
                }
                withUnsafePointer(to: record.codes) { codes in
                    withUnsafePointer(to: query.codes) { query in
                        saccade_scan_scores_apart(
                            level, codes, query, slots + start, end - start,
                            rows.assumingMemoryBound(to: Int8.self), pitch, scores)
                    }
                }
                for place in start..<end
                where segment.file.isWhole(rows + Int(slots[place] - slots[start]) * pitch) {
                    offer(Int(slots[place]), scores[place - start])
                }
            }
            start = end
        }
    }
}

/// What one thread has found.
private final class Worker: Sendable {
    let best: Mutex<BestMatches>

    init(limit: Int) {
        best = Mutex(BestMatches(limit: limit))
    }
}

/// The part of a normal distribution above so many standard deviations, from a table.
enum NormalTail {
    private static let steps = 32.0
    private static let most = 8.0
    private static let table = (0...Int(steps * most) + 1).map { 0.5 * erfc(Double($0) / steps / 2.0.squareRoot()) }

    static func above(_ deviations: Double) -> Double {
        let distance = abs(deviations)
        guard distance < most else { return deviations < 0 ? 1 : 0 }
        let place = distance * steps
        let step = Int(place)
        let tail = table[step] + (table[step + 1] - table[step]) * (place - Double(step))
        return deviations < 0 ? 1 - tail : tail
    }
}
