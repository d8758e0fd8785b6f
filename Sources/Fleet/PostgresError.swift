package import Basics

/// Why the shared database could not do what was asked.
package struct PostgresError: ExplainedError, Equatable {
    /// The five characters of the server's answer, or nil where no server answered.
    package let state: String?
    package let message: String

    package init(state: String? = nil, _ message: String) {
        self.state = state
        self.message = message
    }

    /// Whether the server can't be reached, is starting or ending, or has no connection to spare: the same may succeed later.
    ///
    /// The classes of PostgreSQL's manual, appendix A: 08 is the connection's, 57P the operator's, 53 a lack of resources.
    package var isAway: Bool {
        guard let state else { return true }
        return state.hasPrefix("08") || state.hasPrefix("57P") || state.hasPrefix("53")
    }

    /// Whether a statement took longer than it may, or was cancelled.
    var isTimeout: Bool { state == "57014" }

    /// Whether two transactions were in each other's way, so that the same succeeds at the next try: one has removed what the other refers to, or
    /// made the same.
    var isCollision: Bool { ["40001", "40P01", "23503", "23505"].contains(state) }

    /// Whether the server takes a row no more at the next try: class 22 is data that a type has no place for, 54 a limit of the program.
    var isRefusal: Bool { state.map { $0.hasPrefix("22") || $0.hasPrefix("54") } ?? false }

    package var category: ErrorCategory {
        guard let state else { return .unavailable }
        if isAway || isCollision || isTimeout { return .unavailable }
        return state.hasPrefix("28") || state == "42501" ? .notPermitted : .unexpected
    }
}
