import API
import ArgumentParser
import Client
import Terminal

/// Has the daemon index nothing for a while.
struct PauseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause",
        abstract: "Have the daemon index nothing until `saccade resume`, or for some time.",
        discussion: """
            Folders are watched meanwhile and searches answered. What is being indexed is given back, and resumes after its last \
            committed clip. A pause outlives a restart of the daemon.

              saccade pause
              saccade pause --for 2h
            """
    )

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp("Go on by itself after this time, such as 30m, 2h or 1d.", valueName: "time"))
    var time: String?

    @OptionGroup(title: "Places") var places: PlaceOptions

    func validate() throws {
        guard let time else { return }
        guard let seconds = DurationArgument.seconds(time), seconds <= API.PauseRequest.maximumSeconds else {
            throw ValidationError(
                "Invalid time “\(time)” for --for: expected a number and a unit, such as 30m, 2h or 1d; a year at most."
            )
        }
    }

    func run() async throws {
        let seconds = time.flatMap { DurationArgument.seconds($0) }
        let state = try await places.client().request(
            .post, "/v1/pause", body: API.PauseRequest(seconds: seconds), as: API.IngestState.self)
        let end = state.rest?.until.map { "until \(RFC3339.format($0))" } ?? "until `saccade resume`"
        Terminal.output.line("Nothing is indexed \(end).")
    }
}

/// Ends a pause.
struct ResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "End the pause of `saccade pause`.",
        discussion: """
              saccade resume
            """
    )

    @OptionGroup(title: "Places") var places: PlaceOptions

    func run() async throws {
        let state = try await places.client().request(.post, "/v1/resume", as: API.IngestState.self)
        guard let rest = state.rest else {
            Terminal.output.line("Indexing goes on.")
            return
        }
        let end = rest.until.map { ", until \(RFC3339.format($0))" } ?? ""
        Terminal.output.line("The pause is over, but nothing is indexed yet: \(Terminal.printable(rest.reason))\(end).")
    }
}
