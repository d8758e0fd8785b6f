import Basics
import DecodeProtocol
import Foundation
import Models
import SystemPackage
import Tensors
import TestSupport
import Testing

/// BLIP beside a Fast model, against transformers by Fixtures/make_blip.py.
@Suite struct BLIPTests {
    private let directory: TemporaryDirectory
    private let folder, fast, output: FilePath

    init() throws {
        directory = try TemporaryDirectory()
        folder = directory.path.appending("checkpoint")
        fast = directory.path.appending("fast")
        output = directory.path.appending("model")
    }

    private static let names = ["blip-itm", "blip-captioning"]

    /// A Fast model with frames of 32 px; those of the small BLIPs have 48.
    @discardableResult
    private func importFast(_ kind: DrawnCheckpoint.Kind = .siglip2) throws -> LoadedModel {
        let downloaded = directory.path.appending("fast-checkpoint")
        try DrawnCheckpoint(kind).write(to: downloaded)
        return try Checkpoint(recognising: downloaded).write(to: fast, precision: .float)
    }

    private func imported(_ drawn: DrawnCheckpoint) throws -> LoadedModel {
        try importFast()
        try drawn.write(to: folder)
        return try BLIPCheckpoint(recognising: folder).write(to: output, fast: fast)
    }

    private func picture(_ index: Int, side: Int = 48) -> RGBImage {
        RGBImage(width: side, height: side, pixels: DrawnCheckpoint.picture(index, side: side))
    }

    @Test(arguments: names)
    func `Every text with every picture gets the reference's score`(name: String) throws {
        let drawn = try DrawnCheckpoint(blip: name)
        let model = try #require(try imported(drawn).clips as? BLIPModel)
        let tokens = try model.visualTokens(of: (0..<3).map { picture($0) })
        let memory = VisualMemory<Float>.Tokens(values: tokens, lengths: [37, 37, 37])
        for (text, wanted) in zip(drawn.texts, drawn.scores) {
            let found = try model.reader.scores(of: text, with: memory, endWeight: 1)
            for (score, expected) in zip(found, wanted) {
                #expect(abs(Double(score) - expected) < 1e-4, "\(text): \(score), \(expected)")
            }
        }
    }

