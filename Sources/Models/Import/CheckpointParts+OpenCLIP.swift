import Foundation
import SystemPackage

/// Folders of OpenCLIP: `open_clip_config.json` and `open_clip_model.safetensors`.
///
/// The reference is open_clip 3.3.0 with timm 1.0.31, and its defaults are ours. The sizes of towers that are timm's aren't in the
/// configuration: they are those of the tensors, and what these don't tell is known by the tower's name.
extension CheckpointParts {
    init(openCLIP folder: FilePath) throws {
        let path = folder.appending("open_clip_config.json")
        let file = try ConfigurationObject(contentsOf: path)
        guard let model = try file.object("model_cfg") else { throw file.error("model_cfg", "is missing") }
        guard let dimensions = try model.integer("embed_dim") else { throw model.error("embed_dim", "is missing") }
        guard let vision = try model.object("vision_cfg"), let text = try model.object("text_cfg") else {
            throw model.error("vision_cfg", "or text_cfg is missing")
        }
        let weights = try CheckpointWeights(in: folder, stems: ["open_clip_model", "open_clip_pytorch_model", "model"])
        let isQuick = try model.boolean("quick_gelu") ?? false
        try model.requireNoMore(ignoring: ["custom_text", "init_logit_scale", "init_logit_bias"])

        let frameSize = try vision.side("image_size") ?? 224
        let preparation = try PicturePreparation(
            openCLIP: file.object("preprocess_cfg") ?? ConfigurationObject([:], place: "\(path), preprocess_cfg"),
            frameSize: frameSize)
        let image: ImageTowerConfiguration
        if let name = try vision.string("timm_model_name") {
            image = try Self.timmTower(
                name, vision, weights, frameSize: frameSize, dimensions: dimensions, preparation)
            imageNaming = .timmImage
        } else {
            image = try Self.ownTower(vision, isQuick: isQuick, frameSize: frameSize, preparation)
            imageNaming = .openCLIPImage
        }
        let prefix = weights.contains("text.token_embedding.weight") ? "text." : ""
        let words = try Self.textTower(text, isQuick: isQuick)
        textNaming = .openCLIPText(prefix: prefix, hasBias: words.projection == .biased)
        configuration = DualEncoderConfiguration(
            name: "", origin: "OpenCLIP", licence: nil, image: image, text: words, dimensions: dimensions,
            logitScale: exp(try weights.scalar("logit_scale") ?? 0),
            logitBias: try weights.scalar("logit_bias") ?? 0)
        self.weights = weights
    }

    /// The activation and the ε of the norms.
    private static func choices(
        _ tower: ConfigurationObject, isQuick: Bool
    ) throws -> (activation: Activation, epsilon: Double) {
        var activation = isQuick ? Activation.quickGELU : .gelu
        if let options = try tower.object("act_kwargs"), let name = try options.string("approximate"), !isQuick {
            guard let known = ["tanh": Activation.tanhGELU, "none": .gelu][name] else {
                throw options.error("approximate", "is \(name), which isn't implemented")
            }
            activation = known
        }
        let norm = try tower.object("norm_kwargs")
        let epsilon = try norm?.number("eps") ?? 1e-5
        try norm?.requireNoMore()
        return (activation, epsilon)
    }

    /// The width inside a feed-forward.
    private static func feedForward(_ tower: ConfigurationObject, width: Int) throws -> Int {
        let ratio = try tower.number("mlp_ratio") ?? 4
        guard ratio > 0, ratio <= 64 else { throw tower.error("mlp_ratio", "must lie between 0 and 64, not \(ratio)") }
        return Int(Double(width) * ratio)
    }

    private static func requireDefault(_ tower: ConfigurationObject, _ key: String, _ value: String) throws {
        if let found = try tower.string(key), found != value {
            throw tower.error(key, "is \(found); only \(value) is implemented")
        }
    }

