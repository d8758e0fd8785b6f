import Differentiation
import Foundation
import Models
import SystemPackage
import Tensors
import TestSupport
import Testing

/// A Slow part on an imported dual encoder's patches, and the text tower that learns.
@Suite struct ImportedSlowTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private static let kinds: [DrawnCheckpoint.Kind] = [.clip, .siglip2, .perceptionEncoder]

    private func imported(_ kind: DrawnCheckpoint.Kind) throws -> ModelFolder {
        let folder = directory.path.appending("checkpoint")
        try DrawnCheckpoint(kind).write(to: folder)
        return ModelFolder(
            try Checkpoint(recognising: folder).write(to: directory.path.appending("model"), precision: .float)
                .directory)
    }

    private func picture(_ index: Int) -> RGBImage {
        RGBImage(width: 32, height: 32, pixels: DrawnCheckpoint.picture(index, side: 32))
    }

    /// A new Slow part with a vocabulary of its own.
    private func captioner(for model: any RerankableModel, _ layers: [Int] = [0, 1, 2]) throws -> SlowCaptioner {
        let pieces = ["[CLS]", "[SEP]", "[UNK]", "a", "dog", "runs", "##s", "walk"]
        let configuration = SlowConfiguration(
            width: 16, heads: 2, feedForward: 24, layers: layers,
            maps: Array(model.mapSizes.prefix(1 + (layers.max() ?? 0))), vocabularySize: pieces.count,
            maximumTokens: 6, frames: 4)
        let vocabulary = try SlowVocabulary(pieces: pieces, tokenizerVocabulary: nil)
        return SlowCaptioner(
            model: try SlowModel(configuration, ParameterSource(random: SplitMix64(seed: 4))), vocabulary: vocabulary,
            tokenizer: try vocabulary.tokenizer)
    }

    @Test(arguments: kinds)
    func `Maps are the patches after all blocks and earlier ones, each of mean 0 and variance 1`(
        kind: DrawnCheckpoint.Kind
    ) throws {
        let model = try imported(kind).rerankable()
        let features = try model.features(of: (0..<3).map(picture))
        #expect(features.maps.count == 3 && model.mapSizes.count == 3)
        for (map, size) in zip(features.maps, model.mapSizes) {
            #expect(map.values.shape == [3, size.positions, size.channels] && map.height == size.side)
            let cells = map.values.scalars
            for start in stride(from: 0, to: cells.count, by: size.channels) {
                let cell = cells[start..<start + size.channels]
                let mean = cell.reduce(0, +) / Float(cell.count)
                let variance = cell.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Float(cell.count)
                #expect(abs(mean) < 1e-4 && abs(variance - 1) < 1e-3)
            }
        }
        // Two blocks: the last two maps are those of the second and of the first.
        #expect(features.maps[0].values == features.maps[1].values)
        #expect(features.maps[1].values != features.maps[2].values)
        // What is kept of the features makes the same embeddings.
        let clips = [[picture(0), picture(1)], [picture(2)]]
        var off = Dropout.off
        let kept = model.heads.clips(
            pooled: Variable(constant: try #require(features.pooled)),
            map: Variable(constant: features.maps[0].values), frameCounts: [2, 1], dropout: &off)
        let encoded = try model.encode(clips: clips).flatMap(\.embedding)
        #expect(zip(kept.value.scalars, encoded).allSatisfy { abs($0 - $1) < 1e-6 })
    }

    @Test(arguments: kinds)
    func `A model is written with a Slow part, and re-ranks and describes when it is loaded`(
        kind: DrawnCheckpoint.Kind
    ) throws {
        let folder = try imported(kind)
        let model = try folder.rerankable()
        let captioner = try captioner(for: model)
        let written = ModelFolder(directory.path.appending("written"))
        try model.write(
            to: written.path, name: "seeing", precision: .half, slow: captioner, reranking: .untuned)
        let loaded = try LoadedModel.load(written.path)
        #expect(loaded.name == "seeing" && loaded.reranking == .untuned && loaded.parts.contains { $0.name == "Slow" })
        #expect(try loaded.digest != LoadedModel.load(folder.path).digest)
        #expect(try written.rerankable().featureDigest() == model.featureDigest())
        #expect(try loaded.queries.embed(query: "a dog") == model.embed(query: "a dog"))

        let clips = try loaded.clips.encode(clips: [[picture(0)], [picture(1), picture(2)]])
        let features = try clips.map { try #require($0.rerankFeatures) }
        let scorer = try #require(loaded.scorer)
        // The vocabulary is its own tokenizer: “walks” is two of its pieces, and “cat” none.
        #expect(scorer.pieces(of: "A dog walks") == QueryPieces(count: 4))
        #expect(scorer.pieces(of: "a cat") == QueryPieces(count: 2, unknown: 1))
        let scores = try scorer.scores(of: "a dog walks", features: features + [[1, 2, 3]])
        #expect(scores.prefix(2).allSatisfy { $0?.isFinite == true } && scores[2] == nil && scores[0] != scores[1])
        #expect(try #require(loaded.captioner).caption(features[0]).score.isFinite)

        // The same again from that folder, over itself.
        try written.rerankable().write(
            to: written.path, name: "again", precision: .half, slow: nil, reranking: nil)
        let again = try LoadedModel.load(written.path)
        #expect(again.name == "again" && again.scorer != nil && again.reranking == nil)
        #expect(try again.scorer?.scores(of: "a dog walks", features: features) == Array(scores.prefix(2)))
    }

    @Test(arguments: kinds)
    func `Every parameter of the text tower but the words has a gradient, and is written when it was trained`(
        kind: DrawnCheckpoint.Kind
    ) throws {
        let folder = try imported(kind)
        let model = try folder.rerankable { $0.hasPrefix("text.") }
        let heads = model.heads
        #expect(heads.headParameters.isEmpty && !heads.textParameters.isEmpty)
        #expect(heads.textParameters.allSatisfy { $0.variable.requiresGradient && !$0.name.contains("words") })
        var off = Dropout.off
        let sentences = try heads.sentences(["a dog", "two men run"].map(model.tokens(of:)), dropout: &off)
        let weights = Variable<Float>(
            constant: Tensor((0..<sentences.value.count).map { Float($0 % 7) - 3 }, shape: sentences.shape))
        let found = gradients(of: (sentences * weights).sum(), withRespectTo: heads.textParameters.map(\.variable))
        for (parameter, gradient) in zip(heads.textParameters, found) {
            #expect(gradient.scalars.contains { $0 != 0 }, "\(parameter.name)")
        }
        heads.textParameters[0].variable.update { tensor in
            // Not the same in each channel: that layer norms would take away.
            tensor.withUnsafeMutableBufferPointer { for index in $0.indices { $0[index] += Float(index % 3) } }
        }
        let learned = try model.embed(query: "a dog")
        let written = directory.path.appending("written")
        try model.write(to: written, name: "learned", precision: .half, slow: nil, reranking: nil)
        let loaded = try LoadedModel.load(written)
        #expect(try loaded.queries.embed(query: "a dog") == learned)
        #expect(try loaded.queries.embed(query: "a dog") != LoadedModel.load(folder.path).queries.embed(query: "a dog"))
        let clip = [[picture(1)]]
        #expect(try loaded.clips.encode(clips: clip) == LoadedModel.load(folder.path).clips.encode(clips: clip))
    }

    @Test func `A Slow part of another image tower is refused by its key`() throws {
        let folder = try imported(.clip)
        let model = try folder.rerankable()
        try model.write(
            to: directory.path.appending("written"), name: "x", precision: .half, slow: try captioner(for: model),
            reranking: nil)
        let path = directory.path.appending("written/config.json").string
        let text = try String(contentsOfFile: path, encoding: .utf8)
        for (old, new, words) in [
            ("\"channels\" : 64", "\"channels\" : 32", "slow.maps"),
            ("\"frames\" : 4", "\"frames\" : 9", "slow.frames"),
            ("\"memory_width\" : 16", "\"memory_width\" : 17", "memory_width"),
        ] {
            let changed = text.replacingOccurrences(of: old, with: new)
            #expect(changed != text)
            try changed.write(toFile: path, atomically: true, encoding: .utf8)
            let error = #expect(throws: ModelError.self) { try LoadedModel.load(directory.path.appending("written")) }
            #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
        }
    }
}
