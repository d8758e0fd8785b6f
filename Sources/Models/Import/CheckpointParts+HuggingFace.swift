import Foundation
import SystemPackage

/// Folders of Hugging Face's `transformers`: `config.json`, `preprocessor_config.json`, `model.safetensors` and a tokenizer.
///
/// The reference is transformers 5.24.0. Its defaults are ours, because it leaves them out of the files that it writes.
extension CheckpointParts {
    /// Kinds that are known to be something else, and why they can't be imported.
    private static let others = [
        "siglip2": "takes pictures of any size (NaFlex); import a SigLIP 2 of a fixed size, whose model_type is siglip",
        "blip": "re-ranks and writes captions; name the model whose clips it shall re-rank with --fast",
        "clip_text_model": "is a text tower alone", "clip_vision_model": "is an image tower alone",
        "siglip_text_model": "is a text tower alone", "siglip_vision_model": "is an image tower alone",
    ]

    init(huggingFace folder: FilePath) throws {
        let config = try ConfigurationObject(contentsOf: folder.appending("config.json"))
        let kind = try config.string("model_type") ?? "none"
        if try config.string("architecture") != nil, try config.integer("format") != nil {
            throw ModelError(.malformed, "\(folder): is a model of saccade already; use it as it is")
        }
        guard let isSigLIP = ["clip": false, "siglip": true][kind] else {
            let reason = Self.others[kind] ?? "isn't known; clip and siglip are"
            throw config.error("model_type", "is \(kind), which \(reason)")
        }
        let weights = try CheckpointWeights(in: folder, stems: ["model"])
        func tower(_ key: String) throws -> ConfigurationObject {
            // Where an older version has both, it takes the second.
            let tower = try config.object(key) ?? ConfigurationObject([:], place: "\(config.place), \(key)")
            return tower.overlaid(by: config.hasObject(key + "_dict") ? try config.object(key + "_dict") : nil)
        }
        let (vision, text) = try (tower("vision_config"), tower("text_config"))
        let textWidth = try text.integer("hidden_size") ?? (isSigLIP ? 768 : 512)
        let visionWidth = try vision.integer("hidden_size") ?? 768
        let dimensions =
            isSigLIP
            ? try text.integer("projection_size") ?? textWidth : try config.integer("projection_dim") ?? 512
        if isSigLIP, try vision.boolean("vision_use_head") == false {
            throw vision.error("vision_use_head", "is false: a tower without its pooling makes no embeddings")
        }
        let channels = try vision.integer("num_channels") ?? 3
        guard channels == 3 else { throw vision.error("num_channels", "is \(channels), and pictures have 3") }

        let frameSize = try vision.side("image_size") ?? 224
        let preparation = try PicturePreparation(
            huggingFace: folder, isSquare: isSigLIP, isCentred: isSigLIP, frameSize: frameSize)
        let heads = try vision.integer("num_attention_heads") ?? 12
        let feedForward = try vision.integer("intermediate_size") ?? 3072
        let epsilon = isSigLIP ? 1e-6 : 1e-5
        let activation = isSigLIP ? "gelu_pytorch_tanh" : "quick_gelu"
        let image = ImageTowerConfiguration(
            frameSize: frameSize, fit: preparation.fit, filter: preparation.filter, mean: preparation.mean,
            deviation: preparation.deviation, patchSize: try vision.side("patch_size") ?? (isSigLIP ? 16 : 32),
            patchHasBias: isSigLIP, hasClassToken: !isSigLIP, hasInputNorm: !isSigLIP, rotaryCells: nil,
            width: visionWidth, layers: try vision.integer("num_hidden_layers") ?? 12, heads: heads,
            feedForward: feedForward, activation: try Self.activation(vision, otherwise: activation),
            normEpsilon: try vision.number("layer_norm_eps") ?? epsilon,
            pooling: isSigLIP ? .attention : .classToken, poolingHeads: heads, poolingFeedForward: feedForward,
            projection: isSigLIP ? .none : .linear)
        let isUnigram = FileManager.default.fileExists(atPath: folder.appending("spiece.model").string)
        let words = TextTowerConfiguration(
            tokenizer: isSigLIP ? isUnigram ? .siglip : .gemmaHuggingFace : .clipHuggingFace,
            vocabularySize: try text.integer("vocab_size") ?? (isSigLIP ? 32_000 : 49_408),
            contextLength: try text.integer("max_position_embeddings") ?? (isSigLIP ? 64 : 77), width: textWidth,
            layers: try text.integer("num_hidden_layers") ?? 12,
            heads: try text.integer("num_attention_heads") ?? (isSigLIP ? 12 : 8),
            feedForward: try text.integer("intermediate_size") ?? (isSigLIP ? 3072 : 2048),
            activation: try Self.activation(text, otherwise: activation),
            normEpsilon: try text.number("layer_norm_eps") ?? epsilon, isCausal: !isSigLIP,
            pooling: isSigLIP ? .last : .endToken, projection: isSigLIP ? .biased : .linear)
        configuration = DualEncoderConfiguration(
            name: "", origin: "Hugging Face, \(kind)", licence: nil, image: image, text: words, dimensions: dimensions,
            logitScale: exp(try weights.scalar("logit_scale") ?? 0),
            logitBias: try weights.scalar("logit_bias") ?? 0)
        self.weights = weights
        imageNaming = .huggingFaceImage
        textNaming = isSigLIP ? .huggingFaceSigLIPText : .huggingFaceCLIPText
    }