    private static func ownTower(
        _ vision: ConfigurationObject, isQuick: Bool, frameSize: Int, _ preparation: PicturePreparation
    ) throws -> ImageTowerConfiguration {
        let choices = try choices(vision, isQuick: isQuick)
        let width = try vision.integer("width") ?? 768
        let headWidth = try vision.integer("head_width") ?? 64
        guard headWidth > 0, width % headWidth == 0 else {
            throw vision.error("head_width", "is \(headWidth), which doesn't divide a width of \(width)")
        }
        try requireDefault(vision, "pool_type", "tok")
        try requireDefault(vision, "pos_embed_type", "learnable")
        try requireDefault(vision, "block_type", "default")
        let hasInputNorm = try vision.boolean("no_ln_pre") != true
        let feedForward = try feedForward(vision, width: width)
        let image = ImageTowerConfiguration(
            frameSize: frameSize, fit: preparation.fit, filter: preparation.filter, mean: preparation.mean,
            deviation: preparation.deviation, patchSize: try vision.side("patch_size") ?? 16, patchHasBias: false,
            hasClassToken: true, hasInputNorm: hasInputNorm, rotaryCells: nil, width: width,
            layers: try vision.integer("layers") ?? 12, heads: width / headWidth, feedForward: feedForward,
            activation: choices.activation, normEpsilon: choices.epsilon, pooling: .classToken,
            poolingHeads: width / headWidth, poolingFeedForward: feedForward, projection: .linear)
        // Of the class token alone, the norm before or after pooling is the same.
        try vision.requireNoMore(ignoring: [
            "patch_dropout", "final_ln_after_pool", "attn_pooler_queries", "attn_pooler_heads", "timm_pool",
            "timm_proj",
            "timm_drop", "output_tokens",
        ])
        return image
    }

    private static func timmTower(
        _ name: String, _ vision: ConfigurationObject, _ weights: CheckpointWeights, frameSize: Int, dimensions: Int,
        _ preparation: PicturePreparation
    ) throws -> ImageTowerConfiguration {
        guard let known = TimmTower(name) else {
            throw vision.error(
                "timm_model_name",
                "is \(name), which isn't implemented; SigLIP's towers and the Perception Encoder's are")
        }
        try requireDefault(vision, "timm_pool", "map")
        let projection = try vision.string("timm_proj")
        guard projection == nil || projection == "none" || projection == "" else {
            throw vision.error("timm_proj", "is \(projection ?? ""), which isn't implemented")
        }
        try vision.requireNoMore(ignoring: ["timm_model_pretrained", "timm_drop", "timm_drop_path", "patch_dropout"])
        func shape(_ tensor: String, _ rank: Int) throws -> [Int] {
            let full = "visual.trunk." + tensor
            guard let shape = weights.shape(of: full) else {
                throw WeightsError.missing(tensor: full, source: weights.source)
            }
            guard shape.count == rank else {
                throw WeightsError.shapeMismatch(
                    tensor: full, expected: [Int](repeating: 1, count: rank), found: shape)
            }
            return shape
        }
        let patches = try shape("patch_embed.proj.weight", 4)
        let width = patches[0]
        guard width % known.headWidth == 0 else {
            throw vision.error(
                "timm_model_name", "has heads of \(known.headWidth), which don't divide a width of \(width)")
        }
        let layers = weights.names.lazy.filter { $0.hasPrefix("visual.trunk.blocks.") && $0.hasSuffix(".norm1.weight") }
        return ImageTowerConfiguration(
            frameSize: frameSize, fit: preparation.fit, filter: preparation.filter, mean: preparation.mean,
            deviation: preparation.deviation, patchSize: patches[2],
            patchHasBias: !known.isPerceptionEncoder, hasClassToken: known.isPerceptionEncoder,
            hasInputNorm: known.isPerceptionEncoder,
            rotaryCells: known.isPerceptionEncoder ? known.size / known.patch : nil, width: width, layers: layers.count,
            heads: width / known.headWidth, feedForward: try shape("blocks.0.mlp.fc1.weight", 2)[0],
            activation: known.activation, normEpsilon: known.isPerceptionEncoder ? 1e-5 : 1e-6, pooling: .attention,
            poolingHeads: known.isPerceptionEncoder ? 8 : width / known.headWidth,
            poolingFeedForward: try shape("attn_pool.mlp.fc1.weight", 2)[0],
            projection: projection == nil || projection == "" ? .biased : .none)
    }

