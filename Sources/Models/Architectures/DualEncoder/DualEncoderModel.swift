import Basics
import Foundation
package import SystemPackage
package import Tensors

/// A published dual encoder: one vector a frame, of which a clip's is the mean, and one a sentence. A Slow part can read its patches.
package final class DualEncoderModel: RerankableModel {
    package let folder: ModelFolder
    package let configuration: DualEncoderConfiguration
    package let modelDigest: String
    package let input: FrameInput
    package let image: VisionTransformer
    package let text: TextTransformer
    package let tokenizer: any Tokenizer
    package let slow: SlowCaptioner?
    package let reranking: Reranking?
    package let querybank: Querybank?
    /// Numbers that were learned in each tower.
    package let imageParameters, textParameters: Int
    private let towers: DualEncoderHeads
    private let precision: FeaturePrecision

    package var name: String { configuration.name }
    package var framesPerClip: Int { configuration.framesPerClip }
    package var dimensions: Int { configuration.dimensions }
    package var heads: any FastHeads { towers }
    package var pooledChannels: Int { dimensions }
    package var mapSizes: [FeatureMapSize] { image.mapSizes(side: configuration.image.frameSize) }
    package var wordPieces: WordPieceTokenizer? { nil }

    /// Pictures that go through the tower together.
    private static let pictureBatch = 16

    /// - Parameters:
    ///   - folder: with `config.json`, `image.safetensors`, `text.safetensors`, the tokenizer's files, and those of a Slow part if there
    ///     is one.
    ///   - precision: how the clips' rerank features are stored.
    ///   - learning: which parameters of the text tower, by their names after `text.`, are to be trained; nil in use.
    /// - Throws: ``ModelError`` or ``WeightsError`` that names the file, the key or the tensor.
    package convenience init(
        _ folder: ModelFolder, precision: FeaturePrecision = .full, learning: ((String) -> Bool)? = nil
    ) throws {
        try self.init(folder, precision: precision, learning: learning, trials: nil)
    }

    private init(
        _ folder: ModelFolder, precision: FeaturePrecision, learning: ((String) -> Bool)?,
        trials: (image: PackingTrial, text: PackingTrial)?
    ) throws {
        let configuration = try DualEncoderConfiguration(folder)
        self.folder = folder
        self.configuration = configuration
        self.precision = precision
        input = configuration.image.input
        tokenizer = try configuration.text.tokenizer.tokenizer(in: folder.path)
        try configuration.require(tokenizer, source: folder.path.string)
        let images = try SafetensorsFile(folder.image)
        let pictures = ParameterSource<Float>(images, trial: trials?.image)
        image = try VisionTransformer(configuration.image, dimensions: configuration.dimensions, pictures)
        imageParameters = try pictures.requireNoMore(in: images)
        let texts = try SafetensorsFile(folder.text)
        let learned = learning.map { learning in Set(texts.names.filter { learning(DualEncoderHeads.textPrefix + $0) })
        }
        let sentences = ParameterSource<Float>(
            texts, trial: trials?.text, trainable: learned.map { learned in learned.contains })
        text = try TextTransformer(configuration.text, dimensions: configuration.dimensions, sentences)
        textParameters = try sentences.requireNoMore(in: texts)
        towers = DualEncoderHeads(
            text: text, padding: tokenizer.padding, logitScale: configuration.logitScale,
            textParameters: sentences.parameters)
        (slow, reranking) = try folder.slowPart(
            configuration.slow, maps: image.mapSizes(side: configuration.image.frameSize), tokenizer: nil)
        querybank = try folder.querybank(dimensions: configuration.dimensions)
        modelDigest = try ModelFolder.digest(
            of: [folder.configuration, folder.image, folder.text]
                + configuration.text.tokenizer.files(in: folder.path) + folder.slowFiles + folder.querybankFiles)
    }

    package func features(of images: [RGBImage]) throws -> VisualFeatures {
        try features(of: images, maps: mapSizes.count)
    }

    /// - Parameter count: of the maps that are kept, coarse to fine.
    private func features(of images: [RGBImage], maps count: Int) throws -> VisualFeatures {
        try input.require(images)
        var parts: [VisualFeatures] = []
        for start in stride(from: 0, to: images.count, by: Self.pictureBatch) {
            var part = try image.features(of: Array(images[start..<min(start + Self.pictureBatch, images.count)]))
            part.maps = Array(part.maps.prefix(count))
            parts.append(part)
        }
        guard !parts.isEmpty else { throw ModelError(.input, "the model was given no picture") }
        return VisualFeatures(joining: parts)
    }

    /// What packing a model to 8 bits would lose, and which layers had better stay in floats.
    ///
    /// - Parameter folder: of the model in floats.
    /// - Throws: as ``init(_:)`` does, and when an embedding isn't finite.
    static func packing(of folder: ModelFolder) throws -> (image: PackingTrial.Choice, text: PackingTrial.Choice) {
        let trials = (image: PackingTrial(), text: PackingTrial())
        let model = try DualEncoderModel(folder, precision: .full, learning: nil, trials: trials)
        let pictures = CheckInputs.pictures(side: model.configuration.image.frameSize)
        return (
            image: try trials.image.choice { try model.encode(clips: pictures.map { [$0] }).map(\.embedding) },
            text: try trials.text.choice { try CheckInputs.sentences.map { try model.embed(query: $0) } }
        )
    }

    package func encode(clips: [[RGBImage]]) throws -> [EncodedClip] {
        if clips.isEmpty { return [] }
        for clip in clips where clip.isEmpty || clip.count > framesPerClip {
            throw ModelError(.input, "a clip has \(clip.count) frames; the model wants 1 to \(framesPerClip)")
        }
        let features = try features(of: clips.flatMap { $0 }, maps: slow?.model.configuration.maps.count ?? 0)
        guard let pooled = features.pooled else { throw ModelError(.tensor, "the image tower makes no vector") }
        let counts = clips.map(\.count)
        let vectors = try rows(
            shortened(towers.clips(pooled: Variable(constant: pooled), frameCounts: counts).value), of: "a clip")
        let memory = try slow?.memories(of: features, frameCounts: counts)
        return clips.indices.map { index in
            EncodedClip(
                embedding: vectors[index],
                rerankFeatures: memory.map { ClipMemory.encode($0, clip: index, precision: precision) })
        }
    }

    package func embed(query: String) throws -> [Float] {
        var off = Dropout.off
        return try rows(towers.sentences([tokens(of: query)], dropout: &off).value, of: "the query")[0]
    }

    private func rows(_ embeddings: Tensor<Float>, of what: String) throws -> [[Float]] {
        let values = embeddings.scalars
        guard values.allSatisfy(\.isFinite) else {
            throw ModelError(.input, "the model's output for \(what) isn't a number; the model is damaged")
        }
        return stride(from: 0, to: values.count, by: dimensions).map { Array(values[$0..<$0 + dimensions]) }
    }

    package func tokens(of sentence: String) -> [Int32] {
        tokenizer.encode(sentence, limit: configuration.text.contextLength)
    }

    /// The tower's weights, and how pictures are brought to it.
    package func featureDigest() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        var hash = ContentHash()
        hash.update(Array(try encoder.encode(configuration.image)))
        return try ModelFolder.digest(of: [folder.image]) + "-" + ContentHash.hexadecimal(hash.finish().prefix(4))
    }

    package func wordVectors(for vocabulary: SlowVocabulary, width: Int) -> Tensor<Float>? { nil }

    package func write(
        to directory: FilePath, name: String, precision: WeightPrecision, slow replacement: SlowCaptioner?,
        reranking: Reranking?
    ) throws {
        let slow = replacement ?? slow
        var configuration = configuration
        configuration.name = name
        configuration.slow = slow?.model.configuration
        let target = ModelFolder(directory)
        try target.begin()
        let tokenizerFiles = try configuration.text.tokenizer.files(in: folder.path)
        let learned = towers.textParameters.filter(\.variable.requiresGradient).map { ($0.name, $0.variable.value) }
        let kept = [folder.image] + (learned.isEmpty ? [folder.text] : []) + tokenizerFiles
        try target.copy(kept.compactMap(\.lastComponent?.string), from: folder)
        if !learned.isEmpty { try SafetensorsFile(folder.text).replacing(learned).write(to: target.text) }
        try target.takeQuerybank(from: folder, isOutdated: !learned.isEmpty)
        try target.writeSlowPart(slow, precision: precision, reranking: reranking)
        try target.finish(configuration.encoded())
    }
}

