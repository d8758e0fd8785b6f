internal import Foundation

/// The time of day, and waiting for it; a fake in tests stands still until it is moved.
package protocol WallClock: Sendable {
    /// Seconds since 1970.
    var now: Double { get }
    /// - Throws: `CancellationError`.
    func sleep(seconds: Double) async throws
}

/// The system's time.
package struct SystemClock: WallClock {
    package init() {}

    package var now: Double { Date().timeIntervalSince1970 }

    package func sleep(seconds: Double) async throws {
        try await Task.sleep(for: .seconds(max(0, min(seconds, 86_400))))
    }
}