    private static func textTower(_ text: ConfigurationObject, isQuick: Bool) throws -> TextTowerConfiguration {
        let choices = try choices(text, isQuick: isQuick)
        let width = try text.integer("width") ?? 512
        let pools: [String: TextTowerConfiguration.Pooling] = ["argmax": .endToken, "last": .last]
        let poolName = try text.string("pool_type") ?? "argmax"
        guard let pooling = pools[poolName] else {
            throw text.error("pool_type", "is \(poolName); argmax and last are implemented")
        }
        try requireDefault(text, "block_type", "default")
        let projection = try text.string("proj_type") ?? "linear"
        guard ["linear", "none"].contains(projection) else {
            throw text.error("proj_type", "is \(projection), which isn't implemented")
        }
        let hasBias = try text.boolean("proj_bias") ?? false
        let words = TextTowerConfiguration(
            tokenizer: try tokenizer(text), vocabularySize: try text.integer("vocab_size") ?? 49_408,
            contextLength: try text.integer("context_length") ?? 77, width: width,
            layers: try text.integer("layers") ?? 12, heads: try text.integer("heads") ?? 8,
            feedForward: try feedForward(text, width: width), activation: choices.activation,
            normEpsilon: choices.epsilon, isCausal: try text.boolean("no_causal_mask") != true, pooling: pooling,
            projection: projection == "none" ? .none : hasBias ? .biased : .linear)
        try text.requireNoMore(ignoring: ["pad_id", "eos_id", "final_ln_after_pool", "output_tokens"])
        return words
    }

    private static func tokenizer(_ text: ConfigurationObject) throws -> TokenizerKind {
        let options = try text.object("tokenizer_kwargs")
        let cleaning = try options?.string("clean")
        // It matters to tokenizers that end sentences by a separator; neither of these does.
        try options?.requireNoMore(ignoring: ["strip_sep_token"])
        guard let name = try text.string("hf_tokenizer_name") else {
            guard cleaning == nil || cleaning == "lower" else {
                throw text.error("tokenizer_kwargs", "cleans by \(cleaning ?? ""), which isn't implemented for CLIP")
            }
            return .clipOpenCLIP
        }
        let word = name.lowercased()
        guard cleaning == "canonicalize", word.contains("siglip") || word.contains("gemma") else {
            throw text.error(
                "hf_tokenizer_name",
                "is \(name)\(cleaning.map { ", cleaned by \($0)" } ?? ""), which isn't implemented; the tokenizers of SigLIP 1 and 2 "
                    + "are, cleaned by canonicalize")
        }
        return word.contains("siglip2") || word.contains("gemma") ? .gemmaOpenCLIP : .siglipOpenCLIP
    }
}

/// What the name of an image tower of timm tells that its tensors don't.
private struct TimmTower {
    let isPerceptionEncoder: Bool
    let headWidth: Int
    /// Pixels of a patch and of a picture, as the tower was trained first.
    let patch, size: Int
    let activation: Activation

    /// - Returns: nil for a name that isn't known.
    init?(_ name: String) {
        let parts = name.split(separator: "_").map(String.init)
        func number(_ text: String, after prefix: String) -> Int? {
            text.hasPrefix(prefix) ? Int(text.dropFirst(prefix.count)) : nil
        }
        if parts.count == 5, parts[0] == "vit", parts[3] == "siglip", let size = Int(parts[4]),
            let patch = number(parts[2], after: "patch"), patch > 0,
            let width = ["base": 64, "large": 64, "so400m": 72, "giantopt": 96][parts[1]]
        {
            isPerceptionEncoder = false
            headWidth = width
            self.patch = patch
            self.size = size
            // Those that came with SigLIP 2.
            let isNewer =
                patch == 32 || parts[1] == "giantopt" || parts[1] == "so400m" && patch == 16
                || parts[1] == "large" && size == 512
            activation = isNewer ? .tanhGELU : .gelu
        } else if parts.count == 6, parts[0...2] == ["vit", "pe", "core"], let size = Int(parts[5]),
            let patch = number(parts[4], after: "patch"), patch > 0,
            ["tiny", "small", "base", "large"].contains(parts[3])
        {
            isPerceptionEncoder = true
            headWidth = 64
            self.patch = patch
            self.size = size
            activation = .gelu
        } else {
            return nil
        }
    }
}

