import ArgumentParser
import Basics
import Foundation
import Models
import SystemPackage
import Tensors
import Terminal
import Threads

/// Looks at models.
struct ModelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "model", abstract: "Look at a model.",
        subcommands: [Info.self])
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
            var rerank_k: Int?
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
                rerank_k: model.reranking?.depth, rerank_beta: model.reranking?.beta,
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
            if let k = report.rerank_k, let beta = report.rerank_beta {
                line += "; K \(k), β \(Quantities.fixed(beta, 2))" + (report.calibrated ? ", calibrated" : "")
            }
            return line
        }
    }
}
