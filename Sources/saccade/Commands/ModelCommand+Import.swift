import ArgumentParser
import Dispatch
import Foundation
import Glibc
import Models
import SystemPackage
import Terminal
import Threads

extension ModelCommand {
    /// Makes a model folder of a published checkpoint.
    struct Import: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "import", abstract: "Make a model of a published checkpoint: CLIP, OpenCLIP, SigLIP, BLIP.",
            discussion: """
                The folder is one as Hugging Face or OpenCLIP publish it, with its configuration, its weights as safetensors \
                and its tokenizer. What isn't known or doesn't fit is refused by name, and nothing is downloaded. Weights are \
                packed to 8 bits but for those of layers that would lose too much, which is tried out. Serve the result with \
                `saccade serve --model DIR`: media have to be indexed again.

                A BLIP re-ranks for another model, which --fast names: one that was imported before, or saccade-small. The \
                result has both, the BLIP as precise as it is published.

                  saccade model import clip-vit-base-patch32 --output models/clip
                  saccade serve --model models/clip
                """)

        @Argument(help: ArgumentHelp("The folder that was downloaded.", valueName: "folder"), completion: .directory)
        var folder: String

        @Option(help: ArgumentHelp("The model folder to write.", valueName: "dir"), completion: .directory)
        var output: String

        @Option(help: "The model's name. (default: the folder's)")
        var name: String?

        @Option(
            help: ArgumentHelp(
                "The tokenizer's file, for a folder that has none: tokenizer.json, CLIP's merges unpacked, or BERT's vocab.txt.",
                valueName: "file"), completion: .file())
        var tokenizer: String?

        @Option(
            help: ArgumentHelp(
                "Weights of layers: int8, or float for as precise as they are published, slower and larger.",
                valueName: "precision"), completion: .list(ImportPrecision.allCases.map(\.rawValue)))
        var precision = ImportPrecision.int8

        @Option(
            help: ArgumentHelp(
                "For a BLIP: the folder of the model whose clips it shall re-rank.", valueName: "dir"),
            completion: .directory)
        var fast: String?

        @Flag(help: "Print one JSON object.")
        var json = false

        private struct Report: Encodable {
            var name: String
            var folder: String
            var origin: String
            var licence: String?
            /// Of a BLIP: the model whose clips it re-ranks, and what a score is.
            var fast: String?
            var objective: String?
            var image_parameters: Int
            var text_parameters: Int
            var dimensions: Int
            var frame_size: Int
            var tokens_per_frame: Int
            var text_tokens: Int
            var vocabulary_size: Int
            var image_packing: Packing?
            var text_packing: Packing?
            var frames_per_second: Double
            var bytes: Int
        }

        func run() async throws {
            let command = self
            let endings = HalfMade.removed(Checkpoint.partialFolder(of: .absolute(output)))
            defer { for ending in endings { ending.cancel() } }
            let (report, warning) = try await BlockingExecutor.shared.run {
                Terminal.adviseOnBLAS()
                return try command.imported()
            }
            if json {
                let encoder = JSONEncoder()
                encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
                Terminal.output.line(String(decoding: try encoder.encode(report), as: UTF8.self))
            } else {
                Terminal.output.line(Self.table(report))
            }
            if let warning { Terminal.error.line("saccade: \(warning)") }
        }

        private func imported() throws -> (Report, warning: String?) {
            if let fast { return try importedBLIP(fast: .absolute(fast)) }
            let checkpoint = try Checkpoint(
                recognising: .absolute(folder), tokenizer: tokenizer.map { .absolute($0) }, name: name)
            let model = try checkpoint.write(to: .absolute(output), precision: precision)
            let configuration = try DualEncoderConfiguration(ModelFolder(model.directory))
            let parameters = try checkpoint.parameterCounts
            let report = Report(
                name: configuration.name, folder: model.directory.string, origin: configuration.origin,
                licence: configuration.licence, image_parameters: parameters.image, text_parameters: parameters.text,
                dimensions: configuration.dimensions, frame_size: configuration.image.frameSize,
                tokens_per_frame: configuration.image.tokens, text_tokens: configuration.text.contextLength,
                vocabulary_size: configuration.text.vocabularySize, image_packing: configuration.image.packing,
                text_packing: configuration.text.packing,
                frames_per_second: try model.measuredFramesPerSecond(), bytes: Self.bytes(in: model.directory))
            return (report, checkpoint.licenceWarning)
        }

        private func importedBLIP(fast: FilePath) throws -> (Report, warning: String?) {
            let checkpoint = try BLIPCheckpoint(
                recognising: .absolute(folder), vocabulary: tokenizer.map { .absolute($0) }, name: name)
            let model = try checkpoint.write(to: .absolute(output), fast: fast)
            let configuration = checkpoint.configuration
            let parameters = try checkpoint.parameterCounts
            let report = Report(
                name: configuration.name, folder: model.directory.string, origin: configuration.origin,
                licence: configuration.licence, fast: fast.string, objective: configuration.objective.rawValue,
                image_parameters: parameters.image, text_parameters: parameters.text,
                dimensions: model.clips.dimensions, frame_size: configuration.image.frameSize,
                tokens_per_frame: configuration.image.tokens, text_tokens: configuration.text.contextLength,
                vocabulary_size: configuration.text.vocabularySize,
                frames_per_second: try model.measuredFramesPerSecond(), bytes: Self.bytes(in: model.directory))
            return (report, checkpoint.licenceWarning)
        }

        /// Bytes of all files in a folder.
        private static func bytes(in folder: FilePath) -> Int {
            let files = FileManager.default.enumerator(atPath: folder.string)?.compactMap { $0 as? String } ?? []
            return files.reduce(0) { total, file in
                let attributes = try? FileManager.default.attributesOfItem(atPath: folder.appending(file).string)
                let isFile = attributes?[.type] as? FileAttributeType == .typeRegular
                return total + (isFile ? (attributes?[.size] as? Int) ?? 0 : 0)
            }
        }

        private static func weights(_ report: Report) -> String {
            guard let image = report.image_packing, let text = report.text_packing else { return "as published" }
            func kept(_ tower: String, _ packing: Packing) -> [String] { packing.floatLayers.map { "\(tower) \($0)" } }
            let floats = kept("image", image) + kept("text", text)
            let layers = image.layers + text.layers
            return "\(layers - floats.count) of \(layers) products in 8 bits; least cosine to floats: pictures "
                + "\(Quantities.fixed(image.cosine, 5)), texts \(Quantities.fixed(text.cosine, 5))"
                + (floats.isEmpty ? "" : "; in floats: " + floats.joined(separator: ", "))
        }

        private static func table(_ report: Report) -> String {
            let slow = report.fast.flatMap { fast in
                report.objective.map { [("re-ranks for", fast), ("scores", $0)] }
            }
            let rows =
                (slow ?? []) + [
                    ("origin", report.origin),
                    ("licence", report.licence ?? "not named in the folder; see where it was published"),
                    (
                        "parameters",
                        "\(Quantities.count(report.image_parameters)) for pictures, "
                            + "\(Quantities.count(report.text_parameters)) for text"
                    ),
                    (
                        "frames",
                        "\(report.frame_size)×\(report.frame_size) px, \(Quantities.count(report.tokens_per_frame, "token"))"
                    ),
                    (
                        "text",
                        "\(Quantities.count(report.text_tokens, "token")) of \(Quantities.count(report.vocabulary_size))"
                    ),
                    ("embedding", "\(report.dimensions) numbers"),
                    ("weights", weights(report)),
                    ("speed", "about \(Quantities.fixed(report.frames_per_second, 1)) frames a second on this machine"),
                    ("size", Quantities.bytes(Int64(report.bytes))),
                ]
            return
                (["\(report.name) in \(report.folder)"]
                + rows.map { $0.0.padding(toLength: 13, withPad: " ", startingAt: 0) + $0.1 })
                .joined(separator: "\n")
        }
    }
}

extension ImportPrecision: ExpressibleByArgument {}
