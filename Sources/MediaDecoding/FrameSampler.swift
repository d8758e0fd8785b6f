/// Chooses, among decoded frames that come in the order of display, those to deliver: for each wanted time the frame that is
/// displayed then, or the nearest one within `reach`; no frame twice.
///
/// Where the frame displayed at a wanted time was not decoded, as `noteSkipped` tells, the nearer neighbour is taken.
struct FrameSampler<Picture> {
    /// Times closer than this (s) are the same: timestamps are rounded to their time base.
    private static var sameTime: Double { 1e-6 }
    /// Seconds that a frame may be from the wanted time although another one was displayed then.
    private static var reach: Double { 0.1 }

    private struct Candidate {
        var time: Double
        var duration: Double
        var picture: Picture
        var isDelivered = false
    }

    private let start: Double
    private let end: Double
    private let rate: Double
    private var wanted = 0
    private var previous: Candidate?
    private var skipped: [Double] = []
    private(set) var delivered = 0

    /// The wanted times are `start + i / rate`, below `end`; all in seconds.
    init(start: Double, end: Double?, rate: Double) {
        self.start = start
        self.end = end ?? .infinity
        self.rate = rate
    }

    /// A frame that is displayed at `time` (s) won't be offered. To be told before any frame that is displayed later.
    mutating func noteSkipped(at time: Double) {
        skipped.append(time)
    }

    /// The next wanted time, or nil when all have been met.
    var nextWanted: Double? {
        let time = start + Double(wanted) / rate
        return time < end ? time : nil
    }

    /// Takes a frame.
    /// - Returns: what was chosen by that, in the order of time.
    mutating func offer(_ picture: Picture, time: Double, duration: Double) -> [Picture] {
        var chosen: [Picture] = []
        var next = Candidate(time: time, duration: duration, picture: picture)
        while let at = nextWanted, at < time - Self.sameTime {
            let isNear = time - at <= Self.reach
            guard var last = previous else {
                if isNear { take(&next, &chosen) }
                skip(to: isNear ? at : time - Self.reach)
                continue
            }
            let lastIsNear = at - last.time <= Self.reach
            let isSkipped = skipped.contains { $0 > last.time && $0 <= at + Self.sameTime }
            let prefersNext =
                isNear && (!lastIsNear || (isSkipped && time - at < at - last.time))
            if prefersNext {
                take(&next, &chosen)
                skip(to: at)
            } else {
                take(&last, &chosen)
                previous = last
                skip(to: lastIsNear ? at : time - Self.reach)
            }
        }
        previous = next
        skipped.removeAll { $0 <= time }
        return chosen
    }

    /// No more frames.
    /// - Parameter mediaEnd: seconds at which the media ends; the last frame stands until then.
    /// - Returns: the last frame, if it is wanted.
    mutating func finish(mediaEnd: Double = 0) -> [Picture] {
        guard var last = previous else { return [] }
        let stands = max(mediaEnd, last.time + max(last.duration, 2 * Self.sameTime))
        let isWanted = nextWanted.map { $0 < stands - Self.sameTime } ?? false
        // One frame is always had from a media item that has one, so that a late or short one isn't lost.
        let isOnly = delivered == 0 && last.time < end && last.time + max(last.duration, Self.reach) >= start
        guard isWanted || isOnly else { return [] }
        var chosen: [Picture] = []
        take(&last, &chosen)
        previous = last
        return chosen
    }

    private mutating func take(_ candidate: inout Candidate, _ chosen: inout [Picture]) {
        guard !candidate.isDelivered else { return }
        candidate.isDelivered = true
        delivered += 1
        chosen.append(candidate.picture)
    }

    /// Goes on to the first wanted time after the current one that isn't before `time`.
    private mutating func skip(to time: Double) {
        let index = ((time - start) * rate - 1e-9).rounded(.up)
        wanted = max(wanted + 1, index < 1e15 ? Int(index) : wanted + 1)
    }
}
