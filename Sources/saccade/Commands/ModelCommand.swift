import ArgumentParser
import Catalog
import Foundation
import Models
import SystemPackage
import Tensors

/// Looks at models, makes them from pre-trained parts and packs them.
struct ModelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "model", abstract: "Look at a model, make one from pre-trained parts, or pack one for use.",
        subcommands: [Info.self, Import.self, Export.self])
}

extension ModelCommand {
    struct Info: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "info", abstract: "Say what a model is, and check that all of it can be read.")

        @Flag(help: "Print one JSON object.")
        var json = false

        @OptionGroup var modelOptions: ModelOptions
        @OptionGroup(title: "Places") var places: PlaceOptions

        private struct Report: Encodable {
            var name: String
            var folder: String
            var generation: String
            var backbone: String
            var frame_size: Int
            var frames_per_clip: Int
            var dimensions: Int
            var parameters: Int
            var slow_parameters: Int?
            var rerank_depth: Int?
            var rerank_beta: Double?
            var calibrated: Bool
            var bytes: Int
        }

        func run() async throws {
            let folder = try modelOptions.folder()
            let model = try await BlockingExecutor.shared.run { try RetrievalModel(directory: folder) }
            let files = try FileManager.default.contentsOfDirectory(atPath: folder.string)
            let bytes = files.reduce(0) { total, file in
                let attributes = try? FileManager.default.attributesOfItem(atPath: folder.appending(file).string)
                return total + ((attributes?[.size] as? Int) ?? 0)
            }
            let report = Report(
                name: model.name, folder: folder.string, generation: model.generation,
                backbone: model.configuration.backbone.architecture.rawValue, frame_size: model.frameSize,
                frames_per_clip: model.framesPerClip, dimensions: model.dimensions,
                parameters: model.fastParameters.reduce(0) { $0 + $1.tensor.count },
                slow_parameters: model.slow.map { $0.namedTensors.reduce(0) { $0 + $1.tensor.count } },
                rerank_depth: model.reranking?.depth, rerank_beta: model.reranking?.beta,
                calibrated: model.reranking?.calibration != nil, bytes: bytes)
            if json {
                let encoder = JSONEncoder()
                encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
                print(String(decoding: try encoder.encode(report), as: UTF8.self))
            } else {
                print(
                    """
                    \(report.name) in \(report.folder)
                    generation   \(report.generation)
                    backbone     \(report.backbone), frames of \(report.frame_size)×\(report.frame_size) px, \
                    at most \(report.frames_per_clip) a clip
                    embedding    \(report.dimensions) numbers
                    Fast         \(report.parameters) parameters beside the backbone
                    Slow         \(Self.slow(report, model))
                    size         \(String(format: "%.1f", Double(report.bytes) / 1e6)) MB
                    """)
            }
        }

        private static func slow(_ report: Report, _ model: RetrievalModel) -> String {
            guard let slow = model.slow, let parameters = report.slow_parameters else {
                return "none: nothing is re-ranked"
            }
            let levels = slow.model.configuration.layers.map(\.rawValue).joined(separator: ", ")
            var line = "\(parameters) parameters, layers on \(levels), \(slow.vocabulary.count) word pieces"
            if let depth = report.rerank_depth, let beta = report.rerank_beta {
                line += "; K \(depth), β \(Quantities.fixed(beta, 2))" + (report.calibrated ? ", calibrated" : "")
            }
            return line
        }
    }

    struct Import: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "import", abstract: "Make an untrained model from a pre-trained backbone and text encoder.",
            discussion: """
                The backbone is a checkpoint of EfficientNet-Lite as PyTorch writes it (.pth); nothing in it is executed. The text \
                encoder is a folder of sentence-transformers: config.json, model.safetensors, vocab.txt. What comes out is \
                where `saccade train fast --model` starts.
                """)

        @Option(help: ArgumentHelp("PyTorch's checkpoint.", valueName: "file"), completion: .file(extensions: ["pth"]))
        var backbone: String

        @Option(help: "efficientnet-lite0 or efficientnet-lite2.")
        var architecture = "efficientnet-lite2"

        @Option(help: "Side of the square frames in pixels.")
        var frameSize = 256

        @Option(help: ArgumentHelp("The text encoder's folder.", valueName: "dir"), completion: .directory)
        var text: String

        @Option(help: "The model's name.")
        var name = "untrained"

        @Option(help: ArgumentHelp("The model folder to write.", valueName: "dir"), completion: .directory)
        var output: String

        @OptionGroup(title: "Places") var places: PlaceOptions

        func run() async throws {
            guard let known = ModelConfiguration.BackboneConfiguration.Architecture(rawValue: architecture) else {
                throw ValidationError(
                    "--architecture \(architecture) isn't known; it is efficientnet-lite0 or efficientnet-lite2")
            }
            let command = self
            try await BlockingExecutor.shared.run {
                try ModelImport(
                    name: command.name, backbone: .absolute(command.backbone),
                    configuration: .init(architecture: known, frameSize: command.frameSize),
                    text: .absolute(command.text)
                ).write(to: .absolute(command.output))
            }
            print("Wrote \(output). Train it with `saccade train fast --model \(output)`.")
        }
    }

    struct Export: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "export", abstract: "Write a model with its weights packed for use.")

        @Option(help: "int8: a byte a weight; half: two, for further training.")
        var precision = WeightPrecision.int8.rawValue

        @Option(help: ArgumentHelp("The model folder to write.", valueName: "dir"), completion: .directory)
        var output: String

        @OptionGroup var modelOptions: ModelOptions
        @OptionGroup(title: "Places") var places: PlaceOptions

        func run() async throws {
            guard let precision = WeightPrecision(rawValue: precision) else {
                throw ValidationError("--precision \(precision) isn't known; it is int8 or half")
            }
            let source = try modelOptions.folder()
            let target = FilePath.absolute(output)
            guard source != target else {
                throw ValidationError("--output must be another folder than the model's own")
            }
            try await BlockingExecutor.shared.run {
                let model = try RetrievalModel(directory: source)
                try model.write(
                    to: target, name: model.name, precision: precision, copyingBackboneFrom: source,
                    reranking: model.reranking)
            }
            print("Wrote \(output).")
        }
    }
}
