package import Catalog

/// What to look for.
package struct SearchRequest: Sendable, Equatable {
    /// What is taken together in an answer.
    package enum Grouping: Sendable, Equatable {
        /// Every clip is a result.
        case clips
        /// The best clip of each media is a result.
        case media
    }

    /// Plain words in any script.
    package var query: String
    /// At most this many results, 1 to ``SearchLimits/results``.
    package var limit: Int
    /// Skips this many of the best results, 0 to ``SearchLimits/offset``.
    package var offset: Int
    package var filters: SearchFilters
    package var grouping: Grouping
    /// nil leaves the order to the Fast model.
    package var rerank: RerankOptions?
    /// Leaves out clips that are less likely than this to show what the query says, so that an answer may be empty; 0 to 1.
    package var minProbability: Double?

    package init(
        query: String, limit: Int = 10, offset: Int = 0, filters: SearchFilters = SearchFilters(),
        grouping: Grouping = .clips, rerank: RerankOptions? = nil, minProbability: Double? = nil
    ) {
        self.query = query
        self.limit = limit
        self.offset = offset
        self.filters = filters
        self.grouping = grouping
        self.rerank = rerank
        self.minProbability = minProbability
    }
}

/// What a request may ask for at most.
package enum SearchLimits {
    /// Characters of a query, counted as Unicode scalars.
    package static let query = 1_000
    package static let results = 1_000
    package static let offset = 10_000
    /// Clips that are re-ranked.
    package static let rerank = 1_000
}

/// Which media may answer; an absent filter lets everything through. All that are given must hold, those on paths for one and the
/// same path of the media.
package struct SearchFilters: Sendable, Equatable {
    /// Found in this root.
    package var root: RootID?
    /// The path begins with these bytes.
    package var pathPrefix: [UInt8]?
    /// The path matches this pattern: see ``PathGlob``.
    package var pathGlob: String?
    /// The container says that it was recorded at this time or later; a media that doesn't say is left out.
    package var recordedAfter: Timestamp?
    /// The container says that it was recorded before this time.
    package var recordedBefore: Timestamp?
    /// The media lasts at least this many seconds; one of unknown duration is left out.
    package var minDuration: Double?
    /// The media lasts at most this many seconds.
    package var maxDuration: Double?

    package init(
        root: RootID? = nil, pathPrefix: [UInt8]? = nil, pathGlob: String? = nil, recordedAfter: Timestamp? = nil,
        recordedBefore: Timestamp? = nil, minDuration: Double? = nil, maxDuration: Double? = nil
    ) {
        self.root = root
        self.pathPrefix = pathPrefix
        self.pathGlob = pathGlob
        self.recordedAfter = recordedAfter
        self.recordedBefore = recordedBefore
        self.minDuration = minDuration
        self.maxDuration = maxDuration
    }
}
