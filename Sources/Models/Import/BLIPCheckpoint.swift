import Foundation
package import SystemPackage

/// A published BLIP in a folder of Hugging Face's `transformers`: what it is in our terms, and where its parameters are.
///
/// The reference is transformers 5.24.0, and its defaults are ours, because it leaves them out of the files that it writes.
package struct BLIPCheckpoint: Sendable {
    package var configuration: BLIPConfiguration
    private let weights: CheckpointWeights
    private let vocabulary: FilePath
    /// In bytes: seventy times BERT's.
    private static let largestVocabulary = 16 << 20

    /// What a model gets whose scores nobody has compared: BLIP costs more than a Slow part of ours.
    private static let reranking = Reranking(depth: 16, beta: 1)

    /// Recognises a folder as people download it, and checks that all of it can be used: only the tensors' numbers are left to be read.
    ///
    /// - Parameters:
    ///   - folder: with `model_type` `blip`, of `BlipForImageTextRetrieval` or `BlipForConditionalGeneration`.
    ///   - vocabulary: the `vocab.txt` for a folder that has none; nil looks in the folder.
    ///   - name: of the model that is made; nil takes the folder's.
    /// - Throws: ``ModelError`` or ``WeightsError`` that names the file, and the key, tensor or choice that isn't known.
    package init(recognising folder: FilePath, vocabulary: FilePath? = nil, name: String? = nil) throws {
        try Checkpoint.requireFolder(folder)
        let config = try ConfigurationObject(contentsOf: folder.appending("config.json"))
        let kind = try config.string("model_type") ?? "none"
        guard kind == "blip" else {
            throw config.error("model_type", "is \(kind), and only a blip re-ranks for another model; leave out --fast")
        }
        weights = try CheckpointWeights(in: folder, stems: ["model"])
        let objective: SlowConfiguration.Objective
        if weights.contains("itm_head.weight") {
            objective = .matching
        } else if weights.contains("text_decoder.bert.embeddings.word_embeddings.weight") {
            objective = .captioning
        } else {
            throw ModelError(
                .malformed,
                "\(weights.source): has neither itm_head nor text_decoder; import a BLIP for matching (blip-itm) or for "
                    + "captions (blip-image-captioning)")
        }
        func part(_ key: String) throws -> ConfigurationObject {
            try config.object(key) ?? ConfigurationObject([:], place: "\(config.place), \(key)")
        }
        let (vision, text) = try (part("vision_config"), part("text_config"))
        let frameSize = try vision.side("image_size") ?? 384
        let preparation = try PicturePreparation(
            huggingFace: folder, isSquare: true, isCentred: false, frameSize: frameSize)
        let heads = try vision.integer("num_attention_heads") ?? 12
        let width = try vision.integer("hidden_size") ?? 768
        let feedForward = try vision.integer("intermediate_size") ?? 3072
        let image = ImageTowerConfiguration(
            frameSize: frameSize, fit: preparation.fit, filter: preparation.filter, mean: preparation.mean,
            deviation: preparation.deviation, patchSize: try vision.side("patch_size") ?? 16, patchHasBias: true,
            hasClassToken: true, hasInputNorm: false, rotaryCells: nil, width: width,
            layers: try vision.integer("num_hidden_layers") ?? 12, heads: heads, feedForward: feedForward,
            activation: try CheckpointParts.activation(vision, otherwise: "gelu"),
            normEpsilon: try vision.number("layer_norm_eps") ?? 1e-5, pooling: .classToken, poolingHeads: heads,
            poolingFeedForward: feedForward, projection: .none)
        // BLIP's first token of its own, [DEC], begins captions; the next one, [ENC], what is matched.
        let decoderToken = try text.integer("bos_token_id") ?? 30_522
        let words = BLIPTextConfiguration(
            vocabularySize: try text.integer("vocab_size") ?? 30_524,
            contextLength: try text.integer("max_position_embeddings") ?? 512,
            width: try text.integer("hidden_size") ?? 768, layers: try text.integer("num_hidden_layers") ?? 12,
            heads: try text.integer("num_attention_heads") ?? 8,
            feedForward: try text.integer("intermediate_size") ?? 3072,
            activation: try CheckpointParts.activation(text, otherwise: "gelu"),
            normEpsilon: try text.number("layer_norm_eps") ?? 1e-12,
            startToken: objective == .captioning ? decoderToken : decoderToken + 1)
        configuration = BLIPConfiguration(
            name: name ?? Checkpoint.name(of: folder), origin: "Hugging Face, blip",
            licence: FolderLicence.name(in: folder), objective: objective, image: image, text: words)
        self.vocabulary = vocabulary ?? folder.appending("vocab.txt")
        guard FileManager.default.fileExists(atPath: self.vocabulary.string) else {
            throw ModelError(
                .unreadable,
                "\(self.vocabulary): there is no such file; fetch vocab.txt from where the rest came from, or name it with "
                    + "--tokenizer")
        }
        try check(source: folder.string)
    }

    private func check(source: String) throws {
        try configuration.validate(source)
        // The other half of the published matching models, and what is tied to the word vectors.
        var used: Set<String> = [
            "logit_scale", "vision_proj.weight", "vision_proj.bias", "text_proj.weight", "text_proj.bias",
            "text_decoder.cls.predictions.decoder.weight", "text_decoder.cls.predictions.decoder.bias",
        ]
        for file in try files() {
            for parameter in file.parameters { used.insert(parameter.origin.name) }
        }
        // Places that older versions stored, which are 0, 1, 2 and so on.
        let others = weights.names.filter { !used.contains($0) && !$0.hasSuffix(".position_ids") }
        guard others.isEmpty else { throw WeightsError.unexpected(tensors: others, source: weights.source) }
    }

    /// All parameters, with the files that they go to.
    private func files() throws -> [(name: String, parameters: [Checkpoint.Parameter])] {
        let (images, texts) = (ParameterSource<Float>.listing(), ParameterSource<Float>.listing())
        let (image, objective) = (configuration.image, configuration.objective)
        _ = try VisionTransformer(image, dimensions: image.width, images)
        _ = try BLIPTextModel(configuration.text, objective: objective, tokenWidth: image.width, texts)
        let bias = "text_decoder.cls.predictions.bias"
        let naming = TensorNaming.blipText(
            objective, outputBias: weights.contains(bias) ? bias : "text_decoder.cls.predictions.decoder.bias")
        return try [
            ("image.safetensors", images.shapes.map { try weights.parameter($0, .blipImage) }),
            ("text.safetensors", texts.shapes.map { try weights.parameter($0, naming) }),
        ]
    }

    /// What the licence is known to forbid, as a sentence; nil when nothing is known.
    package var licenceWarning: String? { FolderLicence.warning(configuration.licence) }

    /// Numbers in the image tower and in the text model.
    package var parameterCounts: (image: Int, text: Int) {
        get throws {
            let counts = try files().map { $0.parameters.reduce(0) { $0 + $1.shape.reduce(1, *) } }
            return (counts[0], counts[1])
        }
    }

    /// Writes BLIP and a Fast model as one folder that ``LoadedModel/load(_:precision:architectures:)`` reads. Blocking.
    ///
    /// - Parameters:
    ///   - output: must not be there, or be an empty folder.
    ///   - fast: the Fast model's folder, which is copied; a Slow part of its own has no say any more.
    /// - Returns: the model, as it was loaded.
    /// - Throws: ``ModelError`` or ``WeightsError``; what Foundation throws when there is no room. Nothing is left then.
    package func write(to output: FilePath, fast: FilePath) throws -> LoadedModel {
        guard try ModelFolder(fast).header().architecture != BLIPConfiguration.architecture else {
            throw ModelError(.input, "\(fast): has a BLIP already; name a model without one with --fast")
        }
        return try Checkpoint.writing(to: output) { partial in
            let folder = ModelFolder(partial)
            for file in try files() { try weights.write(file.parameters, to: partial.appending(file.name)) }
            // The file, not a link to it: Hugging Face's cache is made of links.
            let words = try ByteSource(opening: vocabulary)
            guard words.count <= Self.largestVocabulary else {
                throw ModelError(.malformed, "\(vocabulary): is too large to be a vocabulary of word pieces")
            }
            try Data(words.read(0..<words.count)).write(to: URL(filePath: folder.vocabulary.string))
            try copyFiles(of: fast, to: folder.fastModel)
            try Self.reranking.write(to: folder.reranking)
            try Data(configuration.encoded()).write(to: URL(filePath: folder.configuration.string))
        }
    }

    /// Copies the files of a model's folder, without what lies in folders within, such as a training's checkpoints.
    private func copyFiles(of folder: FilePath, to target: FilePath) throws {
        let files = FileManager.default
        try files.createDirectory(atPath: target.string, withIntermediateDirectories: true)
        for name in try files.contentsOfDirectory(atPath: folder.string) {
            let path = URL(filePath: folder.appending(name).string).resolvingSymlinksInPath()
            let type = try? files.attributesOfItem(atPath: path.path)[.type] as? FileAttributeType
            guard type == .typeRegular else { continue }
            try files.copyItem(atPath: path.path, toPath: target.appending(name).string)
        }
    }
}

