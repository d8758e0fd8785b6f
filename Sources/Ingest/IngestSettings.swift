package import Catalog
internal import Foundation

/// How the library is fed; the defaults are for a person's video folders.
package struct IngestSettings: Sendable, Equatable {
    /// Processes that decode at the same time.
    package var decodeWorkers: Int
    /// Frames of a second of video that are decoded.
    package var framesPerSecond: Double
    /// Frames that a batch for the encoder should have; it may have up to one clip more.
    package var batchFrames: Int
    /// How long the encoder waits for a batch to fill, in seconds.
    package var batchWait: Double
    /// Frames that may wait between decoding and encoding.
    package var queuedFrames: Int
    /// A file is taken when it has not changed for so long, in seconds, and nobody has it open to write.
    package var settleTime: Double
    /// A file that stays open to write is taken when it has not changed for so long, in seconds.
    package var openFileSettleTime: Double
    /// Time between full scans, in seconds.
    package var rescanInterval: Double
    /// Time after which a tombstone's clips are deleted, in seconds; a file that comes back earlier isn't decoded again.
    package var tombstoneLifetime: Double
    package var candidates: CandidateFiles
    package var retry: RetryPolicy

    package init(
        decodeWorkers: Int = max(1, min(4, ProcessInfo.processInfo.activeProcessorCount / 2)),
        framesPerSecond: Double = 2, batchFrames: Int = 32, batchWait: Double = 0.2, queuedFrames: Int = 64,
        settleTime: Double = 2, openFileSettleTime: Double = 60, rescanInterval: Double = 900,
        tombstoneLifetime: Double = 7 * 86_400, candidates: CandidateFiles = CandidateFiles(),
        retry: RetryPolicy = RetryPolicy()
    ) {
        self.decodeWorkers = max(1, decodeWorkers)
        self.framesPerSecond = framesPerSecond
        self.batchFrames = batchFrames
        self.batchWait = batchWait
        self.queuedFrames = queuedFrames
        self.settleTime = settleTime
        self.openFileSettleTime = openFileSettleTime
        self.rescanInterval = rescanInterval
        self.tombstoneLifetime = tombstoneLifetime
        self.candidates = candidates
        self.retry = retry
    }
}

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