    static func activation(_ tower: ConfigurationObject, otherwise name: String) throws -> Activation {
        let name = try tower.string("hidden_act") ?? name
        let known: [String: Activation] = [
            "gelu": .gelu, "quick_gelu": .quickGELU, "gelu_pytorch_tanh": .tanhGELU, "gelu_new": .tanhGELU,
        ]
        guard let activation = known[name] else {
            throw tower.error("hidden_act", "is \(name), which isn't implemented")
        }
        return activation
    }
}

/// How a checkpoint wants its pictures.
struct PicturePreparation {
    var fit: ImageTowerConfiguration.Fit
    var filter: ImageTowerConfiguration.Filter
    var mean: [Float]
    var deviation: [Float]

    static let clipMean: [Float] = [0.48145466, 0.4578275, 0.40821073]
    static let clipDeviation: [Float] = [0.26862954, 0.26130258, 0.27577711]

    init(
        fit: ImageTowerConfiguration.Fit, filter: ImageTowerConfiguration.Filter, mean: [Float], deviation: [Float]
    ) {
        self.fit = fit
        self.filter = filter
        self.mean = mean
        self.deviation = deviation
    }

    /// Reads `preprocessor_config.json`, or the part of `processor_config.json` that newer versions have it in.
    ///
    /// - Parameters:
    ///   - isSquare: whether pictures are squashed unless the file says otherwise.
    ///   - isCentred: whether values lie between −1 and 1 unless the file says otherwise; else they are normalised as CLIP's.
    init(huggingFace folder: FilePath, isSquare: Bool, isCentred: Bool, frameSize: Int) throws {
        let (older, newer) = (folder.appending("preprocessor_config.json"), folder.appending("processor_config.json"))
        let file: ConfigurationObject
        if FileManager.default.fileExists(atPath: older.string) {
            file = try ConfigurationObject(contentsOf: older)
        } else if FileManager.default.fileExists(atPath: newer.string),
            let part = try ConfigurationObject(contentsOf: newer).object("image_processor")
        {
            file = part
        } else {
            throw ModelError(
                .unreadable, "\(folder): has no preprocessor_config.json; fetch it from where the rest came from")
        }
        for step in ["do_resize", "do_rescale"] where try file.boolean(step) == false {
            throw file.error(step, "is false, which isn't implemented")
        }
        let factor = try file.number("rescale_factor") ?? 1 / 255
        guard abs(factor * 255 - 1) < 1e-6 else { throw file.error("rescale_factor", "must be 1/255, not \(factor)") }
        let resampling = try file.integer("resample") ?? 3
        guard let filter = [2: ImageTowerConfiguration.Filter.bilinear, 3: .bicubic][resampling] else {
            throw file.error("resample", "is \(resampling); 2 (bilinear) and 3 (bicubic) are implemented")
        }
        self.filter = filter
        let size = try Self.size(file, "size") ?? (frameSize, isSquare: isSquare)
        let isCropped = try file.boolean("do_center_crop") ?? !isSquare
        let crop = isCropped ? try Self.size(file, "crop_size")?.side ?? frameSize : size.side
        guard size.side == frameSize, crop == frameSize else {
            throw file.error(
                "size",
                "and crop_size are \(size.side) and \(crop), and the image tower takes \(frameSize); only one size for all is "
                    + "implemented")
        }
        guard size.isSquare || isCropped else {
            throw file.error("do_center_crop", "is false, and pictures that aren't squares aren't implemented")
        }
        fit = size.isSquare ? .squash : .cover
        if try file.boolean("do_normalize") == false {
            (mean, deviation) = ([0, 0, 0], [1, 1, 1])
        } else {
            mean = try file.numbers("image_mean")?.map { Float($0) } ?? (isCentred ? [0.5, 0.5, 0.5] : Self.clipMean)
            deviation =
                try file.numbers("image_std")?.map { Float($0) } ?? (isCentred ? [0.5, 0.5, 0.5] : Self.clipDeviation)
        }
    }

