package import Basics

/// Why a model can't be used or given up; nothing has changed then.
package struct ModelUseError: ExplainedError {
    package enum Code: String, Sendable {
        /// The disk has no room for its index.
        case noSpace
        /// There is no such index.
        case notFound
        /// The model doesn't work, or isn't the one that was named.
        case unusable
        /// Another change goes on.
        case busy
    }

    package let code: Code
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var category: ErrorCategory {
        switch code {
        case .noSpace, .busy: .unavailable
        case .notFound: .notFound
        case .unusable: .invalidInput
        }
    }
}
