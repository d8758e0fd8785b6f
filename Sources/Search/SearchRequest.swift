package import Catalog

/// What to look for. One that can't be answered doesn't exist: the initialiser checks.
package struct SearchRequest: Sendable, Equatable {
    /// What is one result.
    package enum Group: Sendable, Equatable {
        /// Every clip.
        case clip
        /// The best clip of each media item.
        case media
    }

    /// What is asked.
    package enum Channel: Sendable, Equatable {
        /// Pictures and lines of text, of which the better ones of either come first. The text alone for a query with quoted words.
        case both
        case picture
        /// Subtitles, titles and names.
        case words
    }

    /// Plain words in any script, without white space around them.
    package let query: String
    /// At most this many results.
    package let limit: Int
    /// Skips this many of the best results.
    package let offset: Int
    package let filter: MediaFilter
    package let group: Group
    package let channel: Channel
    /// nil leaves the order to the Fast model.
    package let rerank: RerankOptions?
    /// Leaves out clips that are less likely than this to show what the query says, unless their text says all of it, so that an answer may be
    /// empty.
    package let minProbability: Double?

    /// - Parameters:
    ///   - query: with something to read in it, of at most ``SearchLimits/query`` characters.
    ///   - limit: 1 to ``SearchLimits/results``.
    ///   - offset: 0 to ``SearchLimits/offset``.
    ///   - minProbability: 0 to 1.
    /// - Throws: ``SearchError`` that names the field.
    package init(
        query: String, limit: Int = 10, offset: Int = 0, filter: MediaFilter = .all, group: Group = .clip,
        channel: Channel = .both, rerank: RerankOptions? = nil, minProbability: Double? = nil
    ) throws(SearchError) {
        self.query = try Self.trimmed(query)
        guard (1...SearchLimits.results).contains(limit) else {
            throw SearchError(.invalidLimit, field: .limit, "must be from 1 to \(SearchLimits.results)")
        }
        guard (0...SearchLimits.offset).contains(offset) else {
            throw SearchError(.invalidOffset, field: .offset, "must be from 0 to \(SearchLimits.offset)")
        }
        guard minProbability.map({ (0...1).contains($0) }) ?? true else {
            throw SearchError(.invalidRerank, field: .minProbability, "must be from 0 to 1")
        }
        self.limit = limit
        self.offset = offset
        self.filter = filter
        self.group = group
        self.channel = channel
        self.rerank = rerank
        self.minProbability = minProbability
    }

    /// The query without white space and characters that show nothing around it.
    private static func trimmed(_ query: String) throws(SearchError) -> String {
        // A scalar has at most four bytes: a query of megabytes is refused before anything looks at its characters.
        guard query.utf8.count <= SearchLimits.query * 4, query.unicodeScalars.count <= SearchLimits.query else {
            throw SearchError(
                .queryTooLong, field: .query,
                "has more than \(SearchLimits.query) characters: say it in a sentence")
        }
        let scalars = query.unicodeScalars
        let isBlank = { (scalar: Unicode.Scalar) in
            scalar.properties.isWhitespace || scalar.properties.generalCategory == .control
                || scalar.properties.generalCategory == .format
        }
        guard let first = scalars.firstIndex(where: { !isBlank($0) }),
            let last = scalars.lastIndex(where: { !isBlank($0) })
        else {
            throw SearchError(
                .emptyQuery, field: .query, "is empty: describe what to look for, as in “a dog on a beach”")
        }
        return String(scalars[first...last])
    }
}

/// How a search's best clips are re-ranked; what is absent is as the model says.
package struct RerankOptions: Sendable, Equatable {
    /// How many of the Fast model's best clips are re-ranked.
    package let depth: Int?
    /// Weight of the Fast score beside the Slow one.
    package let beta: Double?
    /// How long after the search began it answers with what there is; nil waits for all.
    package let deadline: Duration?

    /// As the model says.
    package init() {
        (depth, beta, deadline) = (nil, nil, nil)
    }

    /// - Parameters:
    ///   - depth: 1 to ``SearchLimits/depth``.
    ///   - beta: within ``SearchLimits/beta`` of 0.
    ///   - deadline: in milliseconds, 0 to ``SearchLimits/deadline``.
    /// - Throws: ``SearchError`` that names the field.
    package init(depth: Int? = nil, beta: Double? = nil, deadline: Double? = nil) throws(SearchError) {
        guard depth.map({ (1...SearchLimits.depth).contains($0) }) ?? true else {
            throw SearchError(.invalidRerank, field: .rerankDepth, "must be from 1 to \(SearchLimits.depth)")
        }
        guard beta.map({ $0.magnitude <= SearchLimits.beta }) ?? true else {
            let most = Int(SearchLimits.beta)
            throw SearchError(.invalidRerank, field: .rerankBeta, "must be from -\(most) to \(most)")
        }
        guard deadline.map({ (0...SearchLimits.deadline).contains($0) }) ?? true else {
            throw SearchError(
                .invalidRerank, field: .rerankDeadline,
                "must be from 0 to \(Int(SearchLimits.deadline)) milliseconds")
        }
        self.depth = depth
        self.beta = beta
        self.deadline = deadline.map { .nanoseconds(Int64($0 * 1e6)) }
    }
}

/// What a request may ask for at most.
package enum SearchLimits {
    /// Characters of a query, counted as Unicode scalars.
    package static let query = 1_000
    package static let results = 1_000
    package static let offset = 10_000
    /// Clips that are re-ranked.
    package static let depth = 1_000
    /// Of the Fast score's weight, either side of 0: any score is far below it, and no combined score overflows.
    package static let beta = 1e6
    /// A minute, in milliseconds.
    package static let deadline = 60_000.0
}
