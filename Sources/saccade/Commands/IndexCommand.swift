import Basics
import ArgumentParser
import Catalog
import Daemon
import DecodeWorkers
import FolderWatch
import Foundation
import Library
import Logging
import Models
import Search
import Settings
import SystemPackage
import Terminal
import Threads

/// Indexes files once.
struct IndexCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "index",
        abstract: "Index files, or the videos and pictures in folders, once and without a daemon.",
        discussion: """
            Files that are indexed already are not decoded again; an interrupted run resumes after the last committed clip. \
            While a daemon uses the same state, add the folder to it with `saccade watch add` instead. At the end stands what failed, and why.

              saccade index ~/Videos
              saccade index film.mp4 photo.jpg --state ./index
            """
    )

    @Argument(help: ArgumentHelp("A video, a picture, or a folder.", valueName: "file"), completion: .file())
    var files: [String]

    @OptionGroup(title: "Parts") var parts: PartOptions
    @OptionGroup(title: "Places") var places: PlaceOptions

    func run() async throws {
        let configuration = try places.load(parts.arguments)
        let paths = files.map { FilePath.absolute($0) }
        for path in paths where !FileManager.default.fileExists(atPath: path.string) {
            throw CommandFailure(.noInput, "There is no file \(path).")
        }
        let library = try await BlockingExecutor.shared.run { try Self.open(configuration) }
        let events = library.events()
        let progress = Task { await IndexProgress.show(events) }
        let outcomes: [FileOutcome]
        do {
            outcomes = try await library.index(paths)
        } catch {
            await BlockingExecutor.shared.run { library.close() }
            throw error
        }
        await BlockingExecutor.shared.run { library.close() }
        await progress.value
        try report(outcomes)
    }

    /// The state folder with this process as its writer.
    private static func open(_ configuration: Settings.Configuration) throws -> Library {
        let decoder = try DecodeWorkerPool.executable(configuration.decoder)
        Terminal.adviseOnBLAS()
        let model = try InstalledModel.loadLive(
            configuration, precision: FeaturePrecision(configuration.ingest.rerankFeatures))
        var settings = IngestSettings(
            framesPerSecond: configuration.ingest.framesPerSecond,
            folders: FolderSettings(ignored: IgnoreRules(configuration.ingest.ignore.joined(separator: "\n"))))
        settings.minFreeBytes = Int64(configuration.ingest.minFreeBytes)
        if let decoders = configuration.ingest.decoders { settings.decodeWorkers = decoders }
        settings.index = IndexStorage(configuration.index)
        let opener = FileOpener(followsLinks: configuration.ingest.followLinks)
        let pool = DecodeWorkerPool(
            configuration: .init(
                executable: decoder, workers: settings.decodeWorkers,
                deadline: .seconds(configuration.ingest.decodeTimeoutSeconds), opener: opener
            )
        )
        do {
            return try Library(
                state: configuration.state, model: IndexingModel(model), keepsNext: true, source: pool,
                settings: settings, surroundings: Library.Surroundings(opener: opener),
                logger: Logger(label: "saccade") { _ in SwiftLogNoOpLogHandler() }
            )
        } catch let error as CatalogError where error.code == .locked {
            throw CommandFailure(
                .inUse, "\(error.message) While a daemon runs, give it the folder: saccade watch add DIR.")
        }
    }

    private func report(_ outcomes: [FileOutcome]) throws {
        var failures = FailureSummary()
        var clips = 0
        for outcome in outcomes {
            let path = Terminal.printable(String(decoding: outcome.path.bytes, as: UTF8.self))
            switch outcome.result {
            case .indexed(let count):
                clips += count
                Terminal.output.line("\(path): \(Quantities.count(count, "clip"))")
            case .known(let count):
                clips += count
                Terminal.output.line("\(path): \(Quantities.count(count, "clip")), indexed before")
            case .failed(let problem):
                failures.add(outcome.path, problem.message)
            case .stopped:
                failures.add(outcome.path, "The run was stopped before its turn: run the command again.")
            }
        }
        guard !outcomes.isEmpty else {
            throw CommandFailure(.noInput, "No video or picture was found there.")
        }
        if failures.count > 0 {
            failures.lines.forEach(Terminal.error.line)
            let files = Quantities.count(failures.count, "file")
            throw CommandFailure(.partial, "\(files) of \(Quantities.count(outcomes.count)) could not be indexed.")
        }
        Terminal.error.line(
            "Indexed \(Quantities.count(outcomes.count, "file")), \(Quantities.count(clips, "clip")). "
                + "Next: saccade search \"…\"" + (places.state.map { " --state \($0)" } ?? "")
        )
    }
}
