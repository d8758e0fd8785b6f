/// Decides, some packets ahead, which ones have to be decoded for the wanted times.
///
/// For each wanted time it settles on one picture: the one displayed then, or if leaving that out saves something, the nearest
/// other one within `reach`. A packet is left out when it is disposable and not settled on, or when no picture settled on
/// comes between it and the next entry into the stream.
///
/// It knows packets by what `add` is told, and works in the order of decoding. A stream whose packets don't tell their times
/// is decoded whole.
struct DecodePlan<Packet> {
    struct Description {
        /// Seconds at which the picture is displayed; nil if it isn't displayed.
        var time: Double?
        /// Seconds below which no later packet is displayed; nil if unknown.
        var decodeTime: Double?
        var facts: PacketFacts
        var bytes: Int
    }

    enum Step {
        /// `add` or `end` is to be called.
        case needsPacket
        case decode(Packet, isWanted: Bool)
        case skip(Packet, time: Double?)
        case finished
    }

    struct Policy {
        /// The first wanted time (s), the time that none may reach, and wanted times a second.
        var start = 0.0
        var end = Double.infinity
        var rate = 2.0
        /// Only entries are decoded, the nearest one to each wanted time.
        var usesEntriesOnly = false
        /// All pictures are needed apart from disposable ones, and of those too as many that no gap is longer (s).
        var longestGap: Double?
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
    private(set) var isBlind: Bool
    private var wanted = 0
    /// No later time can be met: the media has ended.
    private var isSettled = false
    private var lastDecodeTime = -Double.infinity
    /// The latest displayed picture that has left the queue, and the latest one of them that was decoded.
    private var lastShown: (time: Double, isKept: Bool)?
    private var lastKept = -Double.infinity

    /// - Parameter isBlind: decode everything.
    init(policy: Policy, isBlind: Bool = false) {
        self.policy = policy
        self.isBlind = isBlind
    }

    /// The first wanted time that no picture was settled on for; nil when all are settled.
    var nextWanted: Double? {
        guard !isSettled else { return nil }
        let time = policy.start + Double(wanted) / policy.rate
        return time < policy.end ? time : nil
    }

    /// The time (s) below which all packets have been added.
    var horizon: Double { isAtEnd ? .infinity : lastDecodeTime }

    mutating func add(_ packet: Packet, _ description: Description) {
        if policy.usesEntriesOnly, !description.facts.isEntry, !isBlind { return }
        if let decodeTime = description.decodeTime {
            if decodeTime < lastDecodeTime - 1 { isBlind = true }
            lastDecodeTime = max(lastDecodeTime, decodeTime)
        } else if lastDecodeTime == -.infinity, queue.count > Self.longestReordering {
            isBlind = true
        }
        bytes += description.bytes
        queue.append(Entry(packet: packet, description: description))
    }

    mutating func end() {
        isAtEnd = true
    }

    /// Decodes everything from now on: the times turned out not to be trusted.
    mutating func goBlind() {
        isBlind = true
    }

    /// Whether nothing that could still be added is wanted.
    var isComplete: Bool {
        !isBlind && policy.longestGap == nil && nextWanted == nil && !queue.contains(where: \.isWanted)
    }

    mutating func next() -> Step {
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
        let kept = queue.lazy.filter { !$0.description.facts.isDisposable || $0.isWanted }.compactMap(\.time)
        let before = kept.filter { $0 < time }.max().map { max($0, lastKept) } ?? lastKept
        guard let after = kept.filter({ $0 > time }).min() else { return horizon > time + gap ? .keep : .open }
        if after - before > gap { return .keep }
        return isSettled(before: successor(of: time) ?? .infinity) ? .skip : .open
    }

    /// The time of the first known picture displayed after `time`.
    private func successor(of time: Double) -> Double? {
        queue.lazy.compactMap(\.time).filter { $0 > time }.min()
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
        let isKnown =
            policy.usesEntriesOnly
            ? queue.contains { ($0.time ?? -.infinity) >= time } : horizon > time + Self.reach
        guard isKnown || isAtEnd else { return false }
        if let chosen = policy.usesEntriesOnly ? nearestEntry(to: time) : choice(for: time) {
            queue[chosen].isWanted = true
        }
        wanted += 1
        if isAtEnd, successor(of: time) == nil { isSettled = true }
        // Times that a picture which stands for long would be chosen for again and again are passed over at once.
        if let after = successor(of: time), after - time > 2 / policy.rate,
            (queue.compactMap(\.time).min() ?? after) >= after
        {
            wanted = max(wanted, Int(((after - Self.reach - policy.start) * policy.rate).rounded(.down)))
        }
        return true
    }

    private func nearestEntry(to time: Double) -> Int? {
        let nearest = queue.indices.filter { queue[$0].time != nil }.min { distance($0, time) < distance($1, time) }
        guard let nearest else { return nil }
        if let last = lastShown, last.isKept, abs(last.time - time) <= distance(nearest, time) { return nil }
        return nearest
    }

    /// The queue's picture for a wanted time; nil when one that has left is the right one.
    private func choice(for time: Double) -> Int? {
        let limit = time + Self.sameTime
        let displayed = queue.indices.filter { queue[$0].time.map { $0 <= limit } ?? false }
            .max { queue[$0].time ?? 0 < queue[$1].time ?? 0 }
        let displayedTime = displayed.flatMap { queue[$0].time } ?? -.infinity
        if let last = lastShown, last.isKept, last.time > displayedTime, time - last.time <= Self.reach { return nil }
        let near = queue.indices.filter { distance($0, time) <= Self.reach }
        let kept = near.filter { queue[$0].isWanted || !queue[$0].description.facts.isDisposable }
        if let displayed, distance(displayed, time) <= Self.reach {
            if kept.contains(displayed) { return displayed }
            if time - lastKept <= Self.reach { return nil }
        }
        if let nearest = kept.min(by: { distance($0, time) < distance($1, time) }) { return nearest }
        if let displayed, distance(displayed, time) <= Self.reach { return displayed }
        if let nearest = near.min(by: { distance($0, time) < distance($1, time) }) { return nearest }
        if let last = lastShown, last.isKept, last.time > displayedTime { return nil }
        return displayed
    }

    private func distance(_ index: Int, _ time: Double) -> Double {
        queue[index].time.map { abs($0 - time) } ?? .infinity
    }

    private mutating func pop(isKept: Bool) -> Step {
        let entry = queue.removeFirst()
        bytes -= entry.description.bytes
        if let time = entry.time {
            if time > lastShown?.time ?? -.infinity { lastShown = (time, isKept) }
            if isKept { lastKept = max(lastKept, time) }
        }
        return isKept
            ? .decode(entry.packet, isWanted: entry.isWanted || isBlind) : .skip(entry.packet, time: entry.time)
    }
}
