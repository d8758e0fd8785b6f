import DecodeProtocol

/// Puts cuts, which are certain only after a while, in the order of time among the frames.
struct CutMessages {
    private var detector = ShotBoundaryDetector()
    private let maker = SignatureMaker()
    private var held: [(time: Double, message: DecodeMessage)] = []

    /// Holds a frame's message until all cuts up to `time` (s) are known.
    mutating func hold(_ message: DecodeMessage, until time: Double) {
        held.append((time, message))
    }

    /// Takes a decoded frame.
    /// - Returns: the messages that are due, in the order of time.
    mutating func add(_ frame: DecodedFrame) -> [DecodeMessage] {
        guard let signature = unsafe maker.signature(of: frame.frame) else {
            return release(cuts: [], before: frame.time)
        }
        let cuts = detector.add(signature, at: frame.time)
        return release(cuts: cuts, before: detector.settled)
    }

    /// No more frames.
    mutating func finish() -> [DecodeMessage] {
        release(cuts: detector.finish(), before: .infinity)
    }

    private mutating func release(cuts: [Double], before limit: Double) -> [DecodeMessage] {
        let due = held.prefix { $0.time < limit }
        held.removeFirst(due.count)
        // A cut comes before a frame of the same time.
        let all =
            cuts.map { (time: $0, order: 0, message: DecodeMessage.cut(time: $0)) }
            + due.map { (time: $0.time, order: 1, message: $0.message) }
        return all.sorted { ($0.time, $0.order) < ($1.time, $1.order) }.map(\.message)
    }
}
