import API
import ArgumentParser
import Client
import Terminal

/// Shows what the daemon has and does.
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show what is indexed, what is in progress, and what failed.",
        discussion: """
              saccade status
              saccade status --watch
              saccade status --wait && saccade search "a dog"
              saccade status --json | jq .failures
              saccade status --metrics | grep saccade_queue
            """
    )

    @Flag(help: "Print the response of GET /v1/status.")
    var json = false

    @Flag(help: "Print what is measured, in Prometheus' text format: the response of GET /metrics.")
    var metrics = false

    @Flag(help: "Follow the progress until you press Ctrl-C.")
    var watch = false

    @Flag(help: "Follow the progress until nothing is left to index; fails if the daemon goes away.")
    var wait = false

    @OptionGroup(title: "Places") var places: PlaceOptions

    func validate() throws {
        guard !(watch && wait) else { throw ValidationError("Give --watch or --wait, not both.") }
        guard !(metrics && (json || watch || wait)) else {
            throw ValidationError("Give --metrics alone, without --json, --watch and --wait.")
        }
    }

    func run() async throws {
        let client = try places.client()
        if metrics {
            Terminal.output.document(try await client.send(.get, "/metrics"))
            return
        }
        if watch || wait { try await follow(client) }
        if watch { return }
        let body = try await client.send(.get, "/v1/status")
        if json {
            Terminal.output.document(body)
            return
        }
        guard !wait else { return }
        StatusReport(try await current(client)).write(to: .output)
    }

    private func current(_ client: ServiceClient) async throws(ClientError) -> API.Status {
        try await client.request(.get, "/v1/status", as: API.Status.self)
    }

    private func follow(_ client: ServiceClient) async throws {
        var bar = ProgressBar("Indexing")
        defer { bar.finish() }
        var idleLooks = 0
        while true {
            let status = try await current(client)
            let report = StatusReport(status)
            bar.update(report.fraction, report.activity)
            idleLooks = report.isIdle ? idleLooks + 1 : 0
            if wait, idleLooks >= Self.idleLooksNeeded { break }
            try await Task.sleep(for: .milliseconds(250))
        }
        bar.finish()
        let status = try await current(client)
        Terminal.error.line("Indexed: \(StatusReport(status).summary)")
    }

    /// One second: between a file's arrival and its place in the queue there are moments when nothing seems to be left.
    private static let idleLooksNeeded = 4
}
