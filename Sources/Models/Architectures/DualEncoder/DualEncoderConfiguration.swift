import DecodeProtocol
import Foundation
import SystemPackage

/// `config.json` of an imported dual encoder: an image tower, a text tower, and how pictures and sentences are brought to them.
package struct DualEncoderConfiguration: Sendable, Equatable, Codable {
    /// The architecture's name in `config.json`.
    package static let architecture = "dual-encoder"

    package var name: String
    /// What was imported, such as "Hugging Face, siglip".
    package var origin: String
    /// The licence as the imported folder names it; nil when it names none.
    package var licence: String?
    package var image: ImageTowerConfiguration
    package var text: TextTowerConfiguration
    /// Length of an embedding.
    package var dimensions: Int
    /// A cosine c stands for the logit scale · c + bias.
    package var logitScale: Double
    package var logitBias: Double
    /// At most this many frames of a clip are used.
    package var framesPerClip: Int
    /// Nil for a model that can't re-rank.
    package var slow: SlowConfiguration?

    enum CodingKeys: String, CodingKey {
        case name, origin, licence, image, text, dimensions, slow
        case logitScale = "logit_scale"
        case logitBias = "logit_bias"
        case framesPerClip = "frames_per_clip"
    }

    package func encode(to encoder: any Encoder) throws {
        try ModelFolder.Header(architecture: Self.architecture, name: name).encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(origin, forKey: .origin)
        try container.encodeIfPresent(licence, forKey: .licence)
        try container.encode(image, forKey: .image)
        try container.encode(text, forKey: .text)
        try container.encode(dimensions, forKey: .dimensions)
        try container.encode(logitScale, forKey: .logitScale)
        try container.encode(logitBias, forKey: .logitBias)
        try container.encode(framesPerClip, forKey: .framesPerClip)
        try container.encodeIfPresent(slow, forKey: .slow)
    }

    /// - Throws: ``ModelError`` that says which key is wrong, or that a newer program is needed.
    package init(_ folder: ModelFolder) throws {
        self = try folder.decoded(Self.self)
        try validate(folder.configuration.string)
    }

    init(
        name: String, origin: String, licence: String?, image: ImageTowerConfiguration, text: TextTowerConfiguration,
        dimensions: Int, logitScale: Double, logitBias: Double, framesPerClip: Int = 8
    ) {
        self.name = name
        self.origin = origin
        self.licence = licence
        self.image = image
        self.text = text
        self.dimensions = dimensions
        self.logitScale = logitScale
        self.logitBias = logitBias
        self.framesPerClip = framesPerClip
    }

    /// Checks that the sizes make a model.
    ///
    /// - Parameter source: the file, for messages.
    /// - Throws: ``ModelError`` that names the first size that doesn't.
    func validate(_ source: String) throws(ModelError) {
        func require(_ condition: Bool, _ message: String) throws(ModelError) {
            if !condition { throw ModelError(.malformed, "\(source): \(message)") }
        }
        try require((1...8192).contains(dimensions), "dimensions must lie in 1...8192, not \(dimensions)")
        try require((1...64).contains(framesPerClip), "frames_per_clip must lie in 1...64, not \(framesPerClip)")
        try require(logitScale.isFinite && logitBias.isFinite, "the logit's scale and bias must be finite")
        try image.validate(dimensions: dimensions, source: source)
        try text.stack.validate("text", source: source)
        try require(text.projection != .none || text.width == dimensions, "text.width must be dimensions")
        try require(
            (1...1 << 20).contains(text.vocabularySize), "text.vocabulary_size must lie in 1...\(1 << 20)")
        try require((4...4096).contains(text.contextLength), "text.context_length must lie in 4...4096")
        try require(
            text.pooling == .last || text.isCausal,
            "text.pooling at the end token needs text.causal: what fills up sentences would count")
        guard let slow else { return }
        try slow.validate()
        try require(slow.frames <= framesPerClip, "slow.frames must be at most frames_per_clip")
    }

    /// As it stands in `config.json`.
    func encoded() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(self)) + [UInt8(ascii: "\n")]
    }
}

