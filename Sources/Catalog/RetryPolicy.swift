internal import Foundation

/// When something that failed is tried again.
package struct RetryPolicy: Sendable, Equatable {
    /// Before the second attempt, in seconds; it doubles with each attempt.
    package var firstDelay: Double
    package var longestDelay: Double
    /// After so many attempts only a change of the file helps.
    package var attempts: Int
    /// The same for an attempt that cost a decode worker.
    package var workerAttempts: Int

    package init(
        firstDelay: Double = 30, longestDelay: Double = 6 * 3600, attempts: Int = 12, workerAttempts: Int = 3
    ) {
        self.firstDelay = firstDelay
        self.longestDelay = longestDelay
        self.attempts = attempts
        self.workerAttempts = workerAttempts
    }

    /// - Parameters:
    ///   - attempts: how often it was tried, at least 1.
    ///   - costsWorker: whether the last attempt cost a decode worker.
    /// - Returns: the time to try again; nil for never.
    package func next(after attempts: Int, at now: Timestamp, costsWorker: Bool = false) -> Timestamp? {
        guard attempts < (costsWorker ? min(workerAttempts, self.attempts) : self.attempts) else { return nil }
        return now + min(longestDelay, firstDelay * exp2(Double(max(0, attempts - 1))))
    }
}
