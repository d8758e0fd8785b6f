/// An error that says what happened and what to do about it, and what sort of trouble it is.
///
/// The sort decides a program's exit status and an answer's HTTP status; codes of its own tell a type's callers more.
package protocol ExplainedError: Error, Sendable, CustomStringConvertible {
    /// What happened and what to do, for people.
    var message: String { get }
    var category: ErrorCategory { get }
}

extension ExplainedError {
    package var description: String { message }
}

package enum ErrorCategory: Sendable {
    /// What was asked, or the data that was given, is wrong: another try with the same can't succeed.
    case invalidInput
    /// What was named doesn't exist or can't be read.
    case notFound
    case notPermitted
    /// Somebody else uses it now.
    case inUse
    /// It can't be done now, and may be later: nobody listens, the disk is full, there are too many requests.
    case unavailable
    /// The program is set up wrongly.
    case configuration
    /// The answer can't be written.
    case output
    /// An error of the program's own.
    case unexpected
}
