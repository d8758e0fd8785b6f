import Catalog
import Daemon
import DecodeProtocol
import DecodeWorkers
import Foundation
import Library
import Logging
import Models
import Search
import Settings
import SystemPackage
import TestSupport
import Testing
import Threads

/// A second architecture, which nothing else knows: mean colours for embeddings, colour words for queries. What it stores of a clip is
/// the colours that the clip begins and ends with, which its pair scorer compares with a query's first and last colour.
struct ColourModel: ClipEncoder, QueryEncoder, PairScorer, Captioner {
    static let architecture = ModelArchitecture(name: "mean-colour") { folder, _ in
        let configuration = try folder.decoded(Configuration.self)
        let model = ColourModel(
            modelDigest: try ModelFolder.digest(of: [folder.configuration]), configuration: configuration)
        return LoadedModel(
            name: configuration.name, directory: folder.path, architecture: "mean-colour", clips: model, queries: model,
            scorer: model, captioner: model, reranking: Reranking(depth: 8, beta: 0.5))
    }

    struct Configuration: Codable {
        var format = 2
        var architecture = "mean-colour"
        var name = "colours"
        /// Red, green, blue from 0 to 1.
        var words: [String: [Float]]
    }

    let modelDigest: String
    let configuration: Configuration

    let input = FrameInput(
        geometry: FrameGeometry(side: 16), mean: .zero, deviation: SIMD3(repeating: 255))
    let framesPerClip = 8
    let dimensions = 3

    func encode(clips: [[RGBImage]]) throws -> [EncodedClip] {
        try clips.map { frames in
            try input.require(frames)
            let colours = frames.map(colour)
            let mean = (0..<3).map { channel in colours.reduce(0) { $0 + $1[channel] } / Float(colours.count) }
            let ends = (colours.first ?? []) + (colours.last ?? [])
            return EncodedClip(
                embedding: unit(mean), rerankFeatures: [UInt8(ascii: "C")] + ends.map { UInt8(($0 * 255).rounded()) })
        }
    }

    private func colour(of image: RGBImage) -> [Float] {
        (0..<3).map { channel in
            let sum = stride(from: channel, to: image.pixels.count, by: 3).reduce(0) { $0 + Int(image.pixels[$1]) }
            let value = Float(sum) / Float(image.pixels.count / 3)
            return (value - input.mean[channel]) / input.deviation[channel]
        }
    }

    private func unit(_ vector: [Float]) -> [Float] {
        let length = max(1e-6, vector.reduce(0) { $0 + $1 * $1 }.squareRoot())
        return vector.map { $0 / length }
    }

    private func colours(of query: String) -> [[Float]] {
        query.split(separator: " ").compactMap { configuration.words[String($0)] }
    }

    func embed(query: String) throws -> [Float] {
        let colours = colours(of: query)
        return unit((0..<3).map { channel in colours.reduce(0) { $0 + $1[channel] } })
    }

    func pieces(of query: String) -> QueryPieces { QueryPieces(count: colours(of: query).count) }

    /// The colours at both ends; nil for bytes of another model.
    private func ends(_ features: [UInt8]) -> [[Float]]? {
        guard features.count == 7, features[0] == UInt8(ascii: "C") else { return nil }
        let values = features.dropFirst().map { Float($0) / 255 }
        return [Array(values.prefix(3)), Array(values.suffix(3))]
    }

    func scores(of query: String, features: [[UInt8]]) throws -> [Float?] {
        let colours = colours(of: query)
        let asked = [colours.first ?? [], colours.last ?? []].map(unit)
        return features.map { features in
            ends(features).map { ends in
                zip(ends.map(unit), asked).reduce(0) { sum, pair in
                    sum + zip(pair.0, pair.1).reduce(0) { $0 + $1.0 * $1.1 }
                }
            }
        }
    }

    func blankScore(of query: String) throws -> Float { 0 }

