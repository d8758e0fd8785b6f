package import Catalog
package import SystemPackage

/// What a search found.
package struct SearchAnswer: Sendable {
    /// Best first.
    package var results: [SearchResult]
    /// Whether the best clip that passes the filters is likely enough to be about the query, or the text of one says all of it; nil for a model
    /// that can't tell, where no text does.
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
    /// What it was found by.
    package var reason: SearchReason
    /// The line of text that answers the query; nil for a clip that was found by its picture alone.
    package var line: Line?
    /// How many results were folded into this one; nil where none are.
    package var foldedCount: Int?
    /// The first of those, best first: at most ``Folding/shown``.
    package var folded: [SearchResult] = []

    init(_ finding: ClipFinding, _ candidate: Candidate) {
        clip = finding.clip
        media = finding.media
        path = finding.place.path
        root = finding.place.root
        isOnline = finding.place.isOnline
        scores = candidate.scores
        reason = candidate.words.map { $0.isSeen ? .both : .words } ?? .picture
        line = candidate.words?.line
    }
}

/// What a clip was found by.
package enum SearchReason: Sendable {
    case picture
    /// Its text.
    case words
    case both
}

package struct SearchScores: Sendable, Equatable {
    /// The cosine of query and clip.
    package var fast: Double
    /// What is taken from it for what the clip is not to show, and from the re-ranker's score ``Exclusions/slowWeight`` times; nil where nothing
    /// was excluded.
    package var excluded: Double?
    /// The re-ranker's; nil for a clip that it didn't score.
    package var slow: Double?
    /// How much of the query its text has, 0 to 1, rare words more; nil for a clip that was found by its picture alone.
    package var words: Double?
    /// What the Fast model's order is by.
    package var prior: Double { fast - (excluded ?? 0) }
    /// What the order of pictures is by: ``prior``, or the re-ranker's combination of both. Of texts alone it is ``words``.
    package var combined: Double
    /// That the clip is about what the query says; nil for a model that isn't calibrated.
    package var probability: Double?

    package init(
        fast: Double, excluded: Double? = nil, slow: Double? = nil, words: Double? = nil, combined: Double,
        probability: Double? = nil
    ) {
        self.fast = fast
        self.excluded = excluded
        self.slow = slow
        self.words = words
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
    /// The lines of text that answer the query; nil when the text wasn't asked.
    package var words: Double?
    /// Paths and times from the catalog.
    package var lookup = 0.0
    /// All of it.
    package var total = 0.0

    package init() {}
}
