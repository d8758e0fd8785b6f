/// The sizes of the Slow cross-attention captioner, as `config.json` has them.
package struct SlowConfiguration: Sendable, Equatable, Codable {
    package enum Directions: String, Sendable, Codable { case both, forward }

    /// What a pair's score is.
    package enum Objective: String, Sendable, Codable, CaseIterable {
        /// How likely the sentence is: h(x, y).
        case captioning
        /// The logit of a binary head: whether sentence and clip belong together.
        case matching
    }

    /// Width of words and layers.
    package var width: Int
    /// Width of visual tokens: what is stored of a clip, and what the layers' keys and values are made of.
    package var memoryWidth: Int
    package var heads: Int
    package var feedForward: Int
    /// Which of ``maps`` each decoder layer's cross-attention reads: coarse first, finer later.
    package var layers: [Int]
    package var directions: Directions
    package var objective: Objective
    /// The image encoder's maps that the memory is made of, coarse to fine, down to the finest that a layer reads.
    package var maps: [FeatureMapSize]
    /// Word pieces that are read and written.
    package var vocabularySize: Int
    /// Longest sentence, in tokens beside the two special ones.
    package var maximumTokens: Int
    /// Frames of a clip that the memory keeps.
    package var frames: Int

    package init(
        width: Int = 256, memoryWidth: Int? = nil, heads: Int = 8, feedForward: Int = 1024, layers: [Int] = [0, 0, 1],
        directions: Directions = .both, objective: Objective = .captioning, maps: [FeatureMapSize], vocabularySize: Int,
        maximumTokens: Int = 40, frames: Int = 4
    ) {
        self.width = width
        self.memoryWidth = memoryWidth ?? width
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
        case memoryWidth = "memory_width"
        case feedForward = "feed_forward"
        case vocabularySize = "vocabulary_size"
        case maximumTokens = "maximum_tokens"
    }

    /// - Throws: ``ModelError`` that names what doesn't fit.
    package func validate() throws(ModelError) {
        func require(_ condition: Bool, _ message: @autoclosure () -> String) throws(ModelError) {
            if !condition { throw ModelError(.malformed, "config.json: slow: " + message()) }
        }
        try require(
            width > 0 && width <= 4096 && heads > 0 && width % heads == 0, "heads must divide width (at most 4096)")
        try require((1...width).contains(memoryWidth), "memory_width must lie in 1...width")
        try require((1...16_384).contains(feedForward), "feed_forward must lie in 1...16384")
        try require((1...32).contains(layers.count), "layers must have 1 to 32 entries")
        try require((4...1_000_000).contains(vocabularySize), "vocabulary_size must lie in 4...1000000")
        try require((1...512).contains(maximumTokens), "maximum_tokens must lie in 1...512")
        try require((1...64).contains(frames), "frames must lie in 1...64")
        try require(
            layers.allSatisfy { $0 >= 0 } && layers.max() == maps.count - 1,
            "maps must be those down to the finest that one of layers reads")
        var side: Int?
        for (index, map) in maps.enumerated() {
            try require(
                (1...128).contains(map.side) && (1...8192).contains(map.channels), "map \(index) is out of range")
            if let side {
                try require(
                    map.side == side || map.side == 2 * side, "each map must be as wide as the one before it, or twice")
            }
            side = map.side
        }
    }
}

extension SlowConfiguration {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        width = try container.decode(Int.self, forKey: .width)
        memoryWidth = try container.decodeIfPresent(Int.self, forKey: .memoryWidth) ?? width
        heads = try container.decode(Int.self, forKey: .heads)
        feedForward = try container.decode(Int.self, forKey: .feedForward)
        directions = try container.decode(Directions.self, forKey: .directions)
        objective = try container.decode(Objective.self, forKey: .objective)
        vocabularySize = try container.decode(Int.self, forKey: .vocabularySize)
        maximumTokens = try container.decode(Int.self, forKey: .maximumTokens)
        frames = try container.decode(Int.self, forKey: .frames)
        if let named = try? container.decode([NamedMap].self, forKey: .layers) {
            // Format 1, where maps that no layer reads might be listed too.
            let sizes = try container.decode([NamedMap: FeatureMapSize].self, forKey: .maps)
            let layers = named.map(\.index)
            self.layers = layers
            maps = NamedMap.allCases.prefix(1 + (layers.max() ?? 0)).compactMap { sizes[$0] }
        } else {
            layers = try container.decode([Int].self, forKey: .layers)
            maps = try container.decode([FeatureMapSize].self, forKey: .maps)
        }
    }

    /// How format 1 called the maps: by the stages of a convolutional network.
    private enum NamedMap: String, CaseIterable, Decodable, CodingKeyRepresentable {
        case c5, c4, c3

        var index: Int {
            switch self {
            case .c5: 0
            case .c4: 1
            case .c3: 2
            }
        }
    }
}
