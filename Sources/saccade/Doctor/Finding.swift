import API
import ArgumentParser
import Foundation
import Terminal

/// One thing that `saccade doctor` or `saccade verify` looked at.
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

    /// Prints what was found.
    ///
    /// - Throws: `ExitCode` when anything is wrong.
    static func report(_ findings: [Finding], asJSON: Bool) throws {
        if asJSON {
            Terminal.output.document(Array(try API.encoder().encode(findings)))
        } else {
            show(findings)
        }
        if findings.contains(where: { $0.verdict == .wrong }) { throw ExitCode(CommandFailure.Status.partial.rawValue) }
    }

    private static func show(_ findings: [Finding]) {
        let output = Terminal.output
        let width = findings.map(\.subject.count).max() ?? 0
        for finding in findings {
            let mark =
                switch finding.verdict {
                case .good: output.styled("ok    ", .green)
                case .notice: output.styled("notice", .yellow)
                case .wrong: output.styled("WRONG ", .red)
                }
            let subject = finding.subject.padding(toLength: width + 2, withPad: " ", startingAt: 0)
            output.line("\(mark)  \(subject)\(Terminal.printable(finding.detail))")
            if let advice = finding.advice {
                output.line(String(repeating: " ", count: width + 10) + Terminal.printable(advice))
            }
        }
    }
}
