/// Gives frames times that never go back, whatever their timestamps do.
struct Timeline {
    /// A jump by more than this many seconds is taken for broken timestamps: time goes on without it.
    static let longestJump = 3600.0
    /// Media beyond this many seconds are cut off: no real one is longer, and broken ones are.
    static let longestMedia = 7.0 * 86_400

    private(set) var latest: Double?
    /// Whether a jump was bridged, so that times are no longer those of the container.
    private(set) var isBridged = false
    private var shift = 0.0
    private let start: Double?

    /// - Parameter start: seconds at which the first frame is, whatever its timestamp: for containers that don't store times of
    ///   display, whose decoding times are late by the decoder's delay.
    init(start: Double? = nil) {
        self.start = start
    }

    /// - Parameters:
    ///   - raw: seconds that the timestamp says, nil without one.
    ///   - step: seconds from one frame to the next, as a guess.
    mutating func place(_ raw: Double?, step: Double) -> Double {
        guard let last = latest else {
            let raw = (raw ?? 0) + shift
            let said = start ?? raw
            let first = said >= 0 && said <= Self.longestMedia ? said : 0
            shift += first - raw
            latest = first
            return first
        }
        var time = last + step
        if let raw {
            let said = raw + shift
            if said > last, said - last <= Self.longestJump {
                time = said
            } else if said <= last, last - said < 1 {
                time = last + min(step, 0.001)
            } else {
                bridge(by: time - said)
            }
        }
        latest = time
        return time
    }

    private mutating func bridge(by seconds: Double) {
        shift += seconds
        isBridged = true
    }
}