/// How a tower's pooled vector becomes an embedding.
package enum TowerProjection: String, Sendable, Codable {
    /// It is one.
    case none
    /// By a matrix.
    case linear
    /// By a matrix and a bias.
    case biased
}

/// The image tower's sizes and choices: a vision transformer.
package struct ImageTowerConfiguration: Sendable, Equatable, Codable {
    package enum Fit: String, Sendable, Codable {
        case squash, cover
    }

    package enum Filter: String, Sendable, Codable {
        case bilinear, bicubic
    }

    package enum Pooling: String, Sendable, Codable {
        /// The class token.
        case classToken = "class_token"
        /// A learned query that looks at all patches.
        case attention
    }

    /// Side in pixels of the square frames, and how pictures are brought to it.
    package var frameSize: Int
    package var fit: Fit
    package var filter: Filter
    /// A value v of red, green or blue, 0 to 1, enters as (v − mean) / deviation.
    package var mean: [Float]
    package var deviation: [Float]

    /// Pixels along a patch's side.
    package var patchSize: Int
    package var patchHasBias: Bool
    package var hasClassToken: Bool
    /// Whether what goes into the first block is normalised.
    package var hasInputNorm: Bool
    /// Patches along a side of the pictures whose places the rotations of queries and keys stand for; nil when there are none, but learned
    /// positions alone.
    package var rotaryCells: Int?
    package var width: Int
    package var layers: Int
    package var heads: Int
    package var feedForward: Int
    package var activation: Activation
    package var normEpsilon: Double
    package var pooling: Pooling
    /// Heads, and width inside the feed-forward, of ``Pooling/attention``.
    package var poolingHeads: Int
    package var poolingFeedForward: Int
    package var projection: TowerProjection
    /// What the import found out about 8 bits; nil for a tower in floats.
    package var packing: Packing?

    enum CodingKeys: String, CodingKey {
        case fit, filter, mean, deviation, width, layers, heads, activation, pooling, projection, packing
        case frameSize = "frame_size"
        case patchSize = "patch_size"
        case patchHasBias = "patch_bias"
        case hasClassToken = "class_token"
        case hasInputNorm = "input_norm"
        case rotaryCells = "rotary_cells"
        case feedForward = "feed_forward"
        case normEpsilon = "norm_epsilon"
        case poolingHeads = "pooling_heads"
        case poolingFeedForward = "pooling_feed_forward"
    }

    var stack: BlockStack {
        BlockStack(
            width: width, layers: layers, heads: heads, feedForward: feedForward, activation: activation,
            normEpsilon: normEpsilon)
    }

    /// Checks that the sizes make a tower.
    ///
    /// - Parameters:
    ///   - dimensions: length of its embedding.
    ///   - source: the file, for messages.
    /// - Throws: ``ModelError`` that names the first size that doesn't.
    func validate(dimensions: Int, source: String) throws(ModelError) {
        func require(_ condition: Bool, _ message: String) throws(ModelError) {
            if !condition { throw ModelError(.malformed, "\(source): \(message)") }
        }
        try stack.validate("image", source: source)
        let sides = 16...DecodeLimits.frameSize
        try require(sides.contains(frameSize), "image.frame_size must lie in \(sides), not \(frameSize)")
        try require(
            patchSize >= 1 && frameSize % patchSize == 0,
            "image.frame_size is \(frameSize), which isn't a multiple of patches of \(patchSize)")
        try require(
            tokens <= 1 << 14,
            "image.frame_size is \(frameSize), which is too many patches of \(patchSize)")
        try require(
            mean.count == 3 && deviation.count == 3 && mean.allSatisfy(\.isFinite)
                && deviation.allSatisfy { $0.isFinite && $0 > 0 },
            "image.mean and image.deviation must be three numbers each, the deviations above 0")
        try require(
            pooling != .classToken || hasClassToken, "image.pooling needs a class token and there is none")
        try require(
            (1...256).contains(poolingHeads) && width % poolingHeads == 0,
            "image.width is \(width), which isn't a multiple of \(poolingHeads) pooling heads")
        try require(
            (1...65_536).contains(poolingFeedForward), "image.pooling_feed_forward must lie in 1...65536")
        try require(
            rotaryCells.map { (1...4096).contains($0) && width / heads % 4 == 0 } ?? true,
            "image.rotary_cells must lie in 1...4096 and needs heads of a multiple of 4 channels")
        try require(projection != .none || width == dimensions, "image.width must be dimensions")
    }

    /// Patches along a side of a frame.
    var cells: Int { frameSize / patchSize }

    /// Tokens of a frame.
    package var tokens: Int { cells * cells + (hasClassToken ? 1 : 0) }

    var input: FrameInput {
        let filters: [Filter: FrameGeometry.Filter] = [.bilinear: .pillowBilinear, .bicubic: .pillowBicubic]
        return FrameInput(
            geometry: FrameGeometry(
                side: frameSize, fit: fit == .squash ? .squash : .cover, filter: filters[filter] ?? .pillowBicubic),
            mean: 255 * SIMD3(mean), deviation: 255 * SIMD3(deviation))
    }
}

