import API
import ArgumentParser
import Catalog
import Client
import DecodeWorkers
import Library
import Models
import Settings
import SystemPackage
import Terminal
import Threads

/// Says whether the databases are what they should be.
struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check the databases whole, against each other, and against clips that are encoded again.",
        discussion: """
            Reads everything and changes nothing, also while the daemon runs. Exits with 1 if anything is wrong. What is damaged is \
            mended by the daemon, or by `saccade index`; `saccade restore` makes it what it was in a backup.

              saccade verify
              saccade verify --sample 100
            """
    )

    @Option(help: ArgumentHelp("Media of which a clip is decoded and encoded again; 0 for none.", valueName: "count"))
    var sample = 8

    @Flag(help: "Print the findings as JSON.")
    var json = false

    @OptionGroup(title: "Places") var places: PlaceOptions

    func validate() throws {
        guard (0...10_000).contains(sample) else { throw ValidationError("--sample must be from 0 to 10000.") }
    }

    func run() async throws {
        let configuration = try places.load()
        let catalog = try await BlockingExecutor.shared.run {
            try Catalog(state: configuration.state, access: .readOnly)
        }
        defer { catalog.close() }
        var findings = await BlockingExecutor.shared.run { Self.databases(catalog) }
        // What can't be read can't be compared.
        if !findings.contains(where: { $0.verdict == .wrong }) {
            findings.append(await memory(catalog, configuration))
            if sample > 0 { findings.append(await encoding(catalog, configuration)) }
        }
        try Finding.report(findings, asJSON: json)
    }

    private static let advice =
        "Start the daemon or run `saccade index`, which mends what SQLite finds damaged; or restore a backup."

    private static func databases(_ catalog: Catalog) -> [Finding] {
        let pages = finding("pages", good: "both databases are sound") { try catalog.quickCheck() }
        guard pages.verdict == .good else { return [pages] }
        return [pages, finding("rows", good: "both databases agree") { try catalog.crossCheck() }]
    }

    private static func finding(_ subject: String, good: String, _ look: () throws -> [String]) -> Finding {
        do {
            let problems = try look()
            guard !problems.isEmpty else { return .good(subject, good) }
            let shown = problems.prefix(5).joined(separator: "; ")
            let more = problems.count > 5 ? "; and \(problems.count - 5) more" : ""
            return .wrong(subject, shown + more, do: advice)
        } catch {
            return .wrong(subject, "\(error)", do: advice)
        }
    }

    /// Whether the daemon, where there is one, has in memory what the catalog has.
    private func memory(_ catalog: Catalog, _ configuration: Settings.Configuration) async -> Finding {
        let client = ServiceClient(socket: places.socketToAsk(configuration), timeout: 20)
        do {
            let before = try await client.request(.get, "/v1/status", as: API.Status.self)
            guard before.stateDirectory == configuration.state.string else {
                return .good("memory", "the daemon uses another state folder")
            }
            let clips = try await BlockingExecutor.shared.run { try catalog.statistics().clips }
            let after = try await client.request(.get, "/v1/status", as: API.Status.self)
            guard before.index.clips == after.index.clips else {
                return .good("memory", "the daemon is indexing: not compared")
            }
            guard after.index.clips == clips else {
                return .wrong(
                    "memory", "the daemon has \(after.index.clips) clips in memory, the catalog \(clips)",
                    do: "Restart the daemon, which loads the index anew.")
            }
            return .good("memory", "the daemon has the catalog's \(Quantities.count(clips, "clip"))")
        } catch let error as ClientError where error.code == .unavailable {
            return .good("memory", "no daemon runs")
        } catch {
            return .notice("memory", "not compared: \(error)", do: "See `saccade status`.")
        }
    }

    private func encoding(_ catalog: Catalog, _ configuration: Settings.Configuration) async -> Finding {
        do {
            let (model, live) = try await BlockingExecutor.shared.run {
                (try InstalledModel.loadLive(configuration), try catalog.liveIndex())
            }
            guard let live else { return .good("encoding", "there is no index yet") }
            guard model.hasDigest(live.digest) else {
                return .notice(
                    "encoding", "the index is of another model than \(model.name): not compared",
                    do: "Name its folder with `model` in the configuration.")
            }
            let pool = DecodeWorkerPool(
                configuration: .init(
                    executable: try DecodeWorkerPool.executable(configuration.decoder),
                    deadline: .seconds(configuration.ingest.decodeTimeoutSeconds)))
            let check = EncodingCheck(
                catalog: catalog, index: live, encoder: model.clips, source: pool,
                framesPerSecond: configuration.ingest.framesPerSecond)
            let (compared, agreeing) = try await check.run(media: sample)
            guard compared == agreeing else {
                return .wrong(
                    "encoding",
                    "\(compared - agreeing) of \(compared) clips that were encoded again have another vector",
                    do: "See whether `ingest.frames_per_second` has changed since; check the processor and the disk.")
            }
            return .good(
                "encoding",
                compared == 0
                    ? "no indexed file can be read now: nothing was compared"
                    : "\(Quantities.count(compared, "clip")) encoded again, with the same vectors")
        } catch {
            return .notice("encoding", "not compared: \(error)", do: "See `saccade doctor`.")
        }
    }
}
