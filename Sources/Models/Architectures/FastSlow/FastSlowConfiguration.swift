import Foundation
import SystemPackage

/// `config.json` of this architecture: what the model's parts are and how they are used.
package struct FastSlowConfiguration: Sendable, Equatable, Codable {
    /// The architecture's name in `config.json`.
    package static let architecture = "fast-slow"

    /// The frozen network that frames go through.
    package struct BackboneConfiguration: Sendable, Equatable, Codable {
        package enum Architecture: String, Sendable, Codable, CaseIterable {
            case lite0 = "efficientnet-lite0"
            case lite2 = "efficientnet-lite2"
        }

        package var architecture: Architecture
        /// Side in pixels of the square frames.
        package var frameSize: Int

        package init(architecture: Architecture, frameSize: Int) {
            self.architecture = architecture
            self.frameSize = frameSize
        }

        enum CodingKeys: String, CodingKey {
            case architecture
            case frameSize = "frame_size"
        }

        package var network: EfficientNetLiteArchitecture {
            switch architecture {
            case .lite0: .lite0
            case .lite2: .lite2
            }
        }
    }

    package var name: String
    package var backbone: BackboneConfiguration
    package var text: BERTConfiguration
    package var fast: FastConfiguration
    /// Nil for a model that can't re-rank.
    package var slow: SlowConfiguration?
    /// At most this many frames of a clip are used.
    package var framesPerClip: Int

    package init(
        name: String, backbone: BackboneConfiguration, text: BERTConfiguration, fast: FastConfiguration,
        slow: SlowConfiguration? = nil, framesPerClip: Int = 8
    ) {
        self.name = name
        self.backbone = backbone
        self.text = text
        self.fast = fast
        self.slow = slow
        self.framesPerClip = framesPerClip
    }

    enum CodingKeys: String, CodingKey {
        case name, backbone, text, fast, slow
        case framesPerClip = "frames_per_clip"
    }

    package func encode(to encoder: any Encoder) throws {
        try ModelFolder.Header(architecture: Self.architecture, name: name).encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(backbone, forKey: .backbone)
        try container.encode(text, forKey: .text)
        try container.encode(fast, forKey: .fast)
        try container.encodeIfPresent(slow, forKey: .slow)
        try container.encode(framesPerClip, forKey: .framesPerClip)
    }

    /// - Throws: ``ModelError`` that says which key is wrong, that the folder is of another architecture, or that a newer program
    ///   is needed.
    package init(_ folder: ModelFolder) throws {
        let header = try folder.header()
        guard header.architecture == Self.architecture else {
            throw ModelError(
                .malformed,
                "\(folder.configuration): has the architecture \"\(header.architecture)\"; this needs a model of the "
                    + "architecture \"\(Self.architecture)\"")
        }
        self = try folder.decoded(Self.self)
        try validate(folder.configuration)
    }

    private func validate(_ path: FilePath) throws {
        func require(_ condition: Bool, _ message: String) throws {
            if !condition { throw ModelError(.malformed, "\(path): \(message)") }
        }
        try text.validate()
        try require((32...1024).contains(backbone.frameSize), "backbone.frame_size must lie in 32...1024")
        try require((1...64).contains(framesPerClip), "frames_per_clip must lie in 1...64")
        try require((1...4096).contains(fast.dimensions), "fast.dimensions must lie in 1...4096")
        try require((1...64).contains(fast.poolingQueries), "fast.pooling_queries must lie in 1...64")
        try require(fast.textWidth == text.width, "fast.text_width must be the text encoder's hidden_size")
        try require(
            (4...text.maximumLength).contains(fast.maximumTokens),
            "fast.maximum_tokens must lie in 4...\(text.maximumLength)")
        guard let slow else { return }
        try slow.validate()
        try require(slow.frames <= framesPerClip, "slow.frames must be at most frames_per_clip")
    }

    /// As it stands in `config.json`, in the current format.
    package func encoded() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        return Array(try encoder.encode(self)) + [UInt8(ascii: "\n")]
    }
}
