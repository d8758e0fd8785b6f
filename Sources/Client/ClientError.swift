package import API
package import Basics

/// A request to the daemon that got no good answer; the message says what to do.
package struct ClientError: ExplainedError, Equatable {
    package enum Code: Sendable, Equatable {
        /// Nobody listens at the socket.
        case unavailable
        /// The socket is there, but this user may not open it.
        case notPermitted
        /// The daemon answered with an error of its own.
        case refused(APIError.Code)
        /// The connection broke, or took too long.
        case interrupted
        /// What came back is not what the daemon's API says.
        case malformed
    }

    package var code: Code
    package var message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var category: ErrorCategory {
        switch code {
        case .unavailable, .interrupted: .unavailable
        case .notPermitted: .notPermitted
        case .refused(let code): code.category
        case .malformed: .unexpected
        }
    }
}
