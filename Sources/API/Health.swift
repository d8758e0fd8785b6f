extension API {
    /// The answer to `GET /v1/health/live` and `GET /v1/health/ready`.
    package struct Health: Codable, Sendable, Equatable {
        package enum State: String, Codable, Sendable {
            case ok, failing
        }

        package var status: State
        /// What is wrong, in words.
        package var problems: [String]

        package init(problems: [String] = []) {
            status = problems.isEmpty ? .ok : .failing
            self.problems = problems
        }
    }
}