    @Test(arguments: names)
    func `Clips get the Fast model's vectors and BLIP's tokens, from the same frames`(name: String) throws {
        let drawn = try DrawnCheckpoint(blip: name)
        let model = try imported(drawn)
        let fast = try LoadedModel.load(fast)
        #expect(model.clips.input.geometry.side == 48 && model.clips.framesPerClip == fast.clips.framesPerClip)
        #expect(model.clips.input.geometry.fit == fast.clips.input.geometry.fit)
        #expect(model.digest != fast.digest && model.queries.modelDigest == model.digest)
        #expect(try model.queries.embed(query: "a dog") == fast.queries.embed(query: "a dog"))
        #expect(model.reranking?.depth == 16 && (model.captioner != nil) == (name == "blip-captioning"))

        // A colour stays what it is in any size.
        let red = RGBImage(width: 48, height: 48, pixels: (0..<48 * 48).flatMap { _ in [200, 30, 30] as [UInt8] })
        let small = RGBImage(width: 32, height: 32, pixels: Array(red.pixels.prefix(32 * 32 * 3)))
        let found = try model.clips.encode(clips: [[red]])[0].embedding
        #expect(try found == fast.clips.encode(clips: [[small]])[0].embedding)

        // A frame has its class token and 3×3 means of 2×2 patches; of six frames four are kept.
        let clips = [[picture(0)], (0..<6).map { picture($0) }]
        let features = try model.clips.encode(clips: clips).map { try #require($0.rerankFeatures) }
        #expect(features.map(\.count) == [10 + 10 * (2 + 40), 10 + 40 * (2 + 40)])
        let compact = try LoadedModel.load(output, precision: .compact).clips.encode(clips: clips)
            .map { try #require($0.rerankFeatures) }
        #expect(compact.map(\.count) == [10 + 10 * (2 + 40), 10 + 10 * (2 + 40)] && compact[0] == features[0])

        let scorer = try #require(model.scorer)
        let query = "two dogs run and play on the beach"
        let scores = try scorer.scores(of: query, features: features + compact + [[], [1, 2, 3]])
        #expect(scores.prefix(4).allSatisfy { $0?.isFinite == true } && scores[4] == nil && scores[5] == nil)
        #expect(abs((scores[0] ?? 0) - (scores[2] ?? 1)) < 1e-4 && scores[0] != scores[1])
        // Alone a clip gets the score that it gets beside others.
        let alone = try #require(try scorer.scores(of: query, features: [features[0]])[0])
        #expect(abs(alone - (scores[0] ?? 0)) < 1e-4)
        #expect(try scorer.blankScore(of: query).isFinite)
        #expect(scorer.pieces(of: "two dogs 東") == QueryPieces(count: 3, unknown: 1))
        #expect(!scorer.canRead(""))
    }

    @Test func `What is stored is nearly what the image tower says about a picture of large patches`() throws {
        let drawn = try DrawnCheckpoint(blip: "blip-itm")
        let model = try imported(drawn)
        let blip = try #require(model.clips as? BLIPModel)
        let tokens = try blip.visualTokens(of: [picture(0)])
        // Means of 2×2 patches, by another way.
        let values = tokens.value.scalars
        let pooled = (0..<9).flatMap { cell in
            (0..<40).map { column in
                let first = 1 + cell / 3 * 12 + cell % 3 * 2
                return [first, first + 1, first + 6, first + 7].reduce(0) { $0 + values[$1 * 40 + column] } / 4
            }
        }
        let expected = Variable(constant: Tensor(Array(values.prefix(40)) + pooled, shape: [1, 10, 40]))
        let features = try #require(try model.clips.encode(clips: [[picture(0)]])[0].rerankFeatures)
        for text in drawn.texts.prefix(4) {
            let stored = try #require(try model.scorer?.scores(of: text, features: [features])[0])
            let exact = try blip.reader.scores(of: text, with: .init(values: expected, lengths: [10]), endWeight: 1)[0]
            #expect(abs(stored - exact) < 0.1, "\(text): \(stored), \(exact)")
        }
    }

    @Test func `A captioner writes words and no special tokens`() throws {
        let drawn = try DrawnCheckpoint(blip: "blip-captioning")
        let model = try imported(drawn)
        let features = try #require(try model.clips.encode(clips: [[picture(1)]])[0].rerankFeatures)
        let caption = try #require(model.captioner).caption(features)
        #expect(!caption.sentence.isEmpty && !caption.sentence.contains("[") && caption.score < 0)
        #expect(throws: ModelError.self) { try model.captioner?.caption([1, 2, 3]) }
    }

    @Test func `A Fast model of any architecture gets one, and one that has a BLIP doesn't`() throws {
        let drawn = try DrawnCheckpoint(blip: "blip-itm")
        try drawn.write(to: folder)
        let shipped = try ModelFolder.shipped(
            environment: [:], executable: FilePath(#filePath).removingLastComponent())
        let model = try BLIPCheckpoint(recognising: folder).write(to: output, fast: shipped)
        #expect(model.clips.input.geometry.side == 256 && model.parts.count { $0.name == "Slow" } == 1)
        let frame = RGBImage(width: 256, height: 256, pixels: DrawnCheckpoint.picture(0, side: 256))
        let alone = try LoadedModel.load(shipped)
        #expect(
            try model.clips.encode(clips: [[frame]])[0].embedding == alone.clips.encode(clips: [[frame]])[0].embedding)
        let error = #expect(throws: ModelError.self) {
            try BLIPCheckpoint(recognising: folder).write(to: directory.path.appending("twice"), fast: output)
        }
        #expect(error?.message.contains("BLIP already") == true)
        let trained = #expect(throws: ModelError.self) { try ModelFolder(output).rerankable() }
        #expect(trained?.message.contains("can't be trained") == true)
    }

    private func expectRefusal(
        naming words: [String], _ sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let error = #expect(throws: (any Error).self, sourceLocation: sourceLocation) {
            _ = try BLIPCheckpoint(recognising: folder).write(to: output, fast: fast)
        }
        let message = (error as? any ExplainedError)?.message ?? "\(error.map { "\($0)" } ?? "none")"
        for word in words { #expect(message.contains(word), "\(message)", sourceLocation: sourceLocation) }
        let left = try FileManager.default.contentsOfDirectory(atPath: directory.path.string)
        #expect(!left.contains { $0.hasPrefix("model") }, "\(left)", sourceLocation: sourceLocation)
    }

    @Test func `What doesn't fit is refused by name, and leaves nothing`() throws {
        try importFast()
        let whole = try DrawnCheckpoint(blip: "blip-itm")
        for (keys, value, words) in [
            (["model_type"], "clip", ["clip", "--fast"]), (["vision_config", "patch_size"], 7, ["patches of 7"]),
            (["vision_config", "num_hidden_layers"], 1, ["layers.1."]),
            (["text_config", "num_hidden_layers"], 3, ["layer.2."]),
            (["text_config", "num_attention_heads"], 5, ["text.width", "5 heads"]),
            (["text_config", "hidden_act"], "swish", ["hidden_act"]),
            (["text_config", "bos_token_id"], 1 << 20, ["start_token"]),
            (["text_config", "hidden_size"], 64, ["word_embeddings", "shape"]),
        ] as [([String], any Sendable, [String])] {
            var drawn = whole
            drawn.set(["config.json"] + keys, to: value)
            try drawn.write(to: folder)
            try expectRefusal(naming: words)
        }
        for (removed, added, words) in [
            ("text_encoder.encoder.layer.1.crossattention.self.key.weight", nil, ["no tensor", "crossattention"]),
            ("itm_head.weight", nil, ["blip-itm", "itm_head"]),
            (nil, "text_decoder.extra.weight", ["text_decoder.extra"]),
        ] as [(String?, String?, [String])] {
            var drawn = whole
            if let removed { drawn.shapes[removed] = nil }
            if let added { drawn.shapes[added] = [3] }
            try drawn.write(to: folder)
            try expectRefusal(naming: words)
        }
        try whole.write(to: folder)
        try FileManager.default.removeItem(atPath: folder.appending("vocab.txt").string)
        try expectRefusal(naming: ["vocab.txt", "--tokenizer"])
        try whole.write(to: folder)
        try FileManager.default.removeItem(atPath: fast.appending("image.safetensors").string)
        try expectRefusal(naming: ["image.safetensors"])
    }

    @Test func `Truncated and mutated files are refused or read`() throws {
        try importFast()
        try DrawnCheckpoint(blip: "blip-captioning").write(to: folder)
        var random = SeededGenerator(state: 5)
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.string).sorted() {
            let url = URL(filePath: folder.appending(name).string)
            let whole = try Data(contentsOf: url)
            let parsed = name.hasSuffix(".safetensors") ? min(whole.count, 8000) : whole.count
            for attempt in 0..<6 {
                var content = whole
                if attempt % 3 == 2 {
                    content = content.prefix(Int.random(in: 0..<parsed, using: &random))
                } else {
                    for _ in 0...attempt {
                        content[Int.random(in: 0..<parsed, using: &random)] = UInt8.random(in: 0...255, using: &random)
                    }
                }
                try content.write(to: url)
                do {
                    _ = try BLIPCheckpoint(recognising: folder).write(to: output, fast: fast)
                    try FileManager.default.removeItem(atPath: output.string)
                } catch {
                    #expect(error is any ExplainedError, "\(name), attempt \(attempt): \(error)")
                }
            }
            try whole.write(to: url)
        }
    }
}