extension PicturePreparation {
    /// OpenCLIP's `preprocess_cfg`.
    init(openCLIP file: ConfigurationObject, frameSize: Int) throws {
        let filters: [String: ImageTowerConfiguration.Filter] = ["bicubic": .bicubic, "bilinear": .bilinear]
        let interpolation = try file.string("interpolation") ?? "bicubic"
        guard let filter = filters[interpolation] else {
            throw file.error("interpolation", "is \(interpolation); bicubic and bilinear are implemented")
        }
        let mode = try file.string("resize_mode") ?? "shortest"
        guard let fit = ["shortest": ImageTowerConfiguration.Fit.cover, "squash": .squash][mode] else {
            throw file.error("resize_mode", "is \(mode); shortest and squash are implemented")
        }
        let size = try file.side("size") ?? frameSize
        guard size == frameSize else {
            throw file.error("size", "is \(size), and the image tower takes \(frameSize)")
        }
        self.init(
            fit: fit, filter: filter, mean: try file.numbers("mean")?.map { Float($0) } ?? Self.clipMean,
            deviation: try file.numbers("std")?.map { Float($0) } ?? Self.clipDeviation)
        // Colour and what fills up pictures that aren't filled up.
        try file.requireNoMore(ignoring: ["mode", "fill_color"])
    }
}

extension TensorNaming {
    private mutating func openCLIPBlocks(_ tower: String) {
        let block = tower + "transformer.resblocks.*."
        layer("blocks.*.attention.norm", block + "ln_1")
        fused(["query", "key", "value"].map { "blocks.*.attention." + $0 }, block + "attn.in_proj_")
        layer("blocks.*.attention.output", block + "attn.out_proj")
        layer("blocks.*.feed.norm", block + "ln_2")
        layer("blocks.*.feed.in", block + "mlp.c_fc")
        layer("blocks.*.feed.out", block + "mlp.c_proj")
    }

    static let openCLIPImage: TensorNaming = {
        var naming = TensorNaming()
        naming.tensor("patches.weight", "visual.conv1.weight")
        naming.tensor("class_token", "visual.class_embedding")
        naming.tensor("positions", "visual.positional_embedding")
        naming.layer("input_norm", "visual.ln_pre")
        naming.openCLIPBlocks("visual.")
        naming.layer("norm", "visual.ln_post")
        naming.tensor("projection.weight", "visual.proj", isTransposed: true)
        return naming
    }()

    /// - Parameter prefix: of the text tower's tensors.
    static func openCLIPText(prefix: String, hasBias: Bool) -> TensorNaming {
        var naming = TensorNaming()
        naming.tensor("words.weight", prefix + "token_embedding.weight")
        naming.tensor("positions", prefix + "positional_embedding")
        naming.openCLIPBlocks(prefix)
        naming.layer("norm", prefix + "ln_final")
        if hasBias {
            naming.layer("projection", prefix + "text_projection")
        } else {
            naming.tensor("projection.weight", prefix + "text_projection", isTransposed: true)
        }
        return naming
    }

    static let timmImage: TensorNaming = {
        var naming = TensorNaming()
        let (tower, block, pool) = ("visual.trunk.", "visual.trunk.blocks.*.", "visual.trunk.attn_pool.")
        naming.layer("patches", tower + "patch_embed.proj")
        naming.tensor("class_token", tower + "cls_token")
        naming.tensor("positions", tower + "pos_embed")
        naming.layer("input_norm", tower + "norm_pre")
        naming.layer("blocks.*.attention.norm", block + "norm1")
        naming.fused(["query", "key", "value"].map { "blocks.*.attention." + $0 }, block + "attn.qkv.")
        naming.layer("blocks.*.attention.output", block + "attn.proj")
        naming.layer("blocks.*.feed.norm", block + "norm2")
        naming.layer("blocks.*.feed.in", block + "mlp.fc1")
        naming.layer("blocks.*.feed.out", block + "mlp.fc2")
        naming.layer("norm", tower + "norm")
        naming.tensor("pooling.query", pool + "latent")
        naming.layer("pooling.attention.query", pool + "q")
        naming.fused(["pooling.attention.key", "pooling.attention.value"], pool + "kv.")
        naming.layer("pooling.attention.output", pool + "proj")
        naming.layer("pooling.norm", pool + "norm")
        naming.layer("pooling.feed.in", pool + "mlp.fc1")
        naming.layer("pooling.feed.out", pool + "mlp.fc2")
        naming.layer("projection", tower + "head")
        return naming
    }()
}
