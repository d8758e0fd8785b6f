package import Catalog
internal import Foundation

/// The time, and waiting for it; a fake in tests stands still until it is moved.
package protocol IngestClock: Sendable {
    var now: Timestamp { get }
    /// - Throws: `CancellationError`.
    func sleep(seconds: Double) async throws
}

/// The system's time.
package struct SystemClock: IngestClock {
    package init() {}

    package var now: Timestamp { Date().timeIntervalSince1970 }

    package func sleep(seconds: Double) async throws {
        try await Task.sleep(for: .seconds(max(0, min(seconds, 86_400))))
    }
}
