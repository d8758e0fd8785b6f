import ArgumentParser
import Foundation
import Models
import SystemPackage
import Terminal
import Threads

extension ModelCommand {
    /// Makes a model folder of a published checkpoint.
    struct Import: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "import", abstract: "Make a model of a published checkpoint: CLIP, OpenCLIP, SigLIP.",
            discussion: """
                The folder is one as Hugging Face or OpenCLIP publish it, with its configuration, its weights as safetensors \
                and its tokenizer. What isn't known or doesn't fit is refused by name, and nothing is downloaded. Weights are \
                packed to 8 bits but for those of layers that would lose too much, which is tried out. Serve the result with `saccade serve --model DIR`: media have to be indexed again.
                """)

        @Argument(help: ArgumentHelp("The folder that was downloaded.", valueName: "folder"), completion: .directory)
        var folder: String

        @Option(help: ArgumentHelp("The model folder to write.", valueName: "dir"), completion: .directory)
        var output: String

        @Option(help: "The model's name. (default: the folder's)")
        var name: String?

        @Option(
            help: ArgumentHelp(
                "The tokenizer's file, for a folder that has none: tokenizer.json, or CLIP's merges unpacked.",
                valueName: "file"), completion: .file())
        var tokenizer: String?

        @Option(
            help: ArgumentHelp(
                "Weights of layers: int8, or float for as precise as they are published, slower and larger.",
                valueName: "precision"), completion: .list(ImportPrecision.allCases.map(\.rawValue)))
        var precision = ImportPrecision.int8

        @Flag(help: "Print one JSON object.")
        var json = false

        private struct Report: Encodable {
            var name: String
            var folder: String
            var origin: String
            var licence: String?
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
            let checkpoint = try Checkpoint(
                recognising: .absolute(folder), tokenizer: tokenizer.map { .absolute($0) }, name: name)
            let model = try checkpoint.write(to: .absolute(output), precision: precision)
            let configuration = try DualEncoderConfiguration(ModelFolder(model.directory))
            let parameters = try checkpoint.parameterCounts
            let files = try FileManager.default.contentsOfDirectory(atPath: model.directory.string)
            let bytes = files.reduce(0) { total, file in
                let attributes = try? FileManager.default.attributesOfItem(
                    atPath: model.directory.appending(file).string)
                return total + ((attributes?[.size] as? Int) ?? 0)
            }
            let report = Report(
                name: configuration.name, folder: model.directory.string, origin: configuration.origin,
                licence: configuration.licence, image_parameters: parameters.image, text_parameters: parameters.text,
                dimensions: configuration.dimensions, frame_size: configuration.image.frameSize,
                tokens_per_frame: configuration.image.tokens, text_tokens: configuration.text.contextLength,
                vocabulary_size: configuration.text.vocabularySize, image_packing: configuration.image.packing,
                text_packing: configuration.text.packing,
                frames_per_second: try model.measuredFramesPerSecond(), bytes: bytes)
            return (report, checkpoint.licenceWarning)
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
            let rows = [
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
