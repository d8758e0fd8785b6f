import Settings
import API
import ArgumentParser
import Foundation
import SystemPackage
import Terminal
import Threads

/// Says what is wrong with this installation.
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Check this installation: kernels, limits, codecs, model, databases, permissions.",
        discussion: """
            Exits with 1 if anything is wrong.

              saccade doctor
              saccade doctor --json | jq '.[] | select(.verdict != "good")'
            """
    )

    @Flag(help: "Print the findings as JSON.")
    var json = false

    @OptionGroup(title: "Places") var places: PlaceOptions

    func run() async throws {
        let findings = await look()
        if json {
            let encoder = API.encoder()
            Terminal.output.document(Array(try encoder.encode(findings)))
        } else {
            show(findings)
        }
        if findings.contains(where: { $0.verdict == .wrong }) { throw ExitCode(CommandFailure.Status.partial.rawValue) }
    }

    private func look() async -> [Finding] {
        var findings = SystemChecks.all()
        do {
            let configuration = try places.load()
            let file = configuration.file.map(\.string) ?? "no file; the defaults apply"
            findings.append(.good("configuration", file))
            findings += await BlockingExecutor.shared.run { InstallationChecks.all(configuration) }
            findings += await PlaceChecks.all(configuration, socket: places.socketToAsk(configuration))
        } catch {
            findings.append(
                .wrong("configuration", error.description, do: "Correct it; docs/CONFIGURATION.md has every key."))
        }
        return findings
    }

    private func show(_ findings: [Finding]) {
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