    /// A size as one number or by its sides. One number is the shorter side, except in `crop_size`.
    private static func size(
        _ file: ConfigurationObject, _ key: String
    ) throws -> (side: Int, isSquare: Bool)? {
        guard file.hasObject(key), let object = try file.object(key) else {
            return try file.integer(key).map { ($0, isSquare: false) }
        }
        if let shortest = try object.integer("shortest_edge") { return (shortest, isSquare: false) }
        guard let height = try object.integer("height"), try object.integer("width") == height else {
            throw file.error(key, "must be a square's sides or the shortest edge")
        }
        return (height, isSquare: true)
    }
}

extension TensorNaming {
    private mutating func huggingFaceBlocks(_ tower: String) {
        let block = tower + ".encoder.layers.*."
        layer("blocks.*.attention.norm", block + "layer_norm1")
        for (ours, theirs) in [("query", "q"), ("key", "k"), ("value", "v"), ("output", "out")] {
            layer("blocks.*.attention.\(ours)", block + "self_attn.\(theirs)_proj")
        }
        layer("blocks.*.feed.norm", block + "layer_norm2")
        layer("blocks.*.feed.in", block + "mlp.fc1")
        layer("blocks.*.feed.out", block + "mlp.fc2")
    }

    /// The image tower of CLIP and of SigLIP: what one of them lacks is never asked for.
    static let huggingFaceImage: TensorNaming = {
        var naming = TensorNaming()
        let tower = "vision_model."
        naming.layer("patches", tower + "embeddings.patch_embedding")
        naming.tensor("class_token", tower + "embeddings.class_embedding")
        naming.tensor("positions", tower + "embeddings.position_embedding.weight")
        // Theirs is spelt so.
        naming.layer("input_norm", tower + "pre_layrnorm")
        naming.huggingFaceBlocks("vision_model")
        naming.layer("norm", tower + "post_layernorm")
        naming.tensor("pooling.query", tower + "head.probe")
        naming.fused(
            ["query", "key", "value"].map { "pooling.attention." + $0 }, tower + "head.attention.in_proj_")
        naming.layer("pooling.attention.output", tower + "head.attention.out_proj")
        naming.layer("pooling.norm", tower + "head.layernorm")
        naming.layer("pooling.feed.in", tower + "head.mlp.fc1")
        naming.layer("pooling.feed.out", tower + "head.mlp.fc2")
        naming.tensor("projection.weight", "visual_projection.weight")
        return naming
    }()

    private static var huggingFaceText: TensorNaming {
        var naming = TensorNaming()
        naming.tensor("words.weight", "text_model.embeddings.token_embedding.weight")
        naming.tensor("positions", "text_model.embeddings.position_embedding.weight")
        naming.huggingFaceBlocks("text_model")
        naming.layer("norm", "text_model.final_layer_norm")
        return naming
    }

    static let huggingFaceCLIPText: TensorNaming = {
        var naming = huggingFaceText
        naming.tensor("projection.weight", "text_projection.weight")
        return naming
    }()

    static let huggingFaceSigLIPText: TensorNaming = {
        var naming = huggingFaceText
        naming.layer("projection", "text_model.head")
        return naming
    }()
}
