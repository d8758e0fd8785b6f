import DecodeProtocol

/// Puts cuts, which are certain only after a while, in the order of time among the frames.
struct CutMessages {
    private var detector = ShotBoundaryDetector()
    private let maker = SignatureMaker()
    private var held: [SampledFrame] = []

    /// Holds a frame until all cuts up to its time are known.
    mutating func hold(_ frame: SampledFrame) {
        held.append(frame)
    }

    /// Takes a decoded frame.
    /// - Returns: what is due, in the order of time.
    mutating func add(_ frame: DecodedFrame) -> [DecodeEvent] {
        guard let signature = maker.signature(of: frame) else {
            return release(cuts: [], before: frame.time)
        }
        let cuts = detector.add(signature, at: frame.time)
        return release(cuts: cuts, before: detector.settled)
    }

    /// No more frames.
    mutating func finish() -> [DecodeEvent] {
        release(cuts: detector.finish(), before: .infinity)
    }

    private mutating func release(cuts: [Double], before limit: Double) -> [DecodeEvent] {
        let due = held.prefix { $0.time < limit }
        held.removeFirst(due.count)
        // A cut comes before a frame of the same time.
        let all =
            cuts.map { (time: $0, order: 0, event: DecodeEvent.cut(time: $0)) }
            + due.map { (time: $0.time, order: 1, event: DecodeEvent.frame($0)) }
        return all.sorted { ($0.time, $0.order) < ($1.time, $1.order) }.map(\.event)
    }
}
