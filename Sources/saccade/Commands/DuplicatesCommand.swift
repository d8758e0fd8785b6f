import API
import ArgumentParser
import Catalog
import Client
import Foundation
import Search
import Settings
import SystemPackage
import Terminal
import Threads

/// Lists what is in the library more than once.
struct DuplicatesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "duplicates",
        abstract: "List copies, re-encodings, crops and parts of the same footage. Deletes nothing.",
        discussion: """
            Compares the clips in the index, so that media may be offline. Two media items are a pair when most of the shorter one looks like the \
            longer one, shot by shot, in the same order and at the same distances. Reads the databases itself, also beside a daemon.

              saccade duplicates
              saccade duplicates --min-similarity 0.95
              saccade duplicates --json | jq -r '.pairs[] | select(.kind == "same_content") | .second.path'

            A table is only a list of candidates: look at both before you delete one. docs/DUPLICATES.md says what is found and what isn't.
            """
    )

    @Option(
        help: ArgumentHelp(
            "Only pairs that are at least so much alike, 0.5 to 1. (default: 0.8 to 0.95, the less the more shots agree)",
            valueName: "cosine"))
    var minSimilarity: Double?

    @Flag(help: "Print one JSON object.")
    var json = false

    @OptionGroup(title: "Places") var places: PlaceOptions

    func validate() throws {
        guard (0.5...1).contains(minSimilarity ?? 1) else {
            throw ValidationError("--min-similarity must be 0.5 to 1.")
        }
    }

    func run() async throws {
        let configuration = try places.load()
        let state = await stateFolder(configuration)
        let report = try await BlockingExecutor.shared.run { [minSimilarity] in
            let catalog = try Catalog(state: state, access: .readOnly)
            defer { catalog.close() }
            return try DuplicatesReport(of: catalog, leastSimilarity: minSimilarity)
        }
        if json {
            Terminal.output.document(Array(try API.encoder().encode(report)))
            return
        }
        guard let lines = report.table?.lines() else {
            Terminal.error.line("Nothing is there twice, as far as \(report.summary) show.")
            return
        }
        Terminal.output.line(Terminal.output.styled(lines[0], .dim))
        for line in lines.dropFirst() { Terminal.output.line(line) }
        Terminal.error.line(
            Terminal.error.styled("\(Quantities.count(report.pairs.count, "pair")) among \(report.summary)", .dim))
    }

    /// The daemon's, where this user has none and named none.
    private func stateFolder(_ configuration: Settings.Configuration) async -> FilePath {
        let isThere = FileManager.default.fileExists(atPath: Catalog.catalogFile(in: configuration.state).string)
        guard !isThere, configuration.leavesPlaceOpen else { return configuration.state }
        let client = ServiceClient(socket: places.socketToAsk(configuration), timeout: 10)
        let status = try? await client.request(.get, "/v1/status", as: API.Status.self)
        return status.map { FilePath($0.stateDirectory) } ?? configuration.state
    }
}
