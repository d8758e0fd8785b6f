internal import Foundation

/// The time of day, and waiting; a fake in tests stands still until it is moved.
package protocol WallClock: Sendable {
    /// Seconds since 1970. People and time servers set it, forward and back: for what is kept and shown.
    var now: Double { get }
    /// Seconds since some moment, of a clock that nobody sets: for how long something has taken or is to take.
    var uptime: Double { get }
    /// - Throws: `CancellationError`.
    func sleep(seconds: Double) async throws
}

/// Both readings of a clock at one moment.
package struct ClockReading: Sendable, Equatable {
    /// Seconds since 1970, of the clock that people set.
    package var time: Double
    /// Seconds of the clock that nobody sets.
    package var uptime: Double

    package init(time: Double, uptime: Double) {
        self.time = time
        self.uptime = uptime
    }
}

extension WallClock {
    package var reading: ClockReading { ClockReading(time: now, uptime: uptime) }
}

/// The system's time.
package struct SystemClock: WallClock {
    package init() {}

    private static let start = ContinuousClock.now

    package var now: Double { Date().timeIntervalSince1970 }
    package var uptime: Double { (ContinuousClock.now - Self.start) / .seconds(1) }

    package func sleep(seconds: Double) async throws {
        try await Task.sleep(for: .seconds(max(0, min(seconds, 86_400))))
    }
}
