import Settings
import ArgumentParser
import DecodeProtocol
import DecodeWorkers
import Foundation
import Models
import SystemPackage
import Terminal
import Threads

/// Writes what the model sees.
struct DescribeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "describe",
        abstract: "Write a caption for each clip of files.",
        discussion: """
            Shows what the model sees. Needs neither an index nor a daemon.

              saccade describe film.mp4
              saccade describe ~/Pictures/2025 photo.jpg
              saccade describe film.mp4 --json | jq -r .description

            A file that can't be decoded is said, and the others are described.
            """
    )

    @Argument(help: ArgumentHelp("Videos, pictures and folders of them.", valueName: "file"), completion: .file())
    var files: [String]

    @Option(help: "The beam width of the search for the likeliest caption.")
    var beams = 5

    @Flag(help: "Print one JSON object per line, one for each clip.")
    var json = false

    @OptionGroup(title: "Parts") var parts: PartOptions
    @OptionGroup(title: "Places") var places: PlaceOptions

    func validate() throws {
        guard (1...32).contains(beams) else { throw ValidationError("--beams must be 1 to 32.") }
    }

    private struct Line: Encodable {
        var path: String
        var start: Double
        var end: Double
        var description: String
        var score: Double
    }

    func run() async throws {
        let configuration = try places.load(parts.arguments)
        let paths = try MediaArguments.files(files)
        let decoder = try DecodeWorkerPool.executable(configuration.decoder)
        let model = try await BlockingExecutor.shared.run {
            Terminal.adviseOnBLAS()
            return try InstalledModel.load(configuration.model)
        }
        guard let captioner = model.captioner else {
            throw CommandFailure(
                .configuration, "The model \(model.name) has no captioner: name one that does with --model.")
        }
        let pool = DecodeWorkerPool(
            configuration: .init(
                executable: decoder, deadline: .seconds(configuration.ingest.decodeTimeoutSeconds)))
        let sampling = FrameSampling(
            framesPerSecond: configuration.ingest.framesPerSecond, geometry: model.clips.input.geometry)
        var failures = 0
        for path in paths {
            if paths.count > 1, !json {
                Terminal.output.line(
                    Terminal.output.styled(Terminal.printable(SearchReport.shortened(path.string)), .bold))
            }
            do {
                var assembler = ClipAssembler(policy: .init(framesPerClip: model.clips.framesPerClip))
                for try await event in pool.frames(of: path, sampling: sampling) {
                    for clip in assembler.consume(event) { try await show(clip, of: path, model.clips, captioner) }
                }
            } catch let error as DecodeError {
                guard paths.count > 1 else { throw CommandFailure(.noInput, "\(path): \(error)") }
                failures += 1
                Terminal.error.line("saccade: \(Terminal.printable(path.string)): \(Terminal.printable("\(error)"))")
            }
        }
        if failures > 0 {
            throw CommandFailure(
                .partial, "\(Quantities.count(failures, "file")) of \(paths.count) could not be described.")
        }
    }

    /// Describes a clip as it would be indexed: from its stored features.
    private func show(
        _ clip: AssembledClip, of path: FilePath, _ encoder: any ClipEncoder, _ captioner: any Captioner
    ) async throws {
        let beams = beams
        let found = try await BlockingExecutor.shared.run {
            let encoded = try encoder.encode(clips: [clip.frames.map(\.image)])
            guard let features = encoded.first?.rerankFeatures else {
                throw CommandFailure(
                    .configuration, "The model stores no rerank features, from which a caption could be written.")
            }
            return try captioner.caption(features, beams: beams)
        }
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            let line = Line(
                path: path.string, start: clip.start, end: clip.end, description: found.sentence, score: found.score)
            Terminal.output.line(String(decoding: try encoder.encode(line), as: UTF8.self))
        } else {
            Terminal.output.line(Quantities.span(clip.start, clip.end) + "  " + found.sentence)
        }
    }
}
