import ArgumentParser
import DecodeProtocol
import DecodeWorkers
import Foundation
import Models
import Settings
import SystemPackage
import Terminal
import Threads

extension ModelCommand {
    /// Shows the vectors that a model makes of sentences and pictures.
    struct Embed: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "embed", abstract: "Show a model's vectors of texts and pictures.",
            discussion: """
                Unit vectors: their dot products are the scores of a search that isn't re-ranked. Given both texts and \
                pictures, it shows the score of each pair, and with --json the re-ranker's too, where the model has one.

                  saccade model embed --text "a dog" --text "a cat" --image photo.jpg
                  saccade model embed --text "a dog" --json | jq '.texts[0].embedding'
                """)

        @Option(help: "A text; may be repeated.")
        var text: [String] = []

        @Option(
            help: ArgumentHelp(
                "A picture, or a video of which the first frame is taken; may be repeated.", valueName: "file"),
            completion: .file())
        var image: [String] = []

        @Flag(help: "Print one JSON object, with all numbers.")
        var json = false

        @OptionGroup(title: "Parts") var parts: PartOptions
        @OptionGroup(title: "Places") var places: PlaceOptions

        func validate() throws {
            if text.isEmpty && image.isEmpty { throw ValidationError("Name a --text or an --image.") }
        }

        private struct Report: Encodable {
            struct Text: Encodable {
                var text: String
                var embedding: [Float]
                /// With each picture, as re-ranking scores it; nil for a model that can't.
                var rerank_scores: [Float?]?
            }

            struct Image: Encodable {
                var image: String
                var embedding: [Float]
            }

            var model_digest: String
            var dimensions: Int
            var texts: [Text]
            var images: [Image]
        }

        func run() async throws {
            let configuration = try places.load(parts.arguments)
            let (texts, images) = (text, image)
            let model = try await BlockingExecutor.shared.run {
                Terminal.adviseOnBLAS()
                return try InstalledModel.load(configuration.model)
            }
            var pictures: [RGBImage] = []
            if !images.isEmpty {
                let pool = DecodeWorkerPool(
                    configuration: .init(
                        executable: try DecodeWorkerPool.executable(configuration.decoder),
                        deadline: .seconds(configuration.ingest.decodeTimeoutSeconds)))
                for path in images {
                    pictures.append(
                        try await Self.firstFrame(of: .absolute(path), pool, model.clips.input.geometry))
                }
            }
            let frames = pictures
            let report = try await BlockingExecutor.shared.run {
                let clips = try frames.map { try model.clips.encode(clips: [[$0]])[0] }
                return Report(
                    model_digest: model.digest, dimensions: model.clips.dimensions,
                    texts: try texts.map { text in
                        Report.Text(
                            text: text, embedding: try model.queries.embed(query: text),
                            rerank_scores: try model.scorer?.scores(
                                of: text, features: clips.map { $0.rerankFeatures ?? [] }))
                    },
                    images: zip(images, clips).map { Report.Image(image: $0, embedding: $1.embedding) })
            }
            if json {
                let encoder = JSONEncoder()
                encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
                Terminal.output.line(String(decoding: try encoder.encode(report), as: UTF8.self))
            } else {
                Self.lines(report).forEach(Terminal.output.line)
            }
        }

        private static func firstFrame(
            of path: FilePath, _ pool: DecodeWorkerPool, _ geometry: FrameGeometry
        ) async throws -> RGBImage {
            guard FileManager.default.fileExists(atPath: path.string) else {
                throw CommandFailure(.noInput, "There is no file \(path).")
            }
            do {
                let sampling = FrameSampling(geometry: geometry, detectsCuts: false)
                for try await event in pool.frames(of: path, sampling: sampling) {
                    if case .frame(let frame) = event { return frame.image }
                }
            } catch let error as DecodeError {
                throw CommandFailure(.noInput, "\(path): \(error)")
            }
            throw CommandFailure(.data, "\(path): contains no picture")
        }

        /// The pairs' scores, or where there are none the vectors' first numbers.
        private static func lines(_ report: Report) -> [String] {
            guard !report.texts.isEmpty, !report.images.isEmpty else {
                let named =
                    report.texts.map { ($0.text, $0.embedding) } + report.images.map { ($0.image, $0.embedding) }
                return named.map { name, vector in
                    let beginning = vector.prefix(6).map { Quantities.fixed(Double($0), 4) }.joined(separator: " ")
                    return "\(beginning) … (\(vector.count))  \(name)"
                }
            }
            return report.texts.flatMap { text in
                report.images.map { image in
                    let score = zip(text.embedding, image.embedding).reduce(0) { $0 + Double($1.0) * Double($1.1) }
                    return "\(Quantities.fixed(score, 4))  \(text.text)  \(image.image)"
                }
            }
        }
    }
}
