internal import Threads

/// Notices when the time of day is set, by the clock that nobody sets.
struct ClockSteps {
    /// Seconds that the two clocks may drift apart between two looks without one being set.
    private static let drift = 5.0

    private var last: ClockReading

    init(_ reading: ClockReading) {
        last = reading
    }

    /// - Returns: by how many seconds the time of day was set back since the last time this was asked; 0 when it wasn't.
    mutating func back(at reading: ClockReading) -> Double {
        defer { last = reading }
        let step = (reading.uptime - last.uptime) - (reading.time - last.time)
        return step > Self.drift ? step : 0
    }
}
