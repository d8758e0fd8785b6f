package import Foundation

extension API {
    /// The body of `POST /v1/search`.
    package struct SearchRequest: Codable, Sendable, Equatable {
        /// What to look for, in plain words; empty where ``like`` alone says it.
        package var query: String
        /// What results are to look like, beside the words or alone.
        package var like: [Example]
        /// What results are not to show, or to say.
        package var not: [Exclusion]
        /// At most this many results.
        package var limit: Int
        /// Skips this many of the best results.
        package var offset: Int
        package var filters: SearchFilters
        package var rerank: Rerank
        /// Leaves out clips that are less likely than this to be about what the query says.
        package var minProbability: Double?
        package var group: SearchGroup
        package var channel: SearchChannel
        /// Whether results that show nearly the same are one result.
        package var fold: Bool
        /// Whether the answer comes in lines, each better than the one before.
        package var stream: Bool
        /// Whose clips are asked.
        package var scope: SearchScope

        package init(
            query: String,
            like: [Example] = [],
            not: [Exclusion] = [],
            limit: Int = 10,
            offset: Int = 0,
            filters: SearchFilters = .init(),
            rerank: Rerank = .standard,
            minProbability: Double? = nil,
            group: SearchGroup = .clip,
            channel: SearchChannel = .both,
            fold: Bool = false,
            stream: Bool = false,
            scope: SearchScope = .local
        ) {
            self.scope = scope
            self.query = query
            self.like = like
            self.not = not
            self.fold = fold
            self.limit = limit
            self.offset = offset
            self.filters = filters
            self.rerank = rerank
            self.minProbability = minProbability
            self.group = group
            self.channel = channel
            self.stream = stream
        }

        /// What all pictures of ``like`` have together.
        package var imageBytes: Int {
            like.reduce(0) { sum, example in
                if case .image(let bytes) = example.source { sum + bytes.count } else { sum }
            }
        }

        enum CodingKeys: String, CodingKey, CaseIterable {
            case query, like, not, limit, offset, filters, rerank, group, channel, fold, stream, scope
            case minProbability = "min_probability"
        }

        package init(from decoder: any Decoder) throws {
            try decoder.refuseUnknownKeys(besides: CodingKeys.self)
            let container = try decoder.container(keyedBy: CodingKeys.self)
            like = try container.decodeIfPresent([Example].self, forKey: .like) ?? []
            not = try container.decodeIfPresent([Exclusion].self, forKey: .not) ?? []
            query =
                like.isEmpty
                ? try container.decode(String.self, forKey: .query)
                : try container.decodeIfPresent(String.self, forKey: .query) ?? ""
            limit = try container.decodeNumber(Int.self, forKey: .limit) ?? 10
            offset = try container.decodeNumber(Int.self, forKey: .offset) ?? 0
            filters = try container.decodeIfPresent(SearchFilters.self, forKey: .filters) ?? .init()
            rerank = try container.decodeIfPresent(Rerank.self, forKey: .rerank) ?? .standard
            minProbability = try container.decodeNumber(Double.self, forKey: .minProbability)
            group = try container.decodeIfPresent(SearchGroup.self, forKey: .group) ?? .clip
            channel = try container.decodeIfPresent(SearchChannel.self, forKey: .channel) ?? .both
            fold = try container.decodeIfPresent(Bool.self, forKey: .fold) ?? false
            stream = try container.decodeIfPresent(Bool.self, forKey: .stream) ?? false
            scope = try container.decodeIfPresent(SearchScope.self, forKey: .scope) ?? .local
        }

        /// Leaves out what is as it is without saying so.
        package func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(query, forKey: .query)
            if !like.isEmpty { try container.encode(like, forKey: .like) }
            if !not.isEmpty { try container.encode(not, forKey: .not) }
            try container.encode(limit, forKey: .limit)
            try container.encode(offset, forKey: .offset)
            try container.encode(filters, forKey: .filters)
            if rerank != .standard { try container.encode(rerank, forKey: .rerank) }
            try container.encodeIfPresent(minProbability, forKey: .minProbability)
            if group != .clip { try container.encode(group, forKey: .group) }
            if channel != .both { try container.encode(channel, forKey: .channel) }
            if fold { try container.encode(fold, forKey: .fold) }
            if stream { try container.encode(stream, forKey: .stream) }
            if scope != .local { try container.encode(scope, forKey: .scope) }
        }
    }

    /// Whose clips a search asks.
    package enum SearchScope: String, Codable, Sendable, CaseIterable {
        /// Those of this machine.
        case local
        /// Those of all machines that share its database.
        case fleet
    }

    /// What a search asks.
    package enum SearchChannel: String, Codable, Sendable, CaseIterable {
        /// Pictures and text; the text alone for a query with quoted words.
        case both
        case picture
        /// Subtitles, chapter titles, titles, comments, file and folder names.
        case words
    }

    /// Which clips may answer; an absent filter lets everything through.
    package struct SearchFilters: Codable, Sendable, Equatable {
        /// The id of a root.
        package var root: Int64?
        /// An absolute path or the beginning of one: `/home/me/videos/2025/`.
        package var pathPrefix: String?
        /// A shell pattern over the whole absolute path: `*/holiday*/*.mp4`.
        package var pathGlob: String?
        /// Recorded at this time or later.
        package var recordedAfter: Date?
        /// Recorded before this time.
        package var recordedBefore: Date?
        /// The media item lasts at least this many seconds.
        package var minDuration: Double?
        /// The media item lasts at most this many seconds.
        package var maxDuration: Double?

        package init(
            root: Int64? = nil,
            pathPrefix: String? = nil,
            pathGlob: String? = nil,
            recordedAfter: Date? = nil,
            recordedBefore: Date? = nil,
            minDuration: Double? = nil,
            maxDuration: Double? = nil
        ) {
            self.root = root
            self.pathPrefix = pathPrefix
            self.pathGlob = pathGlob
            self.recordedAfter = recordedAfter
            self.recordedBefore = recordedBefore
            self.minDuration = minDuration
            self.maxDuration = maxDuration
        }

        enum CodingKeys: String, CodingKey, CaseIterable {
            case root
            case pathPrefix = "path_prefix"
            case pathGlob = "path_glob"
            case recordedAfter = "recorded_after"
            case recordedBefore = "recorded_before"
            case minDuration = "min_duration"
            case maxDuration = "max_duration"
        }

        package init(from decoder: any Decoder) throws {
            try decoder.refuseUnknownKeys(besides: CodingKeys.self)
            let container = try decoder.container(keyedBy: CodingKeys.self)
            root = try container.decodeNumber(Int64.self, forKey: .root)
            pathPrefix = try container.decodeIfPresent(String.self, forKey: .pathPrefix)
            pathGlob = try container.decodeIfPresent(String.self, forKey: .pathGlob)
            recordedAfter = try container.decodeIfPresent(Date.self, forKey: .recordedAfter)
            recordedBefore = try container.decodeIfPresent(Date.self, forKey: .recordedBefore)
            minDuration = try container.decodeNumber(Double.self, forKey: .minDuration)
            maxDuration = try container.decodeNumber(Double.self, forKey: .maxDuration)
        }
    }

    /// The answer to `POST /v1/search`, and what `saccade search --json` prints.
    package struct SearchResponse: Codable, Sendable, Equatable {
        package var query: String
        /// Best first.
        package var results: [SearchResult]
        /// Whether the best result is likely enough to be about the query, or the text of one says all of it; nil for a model that can't tell.
        /// Of a line of a stream that isn't the last, what is known by then.
        package var found: Bool?
        /// How far the search went: `fast` is the order of the dual encoder, `slow` that of the re-ranker, and `partial` that of a
        /// re-ranker that didn't score all that it should.
        package var stage: SearchStage
        /// How many clips were re-ranked.
        package var reranked: Int
        /// Of a line of a stream: whether it is the last one. Nil for an answer that is no stream.
        package var isFinal: Bool?
        /// The digest of the model whose index answered.
        package var modelDigest: String
        /// How many clips were in that index when it answered.
        package var clips: Int
        package var timings: SearchTimings
        /// Whose clips answered, where the fleet's were asked; nil where they weren't.
        package var scope: SearchScope?
        /// Why others answered than were asked, in a sentence; nil where those did.
        package var note: String?

        package init(
            query: String,
            results: [SearchResult],
            found: Bool? = nil,
            stage: SearchStage = .fast,
            reranked: Int = 0,
            isFinal: Bool? = nil,
            modelDigest: String,
            clips: Int,
            timings: SearchTimings
        ) {
            self.query = query
            self.results = results
            self.found = found
            self.stage = stage
            self.reranked = reranked
            self.isFinal = isFinal
            self.modelDigest = modelDigest
            self.clips = clips
            self.timings = timings
        }

        enum CodingKeys: String, CodingKey {
            case query, results, found, stage, reranked, clips, timings, scope, note
            case isFinal = "final"
            case modelDigest = "model_digest"
        }
    }

    package enum SearchStage: String, Codable, Sendable {
        case fast, partial, slow
    }

    /// One clip that was found.
    package struct SearchResult: Codable, Sendable, Equatable {
        /// The clip's id, for `/v1/clips/{id}`; 0 where only other machines have it, which ``hosts`` names.
        package var clip: Int64
        package var media: MediaReference
        /// Where the clip starts and ends in its media, in seconds.
        package var start: Double
        package var end: Double
        /// What the order of pictures is by; more is better: `slow` + β · `fast` − 4 · `excluded` of a clip that was re-ranked, else `fast` − `excluded`. Text moves results up
        /// beyond their score; where the text alone is asked, it is `words`.
        package var score: Double
        package var scores: SearchScores
        /// That the clip is about what the query says, 0 to 1; nil for a model that isn't calibrated.
        package var probability: Double?
        /// What the clip was found by.
        package var why: SearchReason
        /// The line of text that answers the query; nil for a clip that was found by its picture alone.
        package var line: Line?
        /// How many results that show nearly the same were folded into this one; nil where none were.
        package var folded: Int?
        /// Those, best first, at most 20; nil where there are none.
        package var similar: [SearchResult]?
        /// The machines that have it, those first that can be reached; nil where the fleet wasn't asked.
        package var hosts: [Host]?

        package init(
            clip: Int64,
            media: MediaReference,
            start: Double,
            end: Double,
            score: Double,
            scores: SearchScores,
            probability: Double? = nil,
            why: SearchReason = .picture,
            line: Line? = nil,
            folded: Int? = nil,
            similar: [SearchResult]? = nil
        ) {
            self.clip = clip
            self.media = media
            self.start = start
            self.end = end
            self.score = score
            self.scores = scores
            self.probability = probability
            self.why = why
            self.line = line
            self.folded = folded
            self.similar = similar
        }
    }

    /// A machine that has a media item.
    package struct Host: Codable, Sendable, Equatable {
        package var name: String
        /// The URL of its HTTP listener; nil where it has none for others.
        package var address: String?
        /// The media item's id there, for `/v1/media/{id}`.
        package var media: Int64
        private var pathText: String
        private var pathBytes: Data?
        /// Whether the machine is there and can read the file.
        package var online: Bool

        package var path: Path { Path(text: pathText, exactBytes: pathBytes) }

        package init(name: String, address: String?, media: Int64, path: Path, online: Bool) {
            self.name = name
            self.address = address
            self.media = media
            (pathText, pathBytes) = (path.text, path.exactBytes)
            self.online = online
        }

        enum CodingKeys: String, CodingKey {
            case name, address, media, online
            case pathText = "path"
            case pathBytes = "path_bytes"
        }
    }

    /// What a clip was found by.
    package enum SearchReason: String, Codable, Sendable {
        case picture, words, both
    }

    /// A line of text that belongs to a media item.
    package struct Line: Codable, Sendable, Equatable {
        package enum Kind: String, Codable, Sendable {
            case subtitle, chapter, title, comment
            case fileName = "file_name"
            case folderName = "folder_name"
        }

        package var kind: Kind
        /// When it holds, in seconds from the start of the media item; nil for what is about all of it.
        package var start: Double?
        package var end: Double?
        /// As the file says it, such as `en` or `eng`.
        package var language: String?
        package var text: String

        package init(
            kind: Kind, start: Double? = nil, end: Double? = nil, language: String? = nil, text: String
        ) {
            self.kind = kind
            self.start = start
            self.end = end
            self.language = language
            self.text = text
        }
    }

    /// What a result's score is made of.
    package struct SearchScores: Codable, Sendable, Equatable {
        /// The dot product of the query's embedding and the clip's: their cosine, times the clip's length where the model has a querybank.
        package var fast: Double
        /// What was taken from it for what the request's `not` names; nil where it names nothing.
        package var excluded: Double?
        /// The Slow model's; nil for a clip that wasn't re-ranked.
        package var slow: Double?
        /// How much of the query the clip's text has, 0 to 1; nil for a clip that was found by its picture alone.
        package var words: Double?

        package init(fast: Double, excluded: Double? = nil, slow: Double? = nil, words: Double? = nil) {
            self.fast = fast
            self.excluded = excluded
            self.slow = slow
            self.words = words
        }
    }

    /// How long each stage took, in milliseconds.
    package struct SearchTimings: Codable, Sendable, Equatable {
        /// Query text to vector.
        package var embed: Double
        /// Filters to the media that they let through.
        package var filter: Double
        /// The scan of the index.
        package var scan: Double
        /// The re-ranker's.
        package var rerank: Double
        /// The text's; nil when it wasn't asked.
        package var words: Double?
        /// Paths and times from the catalog.
        package var lookup: Double
        /// From the request's arrival to the answer, waits included.
        package var total: Double

        package init(
            embed: Double, filter: Double, scan: Double, rerank: Double = 0, words: Double? = nil, lookup: Double,
            total: Double
        ) {
            self.embed = embed
            self.filter = filter
            self.scan = scan
            self.rerank = rerank
            self.words = words
            self.lookup = lookup
            self.total = total
        }

        enum CodingKeys: String, CodingKey {
            case embed = "embed_ms"
            case filter = "filter_ms"
            case scan = "scan_ms"
            case rerank = "rerank_ms"
            case words = "words_ms"
            case lookup = "lookup_ms"
            case total = "total_ms"
        }
    }
}
