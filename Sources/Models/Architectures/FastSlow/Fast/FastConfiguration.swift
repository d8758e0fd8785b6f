/// The sizes of the Fast dual encoder, as `config.json` has them.
package struct FastConfiguration: Sendable, Equatable, Codable {
    /// Length of an embedding, D.
    package var dimensions: Int
    /// Learned queries that pool the last feature map.
    package var poolingQueries: Int
    /// Channels of the backbone's last map and of its pooled head.
    package var mapChannels: Int
    package var pooledChannels: Int
    /// Width of the text encoder's output.
    package var textWidth: Int
    /// Words past this many tokens are left out.
    package var maximumTokens: Int

    package init(
        dimensions: Int = 256, poolingQueries: Int = 4, mapChannels: Int, pooledChannels: Int, textWidth: Int,
        maximumTokens: Int = 64
    ) {
        self.dimensions = dimensions
        self.poolingQueries = poolingQueries
        self.mapChannels = mapChannels
        self.pooledChannels = pooledChannels
        self.textWidth = textWidth
        self.maximumTokens = maximumTokens
    }

    enum CodingKeys: String, CodingKey {
        case dimensions
        case poolingQueries = "pooling_queries"
        case mapChannels = "map_channels"
        case pooledChannels = "pooled_channels"
        case textWidth = "text_width"
        case maximumTokens = "maximum_tokens"
    }
}
