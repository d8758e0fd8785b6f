package import Basics

/// A model that can't be read or can't be used on what it was given; the message says what to do.
package struct ModelError: ExplainedError, Equatable {
    /// What kind of mistake it is, for programs.
    package enum Code: String, Sendable {
        /// A file of the model's folder is missing or can't be read.
        case unreadable
        /// A file was read and isn't what its name says.
        case malformed
        /// A tensor is missing, unknown, of another shape, or has values that aren't finite.
        case tensor
        /// The input doesn't fit the model.
        case input
    }

    package var code: Code
    package var message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var category: ErrorCategory { code == .unreadable ? .notFound : .invalidInput }
}
