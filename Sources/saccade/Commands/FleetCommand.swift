import API
import ArgumentParser
import Catalog
import Client
import Daemon
import Fleet
import Foundation
import Settings
import SystemPackage
import Terminal
import Threads

/// The machines that share a database with this one.
struct FleetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fleet",
        abstract: "Show, leave and check the machines that share a PostgreSQL database.",
        discussion: """
            A machine joins by the key `fleet.url`; docs/FLEET.md has the steps.

              saccade fleet status
              saccade search "a dog" --scope fleet
            """,
        subcommands: [FleetStatusCommand.self, FleetVerifyCommand.self, FleetLeaveCommand.self]
    )

    /// This machine's part in the fleet, by the configuration.
    ///
    /// - Throws: `CommandFailure` for a machine by itself.
    static func membership(_ configuration: Settings.Configuration) throws -> FleetMembership {
        guard let settings = FleetSettings(configuration.fleet) else {
            throw CommandFailure(
                .configuration, "This machine shares no database with others: set the key fleet.url, see docs/FLEET.md."
            )
        }
        return try FleetMembership(settings, state: configuration.state)
    }
}

/// Shows the machines.
struct FleetStatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show the machines, and how far behind the shared database is.",
        discussion: """
              saccade fleet status
              saccade fleet status --json | jq .nodes
            """
    )

    @Flag(help: "Print the object `fleet` of GET /v1/status.")
    var json = false

    @OptionGroup(title: "Places") var places: PlaceOptions

    func run() async throws {
        let status = try await places.client().request(.get, "/v1/status", as: API.Status.self)
        guard let fleet = status.fleet else {
            throw CommandFailure(
                .configuration,
                "The daemon shares no database with others: set the key fleet.url and restart it, see docs/FLEET.md.")
        }
        if json {
            Terminal.output.document(Array(try API.encoder().encode(fleet)))
            return
        }
        let terminal = Terminal.output
        terminal.line("\(Terminal.printable(fleet.database)): \(StatusReport.line(fleet))")
        guard !fleet.nodes.isEmpty else { return }
        var table = Table([
            ("machine", .left), ("state", .left), ("files", .right), ("to tell", .right), ("address", .left),
        ])
        for node in fleet.nodes {
            let state = node.online ? "there" : "silent for \(Quantities.time(node.silence))"
            table.add([
                Terminal.printable(node.name) + (node.here ? " (this one)" : ""), state, Quantities.count(node.media),
                Quantities.count(node.here ? fleet.behind : node.behind), Terminal.printable(node.address ?? "none"),
            ])
        }
        for line in table.lines() { terminal.line(line) }
    }
}

/// Compares the catalog with the shared database.
struct FleetVerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Compare what this machine has with what the shared database was told, and say what differs.",
        discussion: """
            Reads everything and changes nothing, also while the daemon runs; what differs then is told within seconds. Exits with 1 where             something differs.

              saccade fleet verify
            """
    )

    @OptionGroup(title: "Places") var places: PlaceOptions

    func run() async throws {
        let configuration = try places.load()
        let comparison = try await BlockingExecutor.shared.run {
            let membership = try FleetCommand.membership(configuration)
            let catalog = try Catalog(state: configuration.state, access: .readOnly)
            defer { catalog.close() }
            return try membership.compare(catalog)
        }
        let output = Terminal.output
        output.line(
            "\(Quantities.count(comparison.media, "file")) with \(Quantities.count(comparison.clips, "clip")) here; the shared database "
                + "was told of \(Quantities.count(comparison.told, "file")) with \(Quantities.count(comparison.toldClips, "clip"))"
        )
        for (count, what) in [
            (comparison.missing, "not told of"), (comparison.outdated, "told of as they were before"),
            (comparison.surplus, "told of that are gone here"),
            (comparison.broken, "of which clips or vectors are missing there"),
        ] where count > 0 {
            output.line("\(Quantities.count(count, "file")) \(what)")
        }
        guard comparison.isSame else {
            throw CommandFailure(
                .partial,
                "The shared database differs: start the daemon, which tells it of what is new, and compare again.")
        }
        output.line("nothing differs")
    }
}

/// Takes this machine out of the fleet.
struct FleetLeaveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "leave",
        abstract: "Remove this machine from the shared database, with what no other machine has.",
        discussion: """
            The daemon must not run. Its own index stays as it is. Remove the key `fleet.url` afterwards, or the machine joins again.

              saccade fleet leave
            """
    )

    @OptionGroup(title: "Places") var places: PlaceOptions

    func run() async throws {
        let configuration = try places.load()
        let left = try await BlockingExecutor.shared.run {
            let membership = try FleetCommand.membership(configuration)
            // A daemon that runs would tell of everything again.
            let catalog = try Catalog(state: configuration.state, access: .readWrite)
            defer { catalog.close() }
            return try membership.leave()
        }
        Terminal.output.line(
            "Left: \(Quantities.count(left.removed, "file")) removed from the shared database, \(Quantities.count(left.kept)) kept, "
                + "which other machines have.")
        if configuration.fleet.url != nil {
            Terminal.error.line("Remove the key fleet.url, or this machine joins again when the daemon starts.")
        }
    }
}
