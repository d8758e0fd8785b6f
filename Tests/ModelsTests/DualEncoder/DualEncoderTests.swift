import Foundation
import Models
import SystemPackage
import Tensors
import TestSupport
import Testing

/// Imported checkpoints of every kind against transformers and open_clip, by Fixtures/make_dual_encoders.py.
@Suite struct DualEncoderTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    /// The checkpoint in a folder, imported to another.
    private func imported(_ drawn: DrawnCheckpoint) throws -> LoadedModel {
        let folder = directory.path.appending("checkpoint")
        try drawn.write(to: folder)
        return try Checkpoint(recognising: folder).write(to: directory.path.appending("model"), precision: .float)
    }

    private func picture(_ index: Int) -> RGBImage {
        RGBImage(width: 32, height: 32, pixels: DrawnCheckpoint.picture(index, side: 32))
    }

    private func expect(
        _ found: [Float], near wanted: [Double], within tolerance: Double = 2e-5,
        _ sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(found.count == wanted.count, sourceLocation: sourceLocation)
        let largest = zip(found, wanted).map { abs(Double($0) - $1) }.max() ?? .infinity
        #expect(largest < tolerance, sourceLocation: sourceLocation)
    }

    @Test(arguments: DrawnCheckpoint.Kind.allCases)
    func `Texts and pictures get the reference's vectors`(kind: DrawnCheckpoint.Kind) throws {
        let drawn = try DrawnCheckpoint(kind)
        let model = try imported(drawn)
        for (text, wanted) in zip(drawn.texts, drawn.sentences) {
            expect(try model.queries.embed(query: text), near: wanted)
        }
        let clips = try model.clips.encode(clips: drawn.images.indices.map { [picture($0)] })
        for (clip, wanted) in zip(clips, drawn.images) { expect(clip.embedding, near: wanted) }
        #expect(model.scorer == nil && model.captioner == nil && !model.storesRerankFeatures)
    }

    @Test(arguments: DrawnCheckpoint.Kind.allCases)
    func `A model that is loaded again computes the same`(kind: DrawnCheckpoint.Kind) throws {
        let model = try imported(DrawnCheckpoint(kind))
        let again = try LoadedModel.load(model.directory)
        #expect(again.digest == model.digest && again.name == "checkpoint")
        #expect(try again.queries.embed(query: "a dog") == model.queries.embed(query: "a dog"))
        let clips = [[picture(0)], [picture(1), picture(2)]]
        #expect(try again.clips.encode(clips: clips) == model.clips.encode(clips: clips))
    }

    @Test(arguments: ["siglip.json", "siglip.model"])
    func `A SigLIP 1 of OpenCLIP is imported with T5's tokenizer`(tokenizer: String) throws {
        var drawn = try DrawnCheckpoint(.siglip2OfOpenCLIP)
        let model = ["open_clip_config.json", "model_cfg"]
        drawn.set(model + ["vision_cfg", "timm_model_name"], to: "vit_base_patch16_siglip_224")
        drawn.set(model + ["text_cfg", "hf_tokenizer_name"], to: "timm/ViT-B-16-SigLIP")
        drawn.set(model + ["text_cfg", "act_kwargs"], to: nil)
        drawn.tokenizer = [tokenizer.hasSuffix("json") ? "tokenizer.json" : "spiece.model": tokenizer]
        let made = try imported(drawn)
        let configuration = try DualEncoderConfiguration(ModelFolder(made.directory))
        #expect(configuration.text.tokenizer == .siglipOpenCLIP)
        #expect(configuration.text.activation == .gelu && configuration.image.activation == .gelu)
        let vectors = try ["A dog's tail, it_is!", "a dogs tail it is", "two dogs"].map {
            try made.queries.embed(query: $0)
        }
        #expect(vectors[0] == vectors[1] && vectors[0] != vectors[2])
    }

    @Test func `A clip's vector is the mean of its frames', as a unit vector`() throws {
        let drawn = try DrawnCheckpoint(.siglip2)
        let model = try imported(drawn)
        let sums = drawn.images[0].indices.map { column in drawn.images.reduce(0) { $0 + $1[column] } }
        let length = sums.reduce(0) { $0 + $1 * $1 }.squareRoot()
        let clip = try model.clips.encode(clips: [[picture(2)], (0..<3).map(picture)])[1]
        expect(clip.embedding, near: sums.map { $0 / length })
        #expect(throws: ModelError.self) { try model.clips.encode(clips: [[]]) }
        #expect(throws: ModelError.self) {
            try model.clips.encode(clips: [[RGBImage(width: 16, height: 16, pixels: .init(repeating: 0, count: 768))]])
        }
    }

    @Test func `Weights in several files and in half precision are read`() throws {
        let drawn = try DrawnCheckpoint(.clip)
        let folder = directory.path.appending("checkpoint")
        try drawn.write(to: folder)
        try FileManager.default.removeItem(atPath: folder.appending(drawn.weightsFile).string)
        var writers = [SafetensorsWriter(), SafetensorsWriter()]
        var places: [String: String] = [:]
        for (index, (name, shape)) in drawn.shapes.sorted(by: { $0.key < $1.key }).enumerated() {
            let file = index * 2 / drawn.shapes.count
            try writers[file].add(
                .init(DrawnCheckpoint.weights(name, shape), shape: shape), named: name, as: .float16)
            places[name] = "model-\(file + 1).safetensors"
        }
        for (file, writer) in writers.enumerated() {
            try writer.write(to: folder.appending("model-\(file + 1).safetensors"))
        }
        try JSONSerialization.data(withJSONObject: ["weight_map": places]).write(
            to: URL(filePath: folder.appending("model.safetensors.index.json").string))
        let model = try Checkpoint(recognising: folder).write(to: directory.path.appending("model"), precision: .float)
        for (text, wanted) in zip(drawn.texts, drawn.sentences) {
            expect(try model.queries.embed(query: text), near: wanted, within: 5e-3)
        }
        expect(try model.clips.encode(clips: [[picture(0)]])[0].embedding, near: drawn.images[0], within: 5e-3)
    }

    @Test func `The licence is what README.md says, else the first line of LICENSE`() throws {
        let folder = directory.path.appending("checkpoint")
        try DrawnCheckpoint(.clip).write(to: folder)
        func licence(_ file: String, _ text: String) throws -> (String?, warning: String?) {
            try directory.write(Data(text.utf8), to: "checkpoint/\(file)")
            let checkpoint = try Checkpoint(recognising: folder)
            return (checkpoint.configuration.licence, checkpoint.licenceWarning)
        }
        #expect(try Checkpoint(recognising: folder).configuration.licence == nil)
        #expect(try licence("LICENSE", "\nMIT License\n\nCopyright").0 == "MIT License")
        #expect(try licence("README.md", "---\nlicense: apache-2.0\n---\n# x").0 == "apache-2.0")
        let other = try licence("README.md", "---\nlicense: other\nlicense_name: apple-amlr\n---\n")
        #expect(other.0 == "apple-amlr" && other.warning?.contains("research only") == true)
        #expect(try licence("README.md", "---\nlicense: cc-by-nc-4.0\n---\n").warning?.contains("commercial") == true)
    }

    @Test func `A tokenizer that lies elsewhere can be named`() throws {
        let drawn = try DrawnCheckpoint(.perceptionEncoder)
        let folder = directory.path.appending("checkpoint")
        try drawn.write(to: folder)
        let elsewhere = directory.path.appending("some.txt")
        try FileManager.default.moveItem(atPath: folder.appending("merges.txt").string, toPath: elsewhere.string)
        let error = #expect(throws: ModelError.self) { try Checkpoint(recognising: folder) }
        #expect(error?.message.contains("merges.txt") == true && error?.message.contains("--tokenizer") == true)
        let model = try Checkpoint(recognising: folder, tokenizer: elsewhere, name: "pe").write(
            to: directory.path.appending("model"), precision: .float)
        expect(try model.queries.embed(query: drawn.texts[1]), near: drawn.sentences[1])
        #expect(model.name == "pe")
        let compressed = try directory.write(Data([0x1F, 0x8B, 8, 0]), to: "merges.txt.gz")
        let refused = #expect(throws: ModelError.self) { try Checkpoint(recognising: folder, tokenizer: compressed) }
        #expect(refused?.message.contains("gunzip") == true)
    }
}
