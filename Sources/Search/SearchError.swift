package import Basics
package import Catalog

/// Why a search was refused or failed, in words that say what to do about it.
package struct SearchError: ExplainedError, Equatable {
    package enum Code: String, Sendable {
        case emptyQuery = "empty_query"
        case queryTooLong = "query_too_long"
        case invalidLimit = "invalid_limit"
        case invalidOffset = "invalid_offset"
        case invalidFilter = "invalid_filter"
        case invalidRerank = "invalid_rerank"
        /// An example or an exclusion, or what it is put together with.
        case invalidExample = "invalid_example"
        /// An example names a clip that isn't in the live index.
        case clipNotFound = "clip_not_found"
        /// An example names a file of which nothing is in the live index.
        case fileNotIndexed = "file_not_indexed"
        /// The filter names a root that isn't there.
        case rootNotFound = "root_not_found"
        /// Nothing has been indexed with any model.
        case noIndex = "no_index"
        /// The index was made with another model than the one that embeds queries.
        case otherModel = "other_model"
        /// The model gave no usable vector.
        case unusableEmbedding = "unusable_embedding"
    }

    /// What of a request is at fault, by its name in the API.
    package enum Field: Sendable, Hashable {
        case query, limit, offset, rerankDepth, rerankBeta, rerankDeadline, minProbability, likes, nots
        /// An example, by its place.
        case like(Int)
        /// An exclusion, by its place.
        case not(Int)
        case filter(InvalidFilter.Key)

        package var name: String {
            switch self {
            case .query: "query"
            case .limit: "limit"
            case .offset: "offset"
            case .rerankDepth: "rerank.depth"
            case .rerankBeta: "rerank.beta"
            case .rerankDeadline: "rerank.deadline_ms"
            case .minProbability: "min_probability"
            case .likes: "like"
            case .nots: "not"
            case .like(let place): "like[\(place)]"
            case .not(let place): "not[\(place)]"
            case .filter(let key): "filters.\(key.rawValue)"
            }
        }
    }

    package let code: Code
    /// nil when it isn't one field.
    package let field: Field?
    /// Goes on after the field's name, where there is one.
    package let problem: String

    package init(_ code: Code, field: Field? = nil, _ problem: String) {
        self.code = code
        self.field = field
        self.problem = problem
    }

    package init(_ error: InvalidFilter) {
        self.init(.invalidFilter, field: .filter(error.key), error.problem)
    }

    package var message: String { field.map { "“\($0.name)” \(problem)" } ?? problem }

    /// Whether the same request can be answered later.
    package var mayPass: Bool { code == .noIndex || code == .otherModel }

    package var category: ErrorCategory {
        switch code {
        case .noIndex, .rootNotFound, .clipNotFound, .fileNotIndexed: .notFound
        case .otherModel: .configuration
        case .unusableEmbedding: .unexpected
        default: .invalidInput
        }
    }
}
