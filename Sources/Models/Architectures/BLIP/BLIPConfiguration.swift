import Foundation
import SystemPackage

/// `config.json` of a BLIP beside a Fast model: its image tower, its text model, and what a pair's score is.
package struct BLIPConfiguration: Sendable, Equatable, Codable {
    /// The architecture's name in `config.json`.
    package static let architecture = "blip"

    package var name: String
    /// What was imported.
    package var origin: String
    /// The licence as the imported folder names it; nil when it names none.
    package var licence: String?
    package var objective: SlowConfiguration.Objective
    package var image: ImageTowerConfiguration
    package var text: BLIPTextConfiguration
    /// Frames of a clip that BLIP looks at, evenly spread.
    package var frames: Int

    enum CodingKeys: String, CodingKey {
        case name, origin, licence, objective, image, text, frames
    }

    package func encode(to encoder: any Encoder) throws {
        try ModelFolder.Header(architecture: Self.architecture, name: name).encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(origin, forKey: .origin)
        try container.encodeIfPresent(licence, forKey: .licence)
        try container.encode(objective, forKey: .objective)
        try container.encode(image, forKey: .image)
        try container.encode(text, forKey: .text)
        try container.encode(frames, forKey: .frames)
    }

    /// - Throws: ``ModelError`` that says which key is wrong, or that a newer program is needed.
    init(_ folder: ModelFolder) throws {
        self = try folder.decoded(Self.self)
        try validate(folder.configuration.string)
    }

    init(
        name: String, origin: String, licence: String?, objective: SlowConfiguration.Objective,
        image: ImageTowerConfiguration, text: BLIPTextConfiguration, frames: Int = 4
    ) {
        self.name = name
        self.origin = origin
        self.licence = licence
        self.objective = objective
        self.image = image
        self.text = text
        self.frames = frames
    }

    /// Checks that the sizes make a model.
    ///
    /// - Parameter source: the file, for messages.
    /// - Throws: ``ModelError`` that names the first size that doesn't.
    func validate(_ source: String) throws(ModelError) {
        func require(_ condition: Bool, _ message: String) throws(ModelError) {
            if !condition { throw ModelError(.malformed, "\(source): \(message)") }
        }
        try image.validate(dimensions: image.width, source: source)
        try text.stack.validate("text", source: source)
        try require(
            (4...1 << 20).contains(text.vocabularySize), "text.vocabulary_size must lie in 4...\(1 << 20)")
        try require((4...4096).contains(text.contextLength), "text.context_length must lie in 4...4096")
        try require(
            text.startToken >= 0 && text.startToken < text.vocabularySize,
            "text.start_token is \(text.startToken), which isn't one of \(text.vocabularySize) tokens")
        try require(
            image.hasClassToken && image.pooling == .classToken && image.projection == .none,
            "image must have a class token and no projection")
        try require((1...64).contains(frames), "frames must lie in 1...64, not \(frames)")
        try require(
            features.maps[0].tokens < 1 << 16 && features.width < 1 << 16,
            "a clip of \(frames) frames would have too many tokens")
    }

    /// As it stands in `config.json`.
    func encoded() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(self)) + [UInt8(ascii: "\n")]
    }

    /// Tokens of a frame, or of several together, as they are stored: the class token, and a mean of each 2×2 patches.
    var pooledTokens: Int { 1 + FeatureMapSize(side: image.cells, channels: image.width).pooledPositions }

    /// What is stored of a clip.
    var features: ClipMemory.Form { ClipMemory.Form(width: image.width, maps: [(0, frames * pooledTokens)]) }
}

/// The sizes of BLIP's text model: a BERT that looks at a picture's tokens in each layer.
package struct BLIPTextConfiguration: Sendable, Equatable, Codable {
    /// Tokens that have a vector.
    package var vocabularySize: Int
    /// Places that have a vector: a longer sentence is cut off.
    package var contextLength: Int
    package var width: Int
    package var layers: Int
    package var heads: Int
    package var feedForward: Int
    package var activation: Activation
    package var normEpsilon: Double
    /// What a sentence begins with: `[DEC]` of a captioner, `[ENC]` of a model that was trained to match.
    package var startToken: Int

    enum CodingKeys: String, CodingKey {
        case width, layers, heads, activation
        case vocabularySize = "vocabulary_size"
        case contextLength = "context_length"
        case feedForward = "feed_forward"
        case normEpsilon = "norm_epsilon"
        case startToken = "start_token"
    }

    var stack: BlockStack {
        BlockStack(
            width: width, layers: layers, heads: heads, feedForward: feedForward, activation: activation,
            normEpsilon: normEpsilon)
    }
}
