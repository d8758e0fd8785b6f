package import Basics

/// A configuration that can't be used, with where it is wrong and what to write instead.
package struct ConfigurationError: ExplainedError, Equatable {
    package enum Code: Sendable, Equatable {
        case unreadableFile, invalidFile, unknownKey, invalidValue, missingValue
    }

    package var code: Code
    /// The file and line, the environment variable or the argument.
    package var origin: String
    package var message: String

    package init(_ code: Code, origin: String, message: String) {
        self.code = code
        self.origin = origin
        self.message = message
    }

    package var category: ErrorCategory { .configuration }

    package var description: String { "\(origin): \(message)" }
}
