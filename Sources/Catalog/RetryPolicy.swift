internal import Foundation

/// When something that failed is tried again: after a delay that grows with each attempt, and never for the last time, because no number of failures says that
/// the next one is certain.
package struct RetryPolicy: Sendable, Equatable {
    /// Before the second attempt, in seconds.
    package var firstDelay: Double
    package var longestDelay: Double

    /// - Parameters:
    ///   - firstDelay: in seconds.
    ///   - longestDelay: in seconds; thirty days by default.
    package init(firstDelay: Double = 30, longestDelay: Double = 30 * 86400) {
        self.firstDelay = firstDelay
        self.longestDelay = longestDelay
    }

    /// - Parameters:
    ///   - attempts: how often it was tried, at least 1.
    ///   - costsWorker: whether the last attempt cost a decode worker. Then the delay grows fourfold with each attempt, and else it doubles.
    /// - Returns: the time to try again.
    package func next(after attempts: Int, at now: Timestamp, costsWorker: Bool = false) -> Timestamp {
        let doublings = Double(max(0, attempts - 1) * (costsWorker ? 2 : 1))
        return now + min(longestDelay, firstDelay * exp2(doublings))
    }
}