    func caption(_ features: [UInt8], beams: Int) throws -> Caption {
        guard let ends = ends(features) else { throw ModelError(.malformed, "the stored features aren't colours") }
        let names = ends.map { end in
            configuration.words.min { distance($0.value, end) < distance($1.value, end) }?.key ?? "nothing"
        }
        return Caption(sentence: "\(names[0]) then \(names[1])", score: -1)
    }

    private func distance(_ one: [Float], _ other: [Float]) -> Float {
        zip(one, other).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    }
}

struct OtherArchitectureTests {
    private let directory: TemporaryDirectory
    private let folder: FilePath

    init() throws {
        directory = try TemporaryDirectory()
        folder = directory.path.appending("model")
        try FileManager.default.createDirectory(atPath: folder.string, withIntermediateDirectories: true)
        let words: [String: [Float]] = ["red": [1, 0, 0], "green": [0, 1, 0], "blue": [0, 0, 1]]
        try directory.write(
            JSONEncoder().encode(ColourModel.Configuration(words: words)), to: "model/config.json")
    }

    /// Four seconds that go from one colour to the other without a cut.
    private func video(_ name: String, red: String, green: String = "0", blue: String) async throws -> FilePath {
        let path = directory.path.appending(name)
        try await TestVideo.ffmpeg([
            "-f", "lavfi", "-i", "color=black:size=64x48:rate=10:duration=4", "-vf",
            "format=rgb24,geq=r=\(red):g=\(green):b=\(blue)", "-pix_fmt", "yuv420p", path.string,
        ])
        return path
    }

    @Test(.timeLimit(.minutes(2)))
    func `a model of an architecture that only this test knows is loaded, indexes, finds, re-ranks and describes`()
        async throws
    {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let model = try LoadedModel.load(folder, architectures: ModelArchitecture.builtIn + [ColourModel.architecture])
        #expect(model.storesRerankFeatures && model.architecture == "mean-colour")
        let executable = try DecodeWorkerPool.executable()
        let library = try await BlockingExecutor.shared.run { [directory] in
            try Library(
                state: directory.path.appending("state"), model: IndexingModel(model),
                source: DecodeWorkerPool(configuration: .init(executable: executable)), logger: logger)
        }
        defer { library.close() }
        let falling = try await video("falling.mp4", red: "255*(1-T/4)", blue: "255*T/4")
        let rising = try await video("rising.mp4", red: "255*T/4", blue: "255*(1-T/4)")
        let meadow = try await video("meadow.mp4", red: "0", green: "200", blue: "0")
        _ = try await library.index([falling, rising, meadow])

        try await BlockingExecutor.shared.run {
            let searchSwitch = SearchSwitch(
                library: library, models: LoadedModels(model) { _ in model }, logger: logger)
            let searcher = Searcher(catalog: library.catalog, index: try searchSwitch.index())
            func found(_ query: String, rerank: RerankOptions?) throws -> [String] {
                try searcher.search(SearchRequest(query: query, rerank: rerank)).results
                    .compactMap { $0.path.lastComponent?.string }
            }
            #expect(try found("a green lawn", rerank: nil).first == "meadow.mp4")
            // Over their length both have the same colours: only what was stored of their ends tells them apart.
            #expect(try Set(found("red then blue", rerank: nil).prefix(2)) == ["falling.mp4", "rising.mp4"])
            for (query, best) in [("red then blue", "falling.mp4"), ("blue then red", "rising.mp4")] {
                let answer = try searcher.search(SearchRequest(query: query, rerank: RerankOptions()))
                #expect(answer.results.first?.path.lastComponent?.string == best)
                #expect(answer.stage == .slow && answer.modelDigest == model.digest)
                let clip = try #require(answer.results.first?.clip.id)
                let stored = try #require(try library.catalog.rerankFeatures(of: [clip])[clip])
                #expect(try model.captioner?.caption(stored).sentence == query)
            }
        }
    }

    @Test func `where nobody knows the architecture it is refused by name`() throws {
        #expect {
            try LoadedModel.load(folder)
        } throws: { error in
            let message = "\(error)"
            return message.contains("\"mean-colour\"") && message.contains("fast-slow") && message.contains("update")
        }
    }
}
