import Catalog

/// How the clips of two media items agree when one is laid beside the other.
struct Alignment: Equatable {
    /// Where the shorter one begins in the longer one, in seconds; negative when it begins before it.
    var offset: Double
    /// Seconds that clips of both share.
    var shared: Double
    /// Mean cosine of the clips that lie beside each other, weighted by the seconds that they share.
    var similarity: Double
    /// Shots of the one with fewer that lie beside a clip of the other.
    var shots: Int

    /// Pairs of clips that are looked at for an offset; the most alike.
    private static let mostPairs = 64
    /// What a second that is shared costs: an offset is better only if its clips are more alike than this.
    private static let floor = 0.7

    /// The offset at which the most is alike, or nil where no clips come to lie beside each other.
    ///
    /// - Parameters:
    ///   - shorter: of the two timelines.
    ///   - pairs: clips that are alike, as places in both timelines, the most alike first. An offset lays their beginnings, their ends or their
    ///     middles on each other: cuts agree in a copy, except the first and the last of a shortened one.
    init?(of shorter: MediaTimeline, in longer: MediaTimeline, pairs: some Sequence<(Int, Int)>) {
        // Where everything is alike, no pair says where it belongs: the beginnings and the ends of both are tried first.
        var offsets: Set<Int> = [0, Int(((longer.end - shorter.end) * 100).rounded())]
        for (place, other) in pairs.prefix(Self.mostPairs) {
            let (clip, beside) = (shorter.entries[place], longer.entries[other])
            let (begins, ends) = (beside.start - clip.start, beside.end - clip.end)
            for offset in [begins, ends, (begins + ends) / 2] where offset.magnitude < 1e6 {
                offsets.insert(Int((offset * 100).rounded()))
            }
        }
        let all = offsets.sorted().compactMap { Self(of: shorter, in: longer, at: Double($0) / 100) }
        guard let best = all.max(by: { ($0.gain, -$0.offset.magnitude) < ($1.gain, -$1.offset.magnitude) }) else {
            return nil
        }
        self = best
    }

    private var gain: Double { shared * (similarity - Self.floor) }

    /// Both timelines are in the order of time, so one walk is enough.
    private init?(of shorter: MediaTimeline, in longer: MediaTimeline, at offset: Double) {
        var (shared, weighted) = (0.0, 0.0)
        var shots: (Set<Int>, Set<Int>) = ([], [])
        var first = 0
        for clip in shorter.entries {
            let (start, end) = (clip.start + offset, clip.lastMoment + offset)
            while first < longer.entries.count, longer.entries[first].lastMoment <= start { first += 1 }
            var beside: (entry: MediaTimeline.Entry, seconds: Double)?
            for entry in longer.entries[first...].prefix(while: { $0.start < end }) {
                let seconds = min(end, entry.lastMoment) - max(start, entry.start)
                if seconds > beside?.seconds ?? 0 { beside = (entry, seconds) }
            }
            guard let (entry, seconds) = beside,
                seconds >= 0.5 * min(clip.lastMoment - clip.start, entry.lastMoment - entry.start)
            else { continue }
            shared += seconds
            weighted += seconds * Self.cosine(clip.vector, entry.vector)
            shots.0.insert(clip.shot)
            shots.1.insert(entry.shot)
        }
        guard shared > 0 else { return nil }
        self.offset = offset
        self.shared = shared
        similarity = weighted / shared
        self.shots = min(shots.0.count, shots.1.count)
    }

    private static func cosine(_ first: [Float], _ second: [Float]) -> Double {
        var sum: Float = 0
        for (a, b) in zip(first, second) { sum += a * b }
        return Double(sum)
    }
}

extension MediaTimeline.Entry {
    /// A picture, which has no length, counts as a second.
    var lastMoment: Double { max(end, start + (end == start ? 1 : 0)) }
}
