import DecodeProtocol
import Foundation
package import SystemPackage
package import Tensors

/// A model of this architecture: a frozen backbone, a Fast dual encoder on it, and where the model has it a Slow captioner.
package final class FastSlowModel: RerankableModel {
    package let folder: ModelFolder
    package let configuration: FastSlowConfiguration
    package let modelDigest: String
    package let backbone: EfficientNetLite
    package let fast: FastModel<Float>
    package let slow: SlowCaptioner?
    package let tokenizer: WordPieceTokenizer
    package let reranking: Reranking?
    package let querybank: Querybank?
    package let input: FrameInput
    private let precision: FeaturePrecision

    package var name: String { configuration.name }
    package var framesPerClip: Int { configuration.framesPerClip }
    package var dimensions: Int { configuration.fast.dimensions }
    package var heads: any FastHeads { fast }
    package var pooledChannels: Int { backbone.pooledChannels }
    package var mapSizes: [FeatureMapSize] { backbone.mapSizes(side: configuration.backbone.frameSize) }
    package var wordPieces: WordPieceTokenizer? { tokenizer }

    /// Pictures that go through the backbone together: enough for two threads, few enough for the caches.
    private static let pictureBatch = 16

    /// - Parameters:
    ///   - directory: with `config.json`, `backbone.safetensors`, `fast.safetensors` and `vocab.txt`.
    ///   - precision: how the clips' rerank features are stored.
    ///   - learning: which parameters of the Fast model are to be trained; nil in use, where its text encoder computes in 8 bits if its
    ///     weights have them.
    /// - Throws: ``ModelError`` or ``WeightsError`` that names the file, the key or the tensor.
    package init(
        directory: FilePath, precision: FeaturePrecision = .full, learning: ((String) -> Bool)? = nil
    ) throws {
        let folder = ModelFolder(directory)
        let configuration = try FastSlowConfiguration(folder)
        self.folder = folder
        self.configuration = configuration
        modelDigest = try ModelFolder.digest(of: folder.fastSlowParts)
        let tokenizer = try WordPieceTokenizer(vocabularyFile: folder.vocabulary)
        self.tokenizer = tokenizer
        guard tokenizer.vocabularySize <= configuration.text.vocabularySize else {
            throw ModelError(
                .malformed, "\(folder.vocabulary): has more pieces than config.json says; it is another model's")
        }
        let backbone = try EfficientNetLite(
            architecture: configuration.backbone.network, weights: WeightSet(SafetensorsFile(folder.backbone)))
        let maps = backbone.mapSizes(side: configuration.backbone.frameSize)
        guard backbone.pooledChannels == configuration.fast.pooledChannels,
            maps[0].channels == configuration.fast.mapChannels
        else {
            throw ModelError(.malformed, "\(folder.configuration): fast doesn't fit the backbone's channels")
        }
        self.backbone = backbone
        input = FrameInput(
            geometry: FrameGeometry(side: configuration.backbone.frameSize), mean: EfficientNetLite.mean,
            deviation: EfficientNetLite.deviation)
        let weights = try WeightSet(SafetensorsFile(folder.fast))
        let prefix = FastModel<Float>.textPrefix
        let text = try BERTEncoder<Float>(
            configuration.text, weights: weights.scoped(prefix),
            learns: learning.map { learning in { learning(prefix + $0) } })
        fast = try FastModel(
            configuration.fast, text: text,
            ParameterSource(weights, trainable: learning?("text_projection.weight") ?? false))
        try weights.requireOnly(
            Set(fast.headParameters.map(\.name) + text.parameterNames.map { prefix + $0 }))
        self.precision = precision
        (slow, reranking) = try folder.slowPart(configuration.slow, maps: maps, tokenizer: tokenizer)
        querybank = try folder.querybank(dimensions: configuration.fast.dimensions)
    }

    package func features(of images: [RGBImage]) throws -> VisualFeatures {
        try input.require(images)
        var parts: [VisualFeatures] = []
        for start in stride(from: 0, to: images.count, by: Self.pictureBatch) {
            parts.append(
                try backbone.features(of: Array(images[start..<min(start + Self.pictureBatch, images.count)])))
        }
        guard !parts.isEmpty else { throw ModelError(.input, "the model was given no picture") }
        return VisualFeatures(joining: parts)
    }

    /// What a block of the backbone is given for pictures: what ``tail(blocks:)`` is fed with.
    ///
    /// - Parameters:
    ///   - block: at least 1.
    ///   - images: as ``input`` says.
    /// - Throws: ``ModelError`` when there is no picture or one has the wrong size.
    package func input(ofBlock block: Int, _ images: [RGBImage]) throws -> FeatureMap {
        try input.require(images)
        var parts: [VisualFeatures] = []
        for start in stride(from: 0, to: images.count, by: Self.pictureBatch) {
            let batch = Array(images[start..<min(start + Self.pictureBatch, images.count)])
            parts.append(VisualFeatures(maps: [try backbone.input(ofBlock: block, batch)]))
        }
        guard !parts.isEmpty else { throw ModelError(.input, "the model was given no picture") }
        return VisualFeatures(joining: parts).maps[0]
    }

    /// The last blocks of the backbone and its head, to be trained. Reads them.
    ///
    /// - Parameter count: at least 1, and fewer than the backbone has.
    /// - Throws: ``WeightsError`` when they can't be read; ``ModelError`` when the first of them can't be trained.
    package func tail(blocks count: Int) throws -> BackboneTail<Float> {
        let architecture = configuration.backbone.network
        return try BackboneTail(
            architecture, from: architecture.blocks.count - count,
            ParameterSource(try WeightSet(SafetensorsFile(folder.backbone)), trainable: true))
    }

    package func encode(clips: [[RGBImage]]) throws -> [EncodedClip] {
        if clips.isEmpty { return [] }
        for clip in clips where clip.isEmpty || clip.count > framesPerClip {
            throw ModelError(.input, "a clip has \(clip.count) frames; the model wants 1 to \(framesPerClip)")
        }
        let features = try features(of: clips.flatMap { $0 })
        guard let pooled = features.pooled else { throw ModelError(.tensor, "the backbone has no head") }
        var off = Dropout.off
        let embeddings = fast.visual(
            pooled: Variable(constant: pooled), map: Variable(constant: features.maps[0].values),
            frameCounts: clips.map(\.count), dropout: &off)
        let values = shortened(embeddings.value).scalars
        guard values.allSatisfy(\.isFinite) else {
            throw ModelError(.input, "the model's output for a clip isn't a number; the model is damaged")
        }
        let memories = try slow.map { slow in
            let memory = try slow.memories(of: features, frameCounts: clips.map(\.count))
            return clips.indices.map { ClipMemory.encode(memory, clip: $0, precision: precision) }
        }
        return clips.indices.map { index in
            EncodedClip(
                embedding: Array(values[(index * dimensions)..<((index + 1) * dimensions)]),
                rerankFeatures: memories?[index])
        }
    }

    package func embed(query: String) throws -> [Float] {
        var off = Dropout.off
        let embedding = fast.embed(TokenBatch([tokens(of: query)]), dropout: &off).value.scalars
        guard embedding.allSatisfy(\.isFinite) else {
            throw ModelError(.input, "the model's output for the query isn't a number; the model is damaged")
        }
        return embedding
    }

    package func featureDigest() throws -> String {
        let backbone = configuration.backbone
        let weights = try ModelFolder.digest(of: [folder.backbone])
        return "\(backbone.architecture.rawValue)-\(backbone.frameSize)-\(weights)"
    }

    package func wordVectors(for vocabulary: SlowVocabulary, width: Int) -> Tensor<Float>? {
        vocabulary.startingVectors(from: fast.text, pieces: tokenizer.pieces, width: width)
    }

    package func tokens(of sentence: String) -> [Int32] {
        tokenizer.encode(sentence, limit: configuration.fast.maximumTokens)
    }
}

