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
              saccade doctor --recall
            """
    )

    @Flag(help: "Print the findings as JSON.")
    var json = false

    @Flag(help: "Measure too how much of the best clips searches of this index find, and how long they take.")
    var recall = false

    @Option(help: ArgumentHelp("Queries that --recall asks, 1 to 1000.", valueName: "n"))
    var queries = 200

    @OptionGroup(title: "Places") var places: PlaceOptions

    func validate() throws {
        guard (1...1_000).contains(queries) else {
            throw ValidationError("invalid value “\(queries)” for --queries: expected a number from 1 to 1000")
        }
    }

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
            if recall {
                findings += await BlockingExecutor.shared.run { [queries] in
                    RecallChecks.all(configuration, queries: queries)
                }
            }
        } catch {
            findings.append(
                .wrong("configuration", error.description, do: "Correct it; docs/CONFIGURATION.md has every key."))
        }
        return findings
    }
}
