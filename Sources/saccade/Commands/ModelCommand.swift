import DecodeProtocol
import ArgumentParser
import Foundation
import Models
import SystemPackage
import Terminal
import Threads

/// Inspects models, makes them of published checkpoints, and changes the one in use.
struct ModelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "model", abstract: "Inspect a model, import one, or change the one in use.",
        discussion: """
              saccade model info
              saccade model import clip-vit-base-patch32 --output models/clip
              saccade model use models/clip
              saccade model embed --text "a dog" --image photo.jpg
            """,
        subcommands: [Info.self, Import.self, Embed.self, List.self, Use.self, Forget.self])
}

extension ModelCommand {
    struct Info: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "info", abstract: "Show what a model is, and check that all of its files can be read.",
            discussion: """
                  saccade model info
                  saccade model info models/mine
                  saccade model info models/mine --json | jq .parts
                """)

        @Argument(
            help: ArgumentHelp("The model's folder, as with --model.", valueName: "dir"), completion: .directory)
        var folder: String?

        @Flag(help: "Print one JSON object.")
        var json = false

        @OptionGroup var modelOptions: ModelOptions
        @OptionGroup(title: "Places") var places: PlaceOptions

        func validate() throws {
            guard folder == nil || modelOptions.model == nil else {
                throw ValidationError("Name the folder once: as the argument, or with --model.")
            }
        }

        private struct Report: Encodable {
            struct Part: Encodable {
                var name: String
                var summary: String
                var parameters: Int?
            }

            var name: String
            var folder: String
            var model_digest: String
            var architecture: String
            var frame_size: Int
            var frames_per_clip: Int
            var dimensions: Int
            var parts: [Part]
            var reranks: Bool
            var describes: Bool
            var rerank_depth: Int?
            var rerank_short_depth: Int?
            var rerank_beta: Double?
            var rerank_short_beta: Double?
            var rerank_end_weight: Double?
            var calibrated: Bool
            /// Whether it says that nothing is found.
            var tells_absent: Bool
            var bytes: Int
        }

        func run() async throws {
            let folder = try folder.map { .absolute($0) } ?? modelOptions.folder()
            let model = try await BlockingExecutor.shared.run { try LoadedModel.load(folder) }
            let files = try FileManager.default.contentsOfDirectory(atPath: folder.string)
            let bytes = files.reduce(0) { total, file in
                let attributes = try? FileManager.default.attributesOfItem(atPath: folder.appending(file).string)
                return total + ((attributes?[.size] as? Int) ?? 0)
            }
            let report = Report(
                name: model.name, folder: folder.string, model_digest: model.digest, architecture: model.architecture,
                frame_size: model.clips.input.geometry.side, frames_per_clip: model.clips.framesPerClip,
                dimensions: model.clips.dimensions,
                parts: model.parts.map {
                    Report.Part(name: $0.name, summary: $0.summary, parameters: $0.parameters)
                },
                reranks: model.scorer != nil, describes: model.captioner != nil, rerank_depth: model.reranking?.depth,
                rerank_short_depth: model.reranking?.shortDepth, rerank_beta: model.reranking?.beta,
                rerank_short_beta: model.reranking?.shortBeta,
                rerank_end_weight: model.reranking?.endWeight, calibrated: model.reranking?.relevance != nil,
                tells_absent: model.reranking?.relevance?.threshold != nil, bytes: bytes)
            if json {
                let encoder = JSONEncoder()
                encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
                print(String(decoding: try encoder.encode(report), as: UTF8.self))
            } else {
                print(Self.table(report))
            }
        }

        private static func table(_ report: Report) -> String {
            var rows = [
                ("digest", report.model_digest),
                ("architecture", report.architecture),
                (
                    "frames",
                    "\(report.frame_size)×\(report.frame_size) px, at most \(report.frames_per_clip) a clip"
                ),
                ("embedding", "\(report.dimensions) numbers"),
            ]
            rows += report.parts.map { part in
                (part.name, part.summary + (part.parameters.map { ", \($0) parameters" } ?? ""))
            }
            rows.append(("re-ranking", reranking(report)))
            rows.append(("size", String(format: "%.1f MB", Double(report.bytes) / 1e6)))
            return
                (["\(report.name) in \(report.folder)"]
                + rows.map { $0.0.padding(toLength: 13, withPad: " ", startingAt: 0) + $0.1 })
                .joined(separator: "\n")
        }

        private static func reranking(_ report: Report) -> String {
            guard report.reranks else { return "none" }
            guard let depth = report.rerank_depth, let beta = report.rerank_beta else { return "not tuned" }
            let end = report.rerank_end_weight.map { $0 == 1 ? "" : ", ω \(Quantities.fixed($0, 2))" } ?? ""
            var short: [String] = []
            if let other = report.rerank_short_depth, other != depth { short.append("K \(other)") }
            if let other = report.rerank_short_beta, other != beta { short.append("β \(Quantities.fixed(other, 2))") }
            return "K \(depth), β \(Quantities.fixed(beta, 2))\(end)"
                + (short.isEmpty ? "" : ", of a short query \(short.joined(separator: ", "))")
                + (report.calibrated ? ", calibrated" : "")
                + (report.tells_absent ? ", tells when nothing is found" : "")
        }
    }
}
