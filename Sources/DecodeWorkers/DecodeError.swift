package import Basics

package import DecodeProtocol

/// Why a file gave no frames, or no more of them.
package struct DecodeError: ExplainedError, Equatable {
    package enum Code: Sendable, Equatable {
        /// The worker looked at the file and says why it can't be decoded.
        case failed(DecodeFailure.Code)
        /// The worker ended while it worked on this file.
        case workerCrashed
        /// The worker used all of its CPU time without getting on.
        case outOfTime
        /// The worker said nothing for as long as the deadline, and was killed.
        case workerStuck
        /// The worker said something that isn't the protocol, and was killed.
        case protocolBroken
        /// Workers died on this content before; it isn't tried again until the file changes.
        case poisoned
        /// The worker program could not be started.
        case workerUnavailable
        case cancelled
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

    package init(_ failure: DecodeFailure) {
        self.init(.failed(failure.code), isRetryable: failure.isRetryable, message: failure.message)
    }

    package var category: ErrorCategory {
        switch code {
        case .failed, .poisoned: .notFound
        case .workerUnavailable: .configuration
        case .workerCrashed, .outOfTime, .workerStuck, .protocolBroken, .cancelled: .unexpected
        }
    }
}