/// The text tower's sizes and choices.
package struct TextTowerConfiguration: Sendable, Equatable, Codable {
    package enum Pooling: String, Sendable, Codable {
        /// The first end token.
        case endToken = "end_token"
        /// The last place, whatever stands there.
        case last
    }

    package var tokenizer: TokenizerKind
    /// Tokens that have a vector.
    package var vocabularySize: Int
    /// Places that have a vector: a longer sentence is cut off, and where ``pooling`` is the last place a shorter one is filled up.
    package var contextLength: Int
    package var width: Int
    package var layers: Int
    package var heads: Int
    package var feedForward: Int
    package var activation: Activation
    package var normEpsilon: Double
    /// Whether a token sees only those before it.
    package var isCausal: Bool
    package var pooling: Pooling
    package var projection: TowerProjection
    /// As of the image tower.
    package var packing: Packing?

    enum CodingKeys: String, CodingKey {
        case tokenizer, width, layers, heads, activation, pooling, projection, packing
        case vocabularySize = "vocabulary_size"
        case contextLength = "context_length"
        case feedForward = "feed_forward"
        case normEpsilon = "norm_epsilon"
        case isCausal = "causal"
    }

    var stack: BlockStack {
        BlockStack(
            width: width, layers: layers, heads: heads, feedForward: feedForward, activation: activation,
            normEpsilon: normEpsilon)
    }
}

extension BlockStack {
    /// Checks that the sizes make a stack.
    ///
    /// - Parameters:
    ///   - tower: what it is called in `config.json`.
    ///   - source: the file, for messages.
    /// - Throws: ``ModelError`` that names the first size that doesn't.
    func validate(_ tower: String, source: String) throws(ModelError) {
        func require(_ condition: Bool, _ message: String) throws(ModelError) {
            if !condition { throw ModelError(.malformed, "\(source): \(tower).\(message)") }
        }
        let sizes = [
            ("width", width, 8192), ("layers", layers, 256), ("heads", heads, 256),
            ("feed_forward", feedForward, 65_536),
        ]
        for (key, size, most) in sizes {
            try require((1...most).contains(size), "\(key) must lie in 1...\(most), not \(size)")
        }
        try require(width % heads == 0, "width is \(width), which isn't a multiple of \(heads) heads")
        try require(normEpsilon > 0 && normEpsilon < 1, "norm_epsilon must lie between 0 and 1")
    }
}
