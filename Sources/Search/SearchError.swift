package import Basics

/// Why a search was refused or failed, in words that say what to do about it.
package struct SearchError: ExplainedError, Equatable {
    package enum Code: String, Sendable {
        case emptyQuery = "empty_query"
        case queryTooLong = "query_too_long"
        case invalidLimit = "invalid_limit"
        case invalidOffset = "invalid_offset"
        case invalidFilter = "invalid_filter"
        case invalidRerank = "invalid_rerank"
        /// Nothing has been indexed with any model.
        case noIndex = "no_index"
        /// The index was made with another model than the one that embeds queries.
        case otherModel = "other_model"
        /// The model gave no usable vector.
        case unusableEmbedding = "unusable_embedding"
    }

    package let code: Code
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var category: ErrorCategory {
        switch code {
        case .noIndex: .notFound
        case .otherModel: .configuration
        case .unusableEmbedding: .unexpected
        default: .invalidInput
        }
    }

    /// Whether the request itself is at fault: another try with the same one can't succeed.
    package var isRequestError: Bool {
        switch code {
        case .emptyQuery, .queryTooLong, .invalidLimit, .invalidOffset, .invalidFilter, .invalidRerank: true
        case .noIndex, .otherModel, .unusableEmbedding: false
        }
    }
}
