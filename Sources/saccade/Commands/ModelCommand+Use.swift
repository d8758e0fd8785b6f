import API
import ArgumentParser
import Catalog
import Client
import Foundation
import SystemPackage
import Terminal

extension ModelCommand {
    /// Which models the daemon has an index of.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show the model in use, and those whose indexes are built or kept beside it.")

        @Flag(help: "Print the response of GET /v1/models.")
        var json = false

        @OptionGroup(title: "Places") var places: PlaceOptions

        func run() async throws {
            let client = try places.client()
            if json {
                Terminal.output.document(try await client.send(.get, "/v1/models"))
                return
            }
            let models = try await client.request(.get, "/v1/models", as: API.Models.self)
            var table = Table(
                ("role", .left), ("model", .left), ("digest", .left), ("clips", .right), ("size", .right),
                ("folder", .left))
            for model in models.models {
                table.add(
                    model.role.rawValue, Self.name(model.name), String(model.modelDigest.prefix(12)),
                    Quantities.count(model.clips), Quantities.bytes(model.diskBytes),
                    model.folder.map { Terminal.printable($0.text) } ?? "")
            }
            for (role, folder) in [("default", models.configured), ("chosen", models.chosen)] {
                guard let folder else { continue }
                table.add(role, Self.name(folder.name), "", "", "", Terminal.printable(folder.folder.text))
            }
            for line in table.lines() { Terminal.output.line(line) }
            for build in models.models.compactMap(\.build) { Terminal.output.line("next: " + StatusReport.line(build)) }
        }

        private static func name(_ name: String?) -> String { name.map { Terminal.printable($0) } ?? "(gone)" }
    }

    /// Changes the model in use.
    struct Use: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Change the model that the daemon indexes and searches with.",
            discussion: """
                Searches are answered as before until the new model's index is complete and has been checked: `saccade status` \
                shows how far it is. The index that answered before is kept; `saccade model use previous` goes back to it at \
                once. The choice outlives restarts; `saccade model use default` goes back to the configuration's model.
                """)

        @Argument(
            help: ArgumentHelp(
                "A model's folder, `previous`, or `default`. Write ./previous for a folder of that name.",
                valueName: "model"),
            completion: .directory)
        var model: String

        @Flag(help: "Only check the model, and say what its index would need.")
        var dryRun = false

        @Flag(help: "Print the response of POST /v1/models/use.")
        var json = false

        @OptionGroup(title: "Places") var places: PlaceOptions

        /// Seconds to wait for the answer: all weights are read before it.
        private static let patience = 900.0

        func run() async throws {
            var client = try places.client()
            client.timeout = Self.patience
            let named = ["previous", "default"].contains(model) ? model : FilePath.absolute(model).string
            let body = API.UseModel(model: named, dryRun: dryRun)
            if json {
                Terminal.output.document(try await client.send(.post, "/v1/models/use", body: body))
                return
            }
            let change = try await client.request(.post, "/v1/models/use", body: body, as: API.ModelChange.self)
            let name = "\(Terminal.printable(change.name)) (\(change.modelDigest.prefix(12)))"
            switch change.outcome {
            case .live: Terminal.output.line("\(name) answers already.")
            case .switched:
                Terminal.output.line(dryRun ? "\(name) would answer at once." : "\(name) answers now.")
            case .building:
                Terminal.output.line(
                    "\(dryRun ? "The index of \(name) would be built" : "Building the index of \(name)") beside the live one."
                )
            }
            if change.clips > 0 {
                let free = change.freeBytes.map { ", \(Quantities.bytes($0)) are free" } ?? ""
                Terminal.output.line(
                    "About \(Quantities.count(change.clips, "clip")) to index, \(Quantities.bytes(change.neededBytes))\(free)."
                )
            }
            if !change.fits { Terminal.output.line("There is no room for it: nothing would be changed.") }
            if change.outcome == .building, !dryRun { Terminal.output.line("See `saccade status` for how far it is.") }
        }
    }

    /// Gives up the index of another model.
    struct Forget: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give up the index of the previous model, or stop building the next one's, and free its space.",
            discussion: """
                The space is used again by what is indexed next; the databases themselves don't shrink.
                """)

        enum Role: String, ExpressibleByArgument, CaseIterable {
            case previous, next
        }

        @Argument(help: "Which one: previous or next.")
        var role: Role

        @OptionGroup(title: "Places") var places: PlaceOptions

        func run() async throws {
            _ = try await places.client().send(.delete, "/v1/models/\(role.rawValue)")
            Terminal.output.line(
                role == .next
                    ? "The next index is given up; the live one's model stays in use."
                    : "The previous index is given up.")
        }
    }
}
