/// Decides, some packets ahead, which ones have to be decoded for the wanted times.
///
/// For each wanted time it settles on one picture: the one displayed then, or if leaving that out saves something, the nearest
/// other one within `reach`. A packet is left out when it is disposable and not settled on, or when no picture settled on
/// comes between it and the next entry into the stream.
///
/// It knows packets by what `add` is told, and works in the order of decoding. A stream whose packets don't tell their times
/// is decoded whole.
package struct DecodePlan<Packet> {
    package struct Description {
        /// Seconds at which the picture is displayed; nil if it isn't displayed.
        package var time: Double?
        /// Seconds below which no later packet is displayed; nil if unknown.
        package var decodeTime: Double?
        package var facts: PacketFacts
        package var bytes: Int

        package init(time: Double?, decodeTime: Double?, facts: PacketFacts, bytes: Int) {
            self.time = time
            self.decodeTime = decodeTime
            self.facts = facts
            self.bytes = bytes
        }
    }

    package enum Step {
        /// `add` or `end` is to be called.
        case needsPacket
        case decode(Packet, isWanted: Bool)
        case skip(Packet, time: Double?)
        case finished
    }

    package struct Policy {
        /// The first wanted time (s), the time that none may reach, and wanted times a second.
        package var start = 0.0
        package var end = Double.infinity
        package var rate = 2.0
        /// All pictures are needed apart from disposable ones, and of those too as many that no gap is longer (s).
        package var longestGap: Double?

        package init(
            start: Double = 0, end: Double = .infinity, rate: Double = 2, longestGap: Double? = nil
        ) {
            self.start = start
            self.end = end
            self.rate = rate
            self.longestGap = longestGap
        }
    }

    private struct Entry {
        var packet: Packet
        var description: Description
        var isWanted = false

        var time: Double? { description.time }
    }

    /// Packets and bytes that are held at most.
    private static var heldPackets: Int { 1200 }
    private static var heldBytes: Int { 48 << 20 }
    private static var reach: Double { 0.1 }
    /// Packets that may come before the first time of decoding is known: no codec reorders by more.
    private static var longestReordering: Int { 64 }
    /// Containers round times; those closer than this are the same (s).
    private static var sameTime: Double { 1e-6 }

    private let policy: Policy
    private var queue: [Entry] = []
    private var bytes = 0
    private var isAtEnd = false
    /// Whether everything is decoded because the times can't be trusted.
    package private(set) var isBlind: Bool
    private var wanted = 0
    private var lastDecodeTime = -Double.infinity
    /// The displayed pictures that left the queue last, and whether they were decoded.
    private var past: [(time: Double, isKept: Bool)] = []
    private var mediaEnd = Double.infinity

    /// - Parameter isBlind: decode everything.
    package init(policy: Policy, isBlind: Bool = false) {
        self.policy = policy
        self.isBlind = isBlind
    }

    /// The first wanted time that no picture was settled on for; nil when all are settled.
    package var nextWanted: Double? {
        let time = policy.start + Double(wanted) / policy.rate
        return time < min(policy.end, mediaEnd - Self.sameTime) ? time : nil
    }

    /// The time (s) below which all packets have been added.
    package var horizon: Double { isAtEnd ? .infinity : lastDecodeTime }

    package mutating func add(_ packet: Packet, _ description: Description) {
        if let decodeTime = description.decodeTime {
            if decodeTime < lastDecodeTime - 1 { isBlind = true }
            lastDecodeTime = max(lastDecodeTime, decodeTime)
        } else if lastDecodeTime == -.infinity, queue.count > Self.longestReordering {
            isBlind = true
        }
        bytes += description.bytes
        queue.append(Entry(packet: packet, description: description))
    }

    /// There are no more packets.
    /// - Parameter time: the end (s) of the last picture; later times are not wanted.
    package mutating func end(at time: Double) {
        isAtEnd = true
        mediaEnd = time
    }

    /// Decodes everything from now on: the times turned out not to be trusted.
    package mutating func goBlind() {
        isBlind = true
    }

    /// Whether nothing that could still be added is wanted.
    package var isComplete: Bool {
        !isBlind && policy.longestGap == nil && nextWanted == nil && !queue.contains(where: \.isWanted)
    }

    package mutating func next() -> Step {
        guard !queue.isEmpty else { return isAtEnd ? .finished : .needsPacket }
        if isBlind { return pop(isKept: true) }
        while true {
            if queue[0].isWanted || (policy.longestGap != nil && !queue[0].description.facts.isDisposable) {
                settleAhead()
                return pop(isKept: true)
            }
            let isFull = queue.count >= Self.heldPackets || bytes >= Self.heldBytes
            switch fate() {
            case .keep: return pop(isKept: true)
            case .skip: return pop(isKept: false)
            case .open:
                if settleNext() { continue }
                if isAtEnd || isFull { return pop(isKept: true) }
                return .needsPacket
            }
        }
    }

    private enum Fate {
        case keep, skip, open
    }

    /// What can be said of the first packet, with the times settled so far.
    private func fate() -> Fate {
        let head = queue[0]
        if let gap = policy.longestGap { return fateByGap(head, gap) }
        let next = queue.indices.dropFirst().first { queue[$0].description.facts.isEntry }
        if head.description.facts.isDisposable {
            guard let time = head.time else { return .skip }
            guard let after = successor(of: time) else { return isAtEnd && nextWanted == nil ? .skip : .open }
            return isSettled(before: after) ? .skip : .open
        }
        let group = queue[..<(next ?? queue.count)]
        if group.contains(where: \.isWanted) { return .keep }
        if let next, let time = queue[next].time, isSettled(before: time) { return .skip }
        return next == nil && isAtEnd && nextWanted == nil ? .skip : .open
    }

    /// For a disposable packet: whether its neighbours that stay are close enough.
    private func fateByGap(_ head: Entry, _ gap: Double) -> Fate {
        guard let time = head.time else { return .skip }
        let kept = candidates.filter(\.isKept).map(\.time)
        let before = kept.filter { $0 < time }.max() ?? -.infinity
        guard let after = kept.filter({ $0 > time }).min() else { return horizon > time + gap ? .keep : .open }
        if after - before > gap { return .keep }
        return isSettled(before: successor(of: time) ?? .infinity) ? .skip : .open
    }

    /// The time of the first known picture displayed after `time`.
    private func successor(of time: Double) -> Double? {
        candidates.lazy.map(\.time).filter { $0 > time }.min()
    }

    private func isSettled(before time: Double) -> Bool {
        nextWanted.map { $0 >= time - Self.sameTime } ?? true
    }

    /// Settles what can be settled without more packets, so that pictures about to be decoded are known to be wanted.
    private mutating func settleAhead() {
        while let time = nextWanted, time < (queue[0].time ?? -.infinity) + 1, settleNext() {}
    }

    /// Settles on a picture for the next wanted time.
    /// - Returns: false if more packets must be known first, or no time is left.
    private mutating func settleNext() -> Bool {
        guard let time = nextWanted else { return false }
        guard horizon > time + Self.reach || isAtEnd else { return false }
        if let chosen = choice(for: time) { queue[chosen].isWanted = true }
        wanted += 1
        // Times at which a picture stands for long would choose it again and again: they are passed over.
        if let after = successor(of: time), after - time > 2 / policy.rate {
            wanted = max(wanted, Int(((after - Self.reach - policy.start) * policy.rate).rounded(.down)))
        }
        return true
    }

    /// A displayed picture, in the queue or before it.
    private struct Candidate {
        var time: Double
        /// Whether it was or will be decoded in any case.
        var isKept: Bool
        /// Its place in the queue; nil if it has left.
        var index: Int?
    }

    private var candidates: [Candidate] {
        let waiting = queue.indices.compactMap { index -> Candidate? in
            let entry = queue[index]
            guard let time = entry.time else { return nil }
            return Candidate(time: time, isKept: entry.isWanted || !entry.description.facts.isDisposable, index: index)
        }
        return past.map { Candidate(time: $0.time, isKept: $0.isKept, index: nil) } + waiting
    }

    /// The queue's picture for a wanted time; nil when one that has left is the right one, or there is none.
    private func choice(for time: Double) -> Int? {
        let all = candidates
        let displayed = all.filter { $0.time <= time + Self.sameTime }.max { $0.time < $1.time }
        let near = all.filter { abs($0.time - time) <= Self.reach }
        func nearest(_ some: [Candidate]) -> Candidate? { some.min { abs($0.time - time) < abs($1.time - time) } }
        let isDisplayedNear = displayed.map { abs($0.time - time) <= Self.reach } ?? false
        if isDisplayedNear, let displayed, displayed.isKept { return displayed.index }
        if let kept = nearest(near.filter(\.isKept)) { return kept.index }
        if isDisplayedNear, let displayed, displayed.index != nil { return displayed.index }
        return (nearest(near.filter { $0.index != nil }) ?? displayed)?.index
    }

    private mutating func pop(isKept: Bool) -> Step {
        let entry = queue.removeFirst()
        bytes -= entry.description.bytes
        if let time = entry.time {
            past.append((time, isKept))
            if past.count > Self.longestReordering { past.removeFirst() }
        }
        return isKept
            ? .decode(entry.packet, isWanted: entry.isWanted || isBlind) : .skip(entry.packet, time: entry.time)
    }
}
