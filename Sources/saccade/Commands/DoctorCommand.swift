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
        try Finding.report(await look(), asJSON: json)
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
}
