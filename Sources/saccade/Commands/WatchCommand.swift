import Client
import API
import ArgumentParser
import Catalog
import Foundation
import SystemPackage
import Terminal

/// Which folders the daemon watches.
struct WatchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Add, list and remove the folders that the daemon watches, and confirm what is missing from them.",
        discussion: """
              saccade watch add ~/Videos ~/Pictures
              saccade watch
              saccade watch remove ~/Pictures
              saccade watch confirm ~/Videos
            """,
        subcommands: [Add.self, List.self, Remove.self, Confirm.self],
        defaultSubcommand: List.self
    )

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Watch a folder and everything below it.",
            discussion: """
                  saccade watch add ~/Videos /media/disk/Footage
                """)

        @Argument(help: ArgumentHelp("The folder.", valueName: "dir"), completion: .directory)
        var folders: [String]

        @OptionGroup(title: "Places") var places: PlaceOptions

        func run() async throws {
            let client = try places.client()
            for folder in folders {
                let path = FilePath.absolute(folder).string
                let root = try await client.request(
                    .post, "/v1/roots", body: API.AddRoot(path: path), as: API.Root.self)
                Terminal.output.line("Watching \(Terminal.printable(root.path.text)) as folder \(root.id).")
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show the watched folders.",
            discussion: """
                  saccade watch list
                  saccade watch list --json | jq '.[].path'
                """)

        @Flag(help: "Print them as JSON, as in GET /v1/status.")
        var json = false

        @OptionGroup(title: "Places") var places: PlaceOptions

        func run() async throws {
            let roots = try await places.client().request(.get, "/v1/status", as: API.Status.self).roots
            if json {
                Terminal.output.document(Array(try API.encoder().encode(roots)))
                return
            }
            guard !roots.isEmpty else {
                Terminal.error.line("No folder is watched: add one with `saccade watch add DIR`.")
                return
            }
            var table = Table(("id", .right), ("state", .left), ("files", .right), ("path", .left))
            for root in roots {
                let path = Terminal.printable(root.path.text)
                let notes = [root.reason, StatusReport.missing(root), StatusReport.polling(root)].compactMap { $0 }
                table.add(
                    "\(root.id)", root.state.rawValue, Quantities.count(root.files),
                    notes.isEmpty ? path : "\(path) (\(Terminal.printable(notes.joined(separator: "; "))))"
                )
            }
            for line in table.lines() { Terminal.output.line(line) }
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "Stop watching a folder and remove its files from the index. The files themselves are not touched.",
            discussion: """
                  saccade watch remove ~/Pictures
                  saccade watch remove 2
                """
        )

        @OptionGroup var folders: WatchedFolders

        @OptionGroup(title: "Places") var places: PlaceOptions

        func run() async throws {
            let client = try places.client()
            for root in try await folders.roots(client) {
                _ = try await client.send(.delete, "/v1/roots/\(root.id)")
                Terminal.output.line("No longer watching \(Terminal.printable(root.path.text)).")
            }
        }
    }

    struct Confirm: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Confirm that the missing files of a folder are gone, and remove them from the index.",
            discussion: """
                Where most of a folder is missing at once, its files stay in the index until they are back or this confirms that they \
                are gone: see ingest.removal_share. Those that are back by now stay.

                  saccade watch confirm ~/Videos
                  saccade watch confirm 2
                """
        )

        @OptionGroup var folders: WatchedFolders

        @OptionGroup(title: "Places") var places: PlaceOptions

        func run() async throws {
            let client = try places.client()
            for root in try await folders.roots(client) {
                let answer = try await client.request(
                    .post, "/v1/roots/\(root.id)/confirm", as: API.ConfirmedRemoval.self)
                let path = Terminal.printable(root.path.text)
                Terminal.output.line(
                    answer.removed == 0 && root.missing == nil
                        ? "No file of \(path) is missing."
                        : "Removed \(Quantities.count(answer.removed, "file")) of \(path) from the index.")
            }
        }
    }
}

/// Watched folders that are named by their paths or ids.
struct WatchedFolders: ParsableArguments {
    @Argument(
        help: ArgumentHelp("The folder, or its id from `saccade watch list`.", valueName: "dir"),
        completion: Completions.rootPaths)
    var folders: [String]

    /// - Throws: `CommandFailure` for a folder that is not watched.
    func roots(_ client: ServiceClient) async throws -> [API.Root] {
        let roots = try await client.request(.get, "/v1/status", as: API.Status.self).roots
        return try folders.map { folder in
            let path = FilePath.resolved(folder).string
            guard let root = roots.first(where: { "\($0.id)" == folder || $0.path.text == path }) else {
                throw CommandFailure(.noInput, "\(folder) is not watched; `saccade watch list` shows what is.")
            }
            return root
        }
    }
}
