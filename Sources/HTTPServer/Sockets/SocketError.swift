package import Basics

/// A socket that can't be used, with what to do about it.
package struct SocketError: ExplainedError, Equatable {
    package enum Code: Sendable, Equatable {
        /// Another daemon answers on it.
        case inUse
        /// Something that is no socket is in the way.
        case notASocket
        case pathTooLong
        case system
        /// A descriptor that systemd passed isn't a listening Unix socket.
        case wrongDescriptor
    }

    package var code: Code
    package var message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var category: ErrorCategory { code == .inUse ? .inUse : .unavailable }
}
