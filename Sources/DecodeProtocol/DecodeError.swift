package import Basics

/// Why a file gave no frames, or no more of them: what the worker says of the file, or what its owner says of the worker.
package struct DecodeError: ExplainedError, Equatable {
    /// The raw values stand on the wire and in catalogs: they stay as they are whatever the cases are called.
    package enum Code: String, Sendable, CaseIterable {
        // Of the file.

        /// No such file, or it vanished.
        case notFound = "not-found"
        /// No permission, or it isn't a regular file.
        case unreadable = "unreadable"
        /// The device or the network file system failed while reading.
        case readError = "read-error"
        /// It isn't media, or of a kind that is refused, such as a playlist.
        case notMedia = "not-media"
        /// Media without a picture, such as music.
        case noVideo = "no-video"
        /// This build of FFmpeg has no decoder for it.
        case unsupported = "unsupported"
        /// The file is damaged: not one frame could be decoded.
        case damaged = "damaged"
        /// The picture, or the file of subtitles, is larger than the limit.
        case tooLarge = "too-large"
        /// Memory ran out within the worker's address space limit.
        case outOfMemory = "out-of-memory"
        /// The request doesn't make sense to this worker.
        case badRequest = "bad-request"

        // Of the worker, and of what it delivered.

        /// The worker ended while it worked on this file.
        case workerCrashed = "worker-crashed"
        /// The worker used all of its CPU time without getting on.
        case outOfTime = "out-of-time"
        /// The worker said nothing for as long as the deadline, and was killed.
        case workerStuck = "worker-stuck"
        /// The worker said something that isn't the protocol, and was killed.
        case protocolBroken = "protocol-broken"
        /// The worker program could not be started.
        case workerUnavailable = "worker-unavailable"
        case cancelled = "cancelled"
        /// The media item has more clips than one may have.
        case tooLong = "too-long"

        /// Whether a worker may say it. A worker that says anything else breaks the protocol: one that was taken over
        /// by a file can't have its work taken for cancelled.
        package var isOfFile: Bool {
            switch self {
            case .notFound, .unreadable, .readError, .notMedia, .noVideo, .unsupported, .damaged, .tooLarge,
                .outOfMemory,
                .badRequest:
                true
            case .workerCrashed, .outOfTime, .workerStuck, .protocolBroken, .workerUnavailable, .cancelled, .tooLong:
                false
            }
        }

        /// Whether a worker was lost with it.
        package var costsWorker: Bool {
            switch self {
            case .workerCrashed, .outOfTime, .workerStuck, .protocolBroken: true
            default: false
            }
        }
    }

    package var code: Code
    /// Whether the same file may succeed later although it stays as it is.
    package var isRetryable: Bool
    /// What happened and what to do, for people.
    package var message: String

    package init(_ code: Code, isRetryable: Bool, message: String) {
        self.code = code
        self.isRetryable = isRetryable
        self.message = message
    }

    package var category: ErrorCategory { code == .workerUnavailable ? .unavailable : .notFound }
}
