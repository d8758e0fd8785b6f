import Foundation
import Glibc
import SystemPackage
import TestSupport
import Testing

/// From a checkpoint as it is published to an answer, with the programs alone.
struct ImportedModelTests {
    private let home: TemporaryDirectory

    init() throws { home = try TemporaryDirectory() }

    private func saccade(_ arguments: String...) async throws -> Outcome {
        try await EndToEndTests.saccade(arguments, home: home.path)
    }

    @Test func `a checkpoint is imported, indexes videos, and answers`() async throws {
        let drawn = try DrawnCheckpoint(.siglip2)
        try drawn.write(to: home.path.appending("downloaded"))
        try home.write(Data("---\nlicense: apache-2.0\n---\n".utf8), to: "downloaded/README.md")
        let imported = try await saccade("model", "import", "downloaded", "--output", "model", "--json")
        #expect(imported.status == 0, "\(imported.errors)")
        struct Made: Decodable {
            var name, licence, origin: String
            var image_parameters, text_parameters, frame_size, tokens_per_frame, dimensions: Int
            var frames_per_second: Double
            var image_packing, text_packing: Packing?
            struct Packing: Decodable {
                var layers: Int
                var float_layers: [String]
                var cosine: Double
            }
        }
        let made = try imported.decoded(Made.self)
        #expect(made.name == "downloaded" && made.licence == "apache-2.0" && made.origin == "Hugging Face, siglip")
        #expect(made.frame_size == 32 && made.tokens_per_frame == 4 && made.dimensions == 64)
        #expect(
            made.image_parameters + made.text_parameters + 2 == drawn.shapes.values.reduce(0) { $0 + $1.reduce(1, *) })
        #expect(made.frames_per_second > 0)
        for packing in [try #require(made.image_packing), try #require(made.text_packing)] {
            #expect(packing.cosine >= 0.999 && packing.float_layers.count < packing.layers)
        }
        let information = try await saccade("model", "info", "--model", "model")
        #expect(information.status == 0 && information.text.contains("image tower"), "\(information.errors)")

