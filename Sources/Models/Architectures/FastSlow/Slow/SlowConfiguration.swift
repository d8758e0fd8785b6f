/// The sizes of the Slow cross-attention captioner, as `config.json` has them.
package struct SlowConfiguration: Sendable, Equatable, Codable {
    /// The backbone's maps that the memory is made of, coarse to fine.
    package enum Level: String, Sendable, Codable, CaseIterable, CodingKeyRepresentable {
        case c5, c4, c3
    }

    /// A square map of the backbone.
    package struct Map: Sendable, Equatable, Codable {
        package var side: Int
        package var channels: Int

        package init(side: Int, channels: Int) {
            self.side = side
            self.channels = channels
        }
    }

    package enum Directions: String, Sendable, Codable { case both, forward }

    /// What a pair's score is.
    package enum Objective: String, Sendable, Codable, CaseIterable {
        /// How likely the sentence is: h(x, y).
        case captioning
        /// The logit of a binary head: whether sentence and clip belong together.
        case matching
    }

    /// Width of words, layers and visual tokens.
    package var width: Int
    package var heads: Int
    package var feedForward: Int
    /// The level that each decoder layer's cross-attention reads: coarse first, finer later.
    package var layers: [Level]
    package var directions: Directions
    package var objective: Objective
    /// The maps of the levels; those finer than any of `layers` aren't needed.
    package var maps: [Level: Map]
    /// Word pieces that are read and written.
    package var vocabularySize: Int
    /// Longest sentence, in tokens beside the two special ones.
    package var maximumTokens: Int
    /// Frames of a clip that the memory keeps.
    package var frames: Int

    package init(
        width: Int = 256, heads: Int = 8, feedForward: Int = 1024, layers: [Level] = [.c5, .c5, .c4],
        directions: Directions = .both, objective: Objective = .captioning, maps: [Level: Map], vocabularySize: Int,
        maximumTokens: Int = 40, frames: Int = 4
    ) {
        self.width = width
        self.heads = heads
        self.feedForward = feedForward
        self.layers = layers
        self.directions = directions
        self.objective = objective
        self.maps = maps
        self.vocabularySize = vocabularySize
        self.maximumTokens = maximumTokens
        self.frames = frames
    }

    enum CodingKeys: String, CodingKey {
        case width, heads, layers, directions, objective, maps, frames
        case feedForward = "feed_forward"
        case vocabularySize = "vocabulary_size"
        case maximumTokens = "maximum_tokens"
    }

    /// Coarse to fine, down to the finest that a layer reads.
    package var levels: [Level] {
        let finest = layers.compactMap { Level.allCases.firstIndex(of: $0) }.max() ?? 0
        return Array(Level.allCases[0...finest])
    }

    /// - Throws: ``ModelError`` that names what doesn't fit.
    package func validate() throws {
        func require(_ condition: Bool, _ message: @autoclosure () -> String) throws {
            if !condition { throw ModelError(.malformed, "config.json: slow: " + message()) }
        }
        try require(
            width > 0 && width <= 4096 && heads > 0 && width % heads == 0, "heads must divide width (at most 4096)")
        try require((1...16_384).contains(feedForward), "feed_forward must lie in 1...16384")
        try require((1...32).contains(layers.count), "layers must have 1 to 32 entries")
        try require((4...1_000_000).contains(vocabularySize), "vocabulary_size must lie in 4...1000000")
        try require((1...512).contains(maximumTokens), "maximum_tokens must lie in 1...512")
        try require((1...64).contains(frames), "frames must lie in 1...64")
        var side: Int?
        for level in levels {
            guard let map = maps[level] else { throw ModelError(.malformed, "config.json: slow: maps has no \(level)") }
            try require(
                (1...128).contains(map.side) && (1...8192).contains(map.channels), "the map \(level) is out of range")
            try require(map.side % 2 == 0, "the side of the map \(level) must be even")
            if let side { try require(map.side == 2 * side, "each map must be twice as wide as the one above it") }
            side = map.side
        }
    }
}
