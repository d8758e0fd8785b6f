import Foundation
package import SystemPackage

/// A model folder's `config.json`: what its parts are and how they are used.
package struct ModelConfiguration: Sendable, Equatable, Codable {
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

    /// The version of the folder's format.
    package var format: Int
    package var name: String
    package var backbone: BackboneConfiguration
    package var text: BERTConfiguration
    package var fast: FastConfiguration
    /// Nil for a model that can't re-rank.
    package var slow: SlowConfiguration?
    /// At most this many frames of a clip are used.
    package var framesPerClip: Int

    package static let currentFormat = 1

    package init(
        name: String, backbone: BackboneConfiguration, text: BERTConfiguration, fast: FastConfiguration,
        slow: SlowConfiguration? = nil, framesPerClip: Int = 8
    ) {
        format = Self.currentFormat
        self.name = name
        self.backbone = backbone
        self.text = text
        self.fast = fast
        self.slow = slow
        self.framesPerClip = framesPerClip
    }

    enum CodingKeys: String, CodingKey {
        case format, name, backbone, text, fast, slow
        case framesPerClip = "frames_per_clip"
    }

    /// - Throws: ``ModelError`` that says which key is wrong, or that a newer program is needed.
    package init(contentsOf path: FilePath) throws {
        let source = try ByteSource(opening: path)
        guard source.count <= 1 << 20 else {
            throw ModelError(.malformed, "\(path): too large for a model's config.json")
        }
        let data = try Data(source.read(0..<source.count))
        struct Version: Decodable { var format: Int }
        guard let version = try? JSONDecoder().decode(Version.self, from: data) else {
            throw ModelError(.malformed, "\(path): isn't a model's config.json; point --model at a model folder")
        }
        guard version.format == Self.currentFormat else {
            throw ModelError(
                .malformed,
                "\(path): has format \(version.format) and this program reads format \(Self.currentFormat); update saccade"
            )
        }
        do {
            self = try JSONDecoder().decode(Self.self, from: data)
        } catch DecodingError.keyNotFound(let key, _) {
            throw ModelError(.malformed, "\(path): the key \"\(key.stringValue)\" is missing")
        } catch DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context),
            DecodingError.dataCorrupted(let context)
        {
            let place = context.codingPath.map(\.stringValue).joined(separator: ".")
            throw ModelError(.malformed, "\(path): \"\(place)\" has a value that can't be used")
        }
        try validate(path)
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

    /// As it stands in `config.json`.
    package func encoded() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        return Array(try encoder.encode(self)) + [UInt8(ascii: "\n")]
    }
}
