import Foundation
package import SystemPackage
package import Tensors

/// A model folder, loaded for use.
package final class RetrievalModel: ClipEncoder, QueryEncoder {
    package let configuration: ModelConfiguration
    package let generation: String
    /// Hex digest of the backbone's weights alone.
    package let backboneDigest: String
    package let backbone: any Backbone
    package let fast: FastModel<Float>
    /// Nil for a model that can't re-rank.
    package let slow: SlowCaptioner?
    package let tokenizer: WordPieceTokenizer
    /// How the two scores are put together; nil for a model that can't re-rank, or that says nothing about it.
    package let reranking: Reranking?
    private let memoryPrecision: ClipMemory.Precision

    package var name: String { configuration.name }
    package var frameSize: Int { configuration.backbone.frameSize }
    package var framesPerClip: Int { configuration.framesPerClip }
    package var dimensions: Int { configuration.fast.dimensions }

    /// Pictures that go through the backbone together: enough for two threads, few enough for the caches.
    private static let pictureBatch = 16

    /// - Parameters:
    ///   - directory: with `config.json`, `backbone.safetensors`, `fast.safetensors` and `vocab.txt`.
    ///   - memoryPrecision: how the clips' memories are stored.
    ///   - learning: which parameters of the Fast model are to be trained; none in use.
    /// - Throws: ``ModelError`` or ``WeightsError`` that names the file, the key or the tensor.
    package init(
        directory: FilePath, memoryPrecision: ClipMemory.Precision = .full,
        learning: (String) -> Bool = { _ in false }
    ) throws {
        let folder = ModelFolder(directory)
        let configuration = try ModelConfiguration(contentsOf: folder.configuration)
        self.configuration = configuration
        generation = try folder.digest()
        backboneDigest = try ModelFolder.digest(of: [folder.backbone])
        let tokenizer = try WordPieceTokenizer(vocabularyFile: folder.vocabulary)
        self.tokenizer = tokenizer
        guard tokenizer.vocabularySize <= configuration.text.vocabularySize else {
            throw ModelError(
                .malformed, "\(folder.vocabulary): has more pieces than config.json says; it is another model's")
        }
        let network = configuration.backbone.network
        let backbone = try EfficientNetLite(
            architecture: network, weights: WeightSet(SafetensorsFile(folder.backbone)))
        guard backbone.channels.head == configuration.fast.pooledChannels,
            backbone.channels.c5 == configuration.fast.mapChannels
        else {
            throw ModelError(.malformed, "\(folder.configuration): fast doesn't fit the backbone's channels")
        }
        self.backbone = backbone
        let weights = try WeightSet(SafetensorsFile(folder.fast))
        let prefix = FastModel<Float>.textPrefix
        let text = try BERTEncoder<Float>(
            configuration.text, weights: weights.scoped(prefix), learns: { learning(prefix + $0) })
        fast = try FastModel(
            configuration.fast, text: text, ParameterSource(weights, trainable: learning("text_projection.weight")))
        try weights.requireOnly(
            Set(fast.headParameters.map(\.name) + text.parameterNames.map { prefix + $0 }))
        self.memoryPrecision = memoryPrecision
        reranking =
            configuration.slow != nil && FileManager.default.fileExists(atPath: folder.reranking.string)
            ? try Reranking(contentsOf: folder.reranking) : nil
        slow = try configuration.slow.map { slow in
            for level in slow.levels
            where slow.maps[level] != backbone.map(level, frameSize: configuration.backbone.frameSize) {
                throw ModelError(.malformed, "\(folder.configuration): slow.maps doesn't fit the backbone's \(level)")
            }
            return try SlowCaptioner(folder: folder, configuration: slow, tokenizer: tokenizer)
        }
    }

    /// What the frozen backbone sees in pictures: the maps that the heads are fed with.
    ///
    /// - Parameter images: of ``frameSize`` × ``frameSize`` pixels.
    /// - Returns: `pooled` [N, 1, channels], `c5`, `c4` and `c3` [N, positions, channels].
    package func features(of images: [RGBImage]) throws -> BackboneFeatures {
        for image in images where image.width != frameSize || image.height != frameSize {
            throw ModelError(
                .input,
                "a frame of \(image.width)×\(image.height) pixels can't be used: the model wants \(frameSize)×\(frameSize)"
            )
        }
        var parts: [BackboneFeatures] = []
        for start in stride(from: 0, to: images.count, by: Self.pictureBatch) {
            let batch = Array(images[start..<min(start + Self.pictureBatch, images.count)])
            parts.append(try BackboneFeatures(backbone.features(batch, head: true)))
        }
        return BackboneFeatures(joining: parts)
    }

    package func encode(clips: [[RGBImage]]) throws -> [EncodedClip] {
        if clips.isEmpty { return [] }
        for clip in clips where clip.isEmpty || clip.count > framesPerClip {
            throw ModelError(.input, "a clip has \(clip.count) frames; the model wants 1 to \(framesPerClip)")
        }
        let features = try features(of: clips.flatMap { $0 })
        var off = Dropout.off
        let embeddings = fast.visual(
            pooled: Variable(constant: features.pooled), map: Variable(constant: features.c5),
            frameCounts: clips.map(\.count), dropout: &off)
        let values = embeddings.value.scalars
        guard values.allSatisfy(\.isFinite) else {
            throw ModelError(.input, "the model's output for a clip isn't a number; the model is damaged")
        }
        let memories = try slow.map { slow in
            let memory = try slow.memories(of: features, frameCounts: clips.map(\.count))
            return clips.indices.map { ClipMemory.encode(memory, clip: $0, precision: memoryPrecision) }
        }
        return clips.indices.map { index in
            EncodedClip(
                embedding: Array(values[(index * dimensions)..<((index + 1) * dimensions)]), memory: memories?[index])
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

    /// What the Slow model keeps of one clip.
    ///
    /// - Precondition: the model has a Slow part.
    package func memory(of clip: [RGBImage]) throws -> VisualMemory<Float> {
        guard let slow else { preconditionFailure("the model has no Slow part") }
        return try slow.memories(of: features(of: clip), frameCounts: [clip.count])
    }

    /// A sentence's words as the Slow model takes them.
    ///
    /// - Precondition: the model has a Slow part.
    package func slowTokens(of sentence: String) -> [Int32] {
        guard let slow else { preconditionFailure("the model has no Slow part") }
        return slow.vocabulary.encode(tokenizer.encode(sentence, maxLength: slow.model.configuration.maximumTokens + 2))
    }

    /// A sentence's tokens as the Fast model takes them.
    package func tokens(of sentence: String) -> [Int32] {
        tokenizer.encode(sentence, maxLength: configuration.fast.maximumTokens)
    }
}

/// A backbone's maps in the form that heads and feature stores take them, [N, positions, channels].
package struct BackboneFeatures: Sendable {
    package var pooled: Tensor<Float>
    package var c5: Tensor<Float>
    package var c4: Tensor<Float>
    package var c3: Tensor<Float>

    init(_ maps: FeatureMaps) {
        func flat(_ map: Tensor<Float>) -> Tensor<Float> {
            map.reshaped([map.shape[0], map.shape[1] * map.shape[2], map.shape[3]])
        }
        let head = flat(maps.head ?? maps.c5)
        pooled = Variable(constant: head).mean(axis: 1).value.reshaped([head.shape[0], 1, head.shape[2]])
        c5 = flat(maps.c5)
        c4 = flat(maps.c4)
        c3 = flat(maps.c3)
    }

    init(joining parts: [BackboneFeatures]) {
        func joined(_ part: KeyPath<BackboneFeatures, Tensor<Float>>) -> Tensor<Float> {
            parts.count == 1
                ? parts[0][keyPath: part]
                : concatenated(parts.map { Variable(constant: $0[keyPath: part]) }, axis: 0).value
        }
        pooled = joined(\.pooled)
        c5 = joined(\.c5)
        c4 = joined(\.c4)
        c3 = joined(\.c3)
    }
}
