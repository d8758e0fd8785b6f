package import Catalog
package import SystemPackage

/// What a search found.
package struct SearchAnswer: Sendable {
    /// Best first.
    package var results: [SearchResult]
    /// Whether the best clip that passes the filters is likely enough to be about the query; nil for a model that can't tell.
    package var isFound: Bool?
    /// How far the search went.
    package var stage: SearchStage
    /// How many clips were re-ranked.
    package var reranked: Int
    /// Digest of the model that answered.
    package var modelDigest: String
    /// How many clips were in the index, whatever the filters say.
    package var clips: Int
    package var timings: SearchTimings
}

package enum SearchStage: Sendable {
    /// The Fast model's order.
    case fast
    /// The deadline came before all that should be re-ranked was scored.
    case partial
    /// The re-ranker's order.
    case slow
}

/// A clip that was found.
package struct SearchResult: Sendable {
    package var clip: Clip
    package var media: Media
    /// Where the media lies; of several paths the first that the filters let through, readable ones before others.
    package var path: FilePath
    /// The root that the path was found in; nil for a file that was indexed by name.
    package var root: RootID?
    /// Whether its root could be read when it was last looked at.
    package var isOnline: Bool
    package var scores: SearchScores

    init(_ finding: ClipFinding, scores: SearchScores) {
        clip = finding.clip
        media = finding.media
        path = finding.place.path
        root = finding.place.root
        isOnline = finding.place.isOnline
        self.scores = scores
    }
}

package struct SearchScores: Sendable, Equatable {
    /// The cosine of query and clip.
    package var fast: Double
    /// The re-ranker's; nil for a clip that it didn't score.
    package var slow: Double?
    /// What the order is by: ``fast``, or the re-ranker's combination of both.
    package var combined: Double
    /// That the clip is about what the query says; nil for a model that isn't calibrated.
    package var probability: Double?

    package init(fast: Double, slow: Double? = nil, combined: Double, probability: Double? = nil) {
        self.fast = fast
        self.slow = slow
        self.combined = combined
        self.probability = probability
    }
}

/// How long each stage took, in milliseconds.
package struct SearchTimings: Sendable, Equatable {
    /// Query text to vector.
    package var embed = 0.0
    /// Filters to the media that they let through.
    package var filter = 0.0
    /// The scan of the index.
    package var scan = 0.0
    package var rerank = 0.0
    /// Paths and times from the catalog.
    package var lookup = 0.0
    /// All of it.
    package var total = 0.0

    package init() {}
}