extension ModelArchitecture {
    /// A Fast dual encoder and a Slow captioner on one frozen convolutional network.
    package static let fastSlow = ModelArchitecture(
        name: FastSlowConfiguration.architecture,
        learn: { try FastSlowModel(directory: $0.path, learning: $1) }
    ) { folder, precision in
        let model = try FastSlowModel(directory: folder.path, precision: precision)
        let format = try folder.header().format
        let scorer = model.slow.map {
            SlowPairScorer($0, reranking: model.reranking, modelDigest: model.modelDigest)
        }
        return LoadedModel(
            name: model.name, directory: folder.path, architecture: FastSlowConfiguration.architecture,
            parts: model.parts,
            earlierDigests: format == 1 ? [try ModelFolder.earlierDigest(of: folder.fastSlowParts)] : [],
            clips: model, queries: model, scorer: scorer,
            captioner: model.slow?.describing,
            reranking: model.reranking)
    }
}

extension FastSlowModel {
    fileprivate var parts: [LoadedModel.Part] {
        let backbone = configuration.backbone
        let parts = [
            LoadedModel.Part(
                name: "backbone",
                summary: backbone.architecture.rawValue, parameters: nil),
            LoadedModel.Part(
                name: "Fast", summary: "dual encoder, \(dimensions) numbers a clip",
                parameters: fast.parameterCount),
        ]
        return parts + (slow.map { [LoadedModel.Part($0)] } ?? [])
    }
}
