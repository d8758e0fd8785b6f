/// One thing that `saccade doctor` looked at.
struct Finding: Codable, Sendable, Equatable {
    enum Verdict: String, Codable, Sendable {
        case good
        /// Works, with a limit that a person may want to know.
        case notice
        /// Something that Saccade promises doesn't work.
        case wrong
    }

    var subject: String
    var verdict: Verdict
    var detail: String
    /// What to do about it.
    var advice: String?

    static func good(_ subject: String, _ detail: String) -> Finding {
        Finding(subject: subject, verdict: .good, detail: detail)
    }

    static func notice(_ subject: String, _ detail: String, do advice: String) -> Finding {
        Finding(subject: subject, verdict: .notice, detail: detail, advice: advice)
    }

    static func wrong(_ subject: String, _ detail: String, do advice: String) -> Finding {
        Finding(subject: subject, verdict: .wrong, detail: detail, advice: advice)
    }
}
