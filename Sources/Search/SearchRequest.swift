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

    /// Plain words in any script, without white space around them; empty where ``examples`` alone say what to look for.
    package let query: String
    /// What results are to look like, beside the words or alone. The clips that are named are left out of the results, and with
    /// ``Group/media`` their media items.
    package let examples: [SearchExample]
    /// What results are not to show, or to say.
    package let exclusions: [SearchExclusion]
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
    /// Whether results that show nearly the same are one result.
    package let folds: Bool

    /// - Parameters:
    ///   - query: of at most ``SearchLimits/query`` characters, with something to read in it unless there are examples.
    ///   - examples: at most ``SearchLimits/examples``.
    ///   - exclusions: at most ``SearchLimits/examples``.
    ///   - limit: 1 to ``SearchLimits/results``.
    ///   - offset: 0 to ``SearchLimits/offset``.
    ///   - minProbability: 0 to 1, of a search without examples.
    ///   - folds: with at most ``SearchLimits/folded`` results up to the last one of the page.
    /// - Throws: ``SearchError`` that names the field.
    package init(
        query: String, examples: [SearchExample] = [], exclusions: [SearchExclusion] = [], limit: Int = 10,
        offset: Int = 0, filter: MediaFilter = .all, group: Group = .clip, channel: Channel = .both,
        rerank: RerankOptions? = nil, minProbability: Double? = nil, folds: Bool = false
    ) throws(SearchError) {
        self.query = try Self.trimmed(query, field: .query, mayBeEmpty: !examples.isEmpty)
        guard examples.count <= SearchLimits.examples else {
            throw SearchError(.invalidExample, field: .likes, "must have at most \(SearchLimits.examples) entries")
        }
        guard exclusions.count <= SearchLimits.examples else {
            throw SearchError(.invalidExample, field: .nots, "must have at most \(SearchLimits.examples) entries")
        }
        guard examples.isEmpty || channel != .words else {
            throw SearchError(
                .invalidExample, field: .likes, "compares pictures, and the text alone is asked: leave one of both out")
        }
        guard (1...SearchLimits.results).contains(limit) else {
            throw SearchError(.invalidLimit, field: .limit, "must be from 1 to \(SearchLimits.results)")
        }
        guard (0...SearchLimits.offset).contains(offset) else {
            throw SearchError(.invalidOffset, field: .offset, "must be from 0 to \(SearchLimits.offset)")
        }
        guard minProbability.map({ (0...1).contains($0) }) ?? true else {
            throw SearchError(.invalidRerank, field: .minProbability, "must be from 0 to 1")
        }
        guard minProbability == nil || examples.isEmpty else {
            throw SearchError(
                .invalidRerank, field: .minProbability,
                "is of words, and this search has examples: leave it out, or search by words alone")
        }
        guard !folds || offset + limit <= SearchLimits.folded else {
            throw SearchError(
                .invalidOffset, field: .offset,
                "and “limit” must be at most \(SearchLimits.folded) together where results are folded")
        }
        self.limit = limit
        self.offset = offset
        self.filter = filter
        self.group = group
        self.channel = channel
        self.rerank = rerank
        self.minProbability = minProbability
        self.examples = examples
        self.exclusions = exclusions
        self.folds = folds
    }

    /// A text without white space and characters that show nothing around it.
    static func trimmed(
        _ query: String, field: SearchError.Field, mayBeEmpty: Bool = false
    ) throws(SearchError) -> String {
        // A scalar has at most four bytes: a query of megabytes is refused before anything looks at its characters.
        guard query.utf8.count <= SearchLimits.query * 4, query.unicodeScalars.count <= SearchLimits.query else {
            throw SearchError(
                .queryTooLong, field: field,
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
            if mayBeEmpty { return "" }
            throw SearchError(
                .emptyQuery, field: field, "is empty: describe what to look for, as in “a dog on a beach”")
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
    /// Examples, and exclusions.
    package static let examples = 8
    /// Of an example or an exclusion, beside 1 of the query's words.
    package static let weight = 10.0
    /// Results up to the last one of a page of folded ones.
    package static let folded = 1_000
    package static let offset = 10_000
    /// Clips that are re-ranked.
    package static let depth = 1_000
    /// Of the Fast score's weight, either side of 0: any score is far below it, and no combined score overflows.
    package static let beta = 1e6
    /// A minute, in milliseconds.
    package static let deadline = 60_000.0

    static func check(weight: Double, of field: SearchError.Field) throws(SearchError) {
        guard weight > 0, weight <= Self.weight else {
            throw SearchError(
                .invalidExample, field: field, "has a weight that is not more than 0 and at most \(Int(Self.weight))")
        }
    }
}