extension TensorNaming {
    static let blipImage: TensorNaming = {
        var naming = TensorNaming()
        let (tower, block) = ("vision_model.", "vision_model.encoder.layers.*.")
        naming.layer("patches", tower + "embeddings.patch_embedding")
        naming.tensor("class_token", tower + "embeddings.class_embedding")
        naming.tensor("positions", tower + "embeddings.position_embedding")
        naming.layer("blocks.*.attention.norm", block + "layer_norm1")
        naming.fused(["query", "key", "value"].map { "blocks.*.attention." + $0 }, block + "self_attn.qkv.")
        naming.layer("blocks.*.attention.output", block + "self_attn.projection")
        naming.layer("blocks.*.feed.norm", block + "layer_norm2")
        naming.layer("blocks.*.feed.in", block + "mlp.fc1")
        naming.layer("blocks.*.feed.out", block + "mlp.fc2")
        naming.layer("norm", tower + "post_layernorm")
        return naming
    }()

    /// - Parameter outputBias: a captioner's; it is there under one of two names.
    static func blipText(_ objective: SlowConfiguration.Objective, outputBias: String) -> TensorNaming {
        var naming = TensorNaming()
        let text = objective == .captioning ? "text_decoder.bert." : "text_encoder."
        let block = text + "encoder.layer.*."
        naming.tensor("words.weight", text + "embeddings.word_embeddings.weight")
        naming.tensor("positions", text + "embeddings.position_embeddings.weight")
        naming.layer("norm", text + "embeddings.LayerNorm")
        for (ours, theirs) in [("attention", "attention"), ("cross", "crossattention")] {
            for kind in ["query", "key", "value"] {
                naming.layer("blocks.*.\(ours).\(kind)", block + "\(theirs).self.\(kind)")
            }
            naming.layer("blocks.*.\(ours).output", block + "\(theirs).output.dense")
            naming.layer("blocks.*.\(ours).norm", block + "\(theirs).output.LayerNorm")
        }
        naming.layer("blocks.*.feed.in", block + "intermediate.dense")
        naming.layer("blocks.*.feed.out", block + "output.dense")
        naming.layer("blocks.*.feed.norm", block + "output.LayerNorm")
        naming.layer("match", "itm_head")
        let predictions = "text_decoder.cls.predictions."
        naming.layer("transform", predictions + "transform.dense")
        naming.layer("transform.norm", predictions + "transform.LayerNorm")
        naming.tensor("words.bias", outputBias)
        return naming
    }
}