        for (name, scenes) in [("one.mp4", 1), ("two.mp4", 2)] {
            try await TestVideo(width: 160, height: 120, seconds: 6, scenes: scenes).write(
                to: home.path.appending(name))
        }
        let indexed = try await saccade("index", "one.mp4", "two.mp4", "--state", "state", "--model", "model")
        #expect(indexed.status == 0, "\(indexed.errors)")
        struct Answer: Decodable {
            struct Result: Decodable {
                struct Media: Decodable {
                    var path: String
                }
                var media: Media
                var score: Double
            }
            var results: [Result]
        }
        let searched = try await EndToEndTests.saccade(
            ["search", "bars", "--state", "state", "--json"], home: home.path,
            environment: ["SACCADE_MODEL": home.path.appending("model").string])
        #expect(searched.status == 0, "\(searched.errors)")
        let results = try searched.decoded(Answer.self).results
        #expect(Set(results.map(\.media.path)).count == 2)
        #expect(results.map(\.score) == results.map(\.score).sorted(by: >))
        #expect(results.allSatisfy { (-1...1).contains($0.score) })
    }

    @Test(arguments: [SIGINT, SIGTERM])
    func `an import that is ended by a signal leaves nothing`(signal: Int32) async throws {
        // A vocabulary of zeros that takes a while to copy: 270 MB that are nowhere on the disk.
        var drawn = try DrawnCheckpoint(.siglip2)
        let rows = 1 << 20
        let table = "text_model.embeddings.token_embedding.weight"
        let width = try #require(drawn.shapes[table]?.last)
        drawn.set(["config.json", "text_config", "vocab_size"], to: rows)
        drawn.shapes[table] = [rows, width]
        let folder = home.path.appending("downloaded")
        try drawn.write(to: folder, sparse: true)
        let process = Process()
        process.executableURL = URL(filePath: Installation.saccade.string)
        process.arguments = ["model", "import", "downloaded", "--output", "model", "--precision", "float"]
        process.currentDirectoryURL = URL(filePath: home.path.string)
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        let (ends, continuation) = AsyncStream.makeStream(of: Int32.self)
        process.terminationHandler = { continuation.yield($0.terminationStatus) }
        try process.run()
        let partial = home.path.appending("model.importing").appending("text.safetensors")
        try await eventually { FileManager.default.fileExists(atPath: partial.string) }
        kill(process.processIdentifier, signal)
        for await status in ends {
            #expect(status == 128 + signal)
            break
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: home.path.string) == ["downloaded"])
    }

    @Test func `a BLIP re-ranks for an imported model, and describes`() async throws {
        try DrawnCheckpoint(.clip).write(to: home.path.appending("downloaded"))
        try DrawnCheckpoint(blip: "blip-captioning").write(to: home.path.appending("blip"))
        let fast = try await saccade("model", "import", "downloaded", "--output", "fast")
        #expect(fast.status == 0, "\(fast.errors)")
        let alone = try await saccade("model", "import", "blip", "--output", "model")
        #expect(alone.status == 65 && alone.errors.contains("--fast"), "\(alone.errors)")
        let imported = try await saccade("model", "import", "blip", "--fast", "fast", "--output", "model")
        #expect(imported.status == 0 && imported.text.contains("re-ranks for"), "\(imported.errors)")
        for (name, scenes) in [("one.mp4", 1), ("two.mp4", 2)] {
            try await TestVideo(width: 160, height: 120, seconds: 6, scenes: scenes).write(
                to: home.path.appending(name))
        }
        let indexed = try await saccade("index", "one.mp4", "two.mp4", "--state", "state", "--model", "model")
        #expect(indexed.status == 0, "\(indexed.errors)")
        struct Answer: Decodable {
            var stage: String
            var reranked: Int
        }
        let searched = try await EndToEndTests.saccade(
            ["search", "two dogs run", "--state", "state", "--json"], home: home.path,
            environment: ["SACCADE_MODEL": home.path.appending("model").string])
        #expect(searched.status == 0, "\(searched.errors)")
        let answer = try searched.decoded(Answer.self)
        #expect(answer.stage == "slow" && answer.reranked >= 2)
        let described = try await saccade("describe", "one.mp4", "--model", "model")
        #expect(described.status == 0 && !described.text.isEmpty, "\(described.errors)")

        try home.write(
            Data("P6 48 48 255\n".utf8) + Data(DrawnCheckpoint.picture(0, side: 48)), to: "picture.ppm")
        try await TestVideo.ffmpeg([
            "-i", home.path.appending("picture.ppm").string, home.path.appending("picture.png").string,
        ])
        struct Report: Decodable {
            struct Text: Decodable {
                var rerank_scores: [Double?]?
            }
            var texts: [Text]
        }
        let shown = try await saccade(
            "model", "embed", "--model", "model", "--text", "two dogs run", "--image", "picture.png", "--json")
        let scores = try shown.decoded(Report.self).texts[0].rerank_scores
        #expect(scores?.count == 1 && (scores?[0]?.isFinite ?? false))
    }

    @Test func `vectors are shown of texts and pictures, with the scores of pairs`() async throws {
        let drawn = try DrawnCheckpoint(.clip)
        try drawn.write(to: home.path.appending("downloaded"))
        let imported = try await saccade("model", "import", "downloaded", "--output", "model", "--precision", "float")
        #expect(imported.status == 0 && imported.text.contains("frames a second"), "\(imported.errors)")
        #expect(imported.text.contains("as published"))
        let unknown = try await saccade("model", "import", "downloaded", "--output", "other", "--precision", "int4")
        #expect(unknown.status == 64 && unknown.errors.contains("int8"), "\(unknown.errors)")
        let pixels = DrawnCheckpoint.picture(0, side: 32)
        try home.write(Data("P6 32 32 255\n".utf8) + Data(pixels), to: "picture.ppm")
        try await TestVideo.ffmpeg([
            "-i", home.path.appending("picture.ppm").string, home.path.appending("picture.png").string,
        ])
        struct Report: Decodable {
            struct Row: Decodable {
                var embedding: [Double]
            }
            var texts, images: [Row]
            var dimensions: Int
        }
        let shown = try await saccade(
            "model", "embed", "--model", "model", "--text", drawn.texts[0], "--image", "picture.png", "--json")
        #expect(shown.status == 0, "\(shown.errors)")
        let report = try shown.decoded(Report.self)
        for (row, wanted) in [(report.texts[0], drawn.sentences[0]), (report.images[0], drawn.images[0])] {
            #expect(row.embedding.count == report.dimensions)
            #expect(zip(row.embedding, wanted).allSatisfy { abs($0 - $1) < 1e-4 })
        }
        let pairs = try await saccade(
            "model", "embed", "--model", "model", "--text", "a", "--text", "b", "--image", "picture.png")
        #expect(pairs.text.split(separator: "\n").count == 2 && pairs.text.contains("picture.png"))
        let nothing = try await saccade("model", "embed", "--model", "model")
        #expect(nothing.status == 64)
        let missing = try await saccade("model", "embed", "--model", "model", "--image", "gone.png")
        #expect(missing.status == 66 && missing.errors.contains("gone.png"))
    }

    @Test func `what can't be imported is refused in a line, and nothing is left`() async throws {
        var drawn = try DrawnCheckpoint(.clip)
        drawn.set(["config.json", "model_type"], to: "bert")
        try drawn.write(to: home.path.appending("downloaded"))
        let refused = try await saccade("model", "import", "downloaded", "--output", "model")
        #expect(refused.status == 65 && refused.errors.contains("bert"), "\(refused.status) \(refused.errors)")
        #expect(refused.errors.split(separator: "\n").count == 1)
        #expect(try FileManager.default.contentsOfDirectory(atPath: home.path.string) == ["downloaded"])
    }
}
