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
        abstract: "Write the sentence that the model finds most likely for each clip of a file.",
        discussion: "Shows what the model sees; no index and no daemon is needed."
    )

    @Argument(help: ArgumentHelp("A video or a picture.", valueName: "file"), completion: .file())
    var file: String

    @Option(help: "Sentences that are followed at once.")
    var beams = 5

    @Flag(help: "Print one JSON object a clip and line.")
    var json = false

    @OptionGroup(title: "Parts") var parts: PartOptions
    @OptionGroup(title: "Places") var places: PlaceOptions

    func validate() throws {
        guard (1...32).contains(beams) else { throw ValidationError("--beams must be 1 to 32.") }
    }

    private struct Line: Encodable {
        var start: Double
        var end: Double
        var description: String
        var score: Double
    }

    func run() async throws {
        let configuration = try places.load(parts.arguments)
        let path = FilePath.absolute(file)
        guard FileManager.default.fileExists(atPath: path.string) else {
            throw CommandFailure(.noInput, "There is no file \(path).")
        }
        let decoder = try DecodeWorkerPool.executable(configuration.decoder)
        let model = try await BlockingExecutor.shared.run {
            try RetrievalModel(directory: configuration.model ?? ModelFolder.shipped())
        }
        guard let slow = model.slow, slow.model.configuration.objective == .captioning else {
            throw CommandFailure(
                .configuration, "The model \(model.name) writes no sentences: name one with a Slow part.")
        }
        let pool = DecodeWorkerPool(
            configuration: .init(
                executable: decoder, deadline: .seconds(configuration.ingest.decodeTimeoutSeconds)))
        var assembler = ClipAssembler(policy: .init(framesPerClip: model.framesPerClip))
        let sampling = FrameSampling(
            framesPerSecond: configuration.ingest.framesPerSecond, geometry: FrameGeometry(side: model.frameSize))
        do {
            for try await event in pool.frames(of: path, sampling: sampling) {
                for clip in assembler.consume(event) { try await show(clip, model, slow) }
            }
        } catch let error as DecodeError {
            throw CommandFailure(.noInput, "\(path): \(error)")
        }
    }

    private func show(_ clip: AssembledClip, _ model: RetrievalModel, _ slow: SlowCaptioner) async throws {
        let beams = beams
        let found = try await BlockingExecutor.shared.run {
            slow.describe(try model.memory(of: clip.frames.map(\.image)), beams: beams)
        }
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            let line = Line(start: clip.start, end: clip.end, description: found.sentence, score: found.score)
            Terminal.output.line(String(decoding: try encoder.encode(line), as: UTF8.self))
        } else {
            Terminal.output.line(Quantities.span(clip.start, clip.end) + "  " + found.sentence)
        }
    }
}