extension DualEncoderConfiguration {
    /// Checks that a tokenizer's ids have vectors.
    func require(_ tokenizer: any Tokenizer, source: String) throws(ModelError) {
        guard tokenizer.vocabularySize <= text.vocabularySize else {
            throw ModelError(
                .malformed,
                "\(source): the tokenizer has \(tokenizer.vocabularySize) pieces and the model vectors of "
                    + "\(text.vocabularySize); they belong to different models")
        }
    }
}

/// The files of a folder of this architecture, beside those that every model has and the tokenizer's.
extension ModelFolder {
    var image: FilePath { path.appending("image.safetensors") }
    var text: FilePath { path.appending("text.safetensors") }
}

extension ModelArchitecture {
    /// What `saccade model import` makes of published checkpoints: CLIP, SigLIP and their like.
    package static let dualEncoder = ModelArchitecture(
        name: DualEncoderConfiguration.architecture, learn: { try DualEncoderModel($0, learning: $1) }
    ) { folder, precision in
        let model = try DualEncoderModel(folder, precision: precision)
        let configuration = model.configuration
        return LoadedModel(
            name: configuration.name, directory: folder.path, architecture: DualEncoderConfiguration.architecture,
            parts: [
                LoadedModel.Part(
                    name: "image tower", summary: configuration.image.summary, parameters: model.imageParameters),
                LoadedModel.Part(
                    name: "text tower", summary: configuration.text.summary, parameters: model.textParameters),
            ] + (model.slow.map { [LoadedModel.Part($0)] } ?? []) + [
                LoadedModel.Part(
                    name: "origin",
                    summary: configuration.origin + ", licence " + (configuration.licence ?? "not named"),
                    parameters: nil)
            ],
            clips: model, queries: model,
            scorer: model.slow.map {
                SlowPairScorer($0, reranking: model.reranking, modelDigest: model.modelDigest)
            },
            captioner: model.slow?.describing, reranking: model.reranking)
    }
}

extension ImageTowerConfiguration {
    fileprivate var summary: String {
        "\(layers) layers of \(width), patches of \(patchSize), \(tokens) tokens a frame"
            + (packing?.summary ?? "")
    }
}

extension TextTowerConfiguration {
    fileprivate var summary: String {
        "\(layers) layers of \(width), \(contextLength) tokens, \(vocabularySize) in the vocabulary"
            + (packing?.summary ?? "")
    }
}

extension Packing {
    fileprivate var summary: String { ", 8 bits a weight in \(layers - floatLayers.count) of \(layers) products" }
}
