package import Basics

/// An error that a client of the query socket gets, as `{"error": {"code": …, "message": …}}`.
package struct APIError: ExplainedError, Equatable {
    package var code: Code
    /// What is wrong and what to do about it.
    package var message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var category: ErrorCategory { code.category }

    /// A stable name for programs; `docs/API.md` lists them. A client must expect codes that it doesn't know.
    package struct Code: RawRepresentable, Codable, Sendable, Hashable {
        package var rawValue: String

        package init(rawValue: String) {
            self.rawValue = rawValue
        }

        /// What was sent is not HTTP/1.1.
        package static let malformedRequest = Code(rawValue: "malformed_request")
        package static let headersTooLarge = Code(rawValue: "headers_too_large")
        /// The body is not JSON.
        package static let invalidJSON = Code(rawValue: "invalid_json")
        /// The body is JSON of another shape, or a parameter has a value that can't be.
        package static let invalidRequest = Code(rawValue: "invalid_request")
        package static let emptyQuery = Code(rawValue: "empty_query")
        package static let queryTooLong = Code(rawValue: "query_too_long")
        /// A picture in the request can't be decoded.
        package static let invalidPicture = Code(rawValue: "invalid_picture")
        package static let bodyTooLarge = Code(rawValue: "body_too_large")
        package static let unauthorized = Code(rawValue: "unauthorized")
        /// What was asked may not be asked from there, such as by a page of another site.
        package static let forbidden = Code(rawValue: "forbidden")
        package static let unknownRoute = Code(rawValue: "unknown_route")
        package static let methodNotAllowed = Code(rawValue: "method_not_allowed")
        package static let mediaNotFound = Code(rawValue: "media_not_found")
        package static let clipNotFound = Code(rawValue: "clip_not_found")
        package static let rootNotFound = Code(rawValue: "root_not_found")
        package static let savedSearchNotFound = Code(rawValue: "saved_search_not_found")
        /// A saved search has this name already.
        package static let savedSearchExists = Code(rawValue: "saved_search_exists")
        /// The path of a new root can't be watched.
        package static let invalidRoot = Code(rawValue: "invalid_root")
        /// The root isn't there at the moment.
        package static let rootOffline = Code(rawValue: "root_offline")
        /// No file of the media can be read now.
        package static let mediaOffline = Code(rawValue: "media_offline")
        /// The file is there, but no picture could be made from it.
        package static let thumbnailFailed = Code(rawValue: "thumbnail_failed")
        /// The file is there, but no preview could be made from it.
        package static let previewFailed = Code(rawValue: "preview_failed")
        /// The model writes no sentences, or the clip has nothing that it could write one from.
        package static let noDescription = Code(rawValue: "no_description")
        /// The folder holds no model that can be used.
        package static let invalidModel = Code(rawValue: "invalid_model")
        /// There is no previous model, or none that is being built.
        package static let modelNotFound = Code(rawValue: "model_not_found")
        /// The disk has no room for what was asked.
        package static let insufficientSpace = Code(rawValue: "insufficient_space")
        package static let overloaded = Code(rawValue: "overloaded")
        package static let timeout = Code(rawValue: "timeout")
        /// The daemon starts or stops, or its model is not loaded.
        package static let unavailable = Code(rawValue: "unavailable")
        package static let internalError = Code(rawValue: "internal_error")

        package var category: ErrorCategory {
            switch self {
            case .unauthorized, .forbidden: .notPermitted
            case .mediaNotFound, .clipNotFound, .rootNotFound, .savedSearchNotFound, .modelNotFound, .invalidRoot:
                .notFound
            case .overloaded, .unavailable, .timeout, .insufficientSpace: .unavailable
            case .internalError: .unexpected
            default: .invalidInput
            }
        }
    }
}

extension API {
    /// The body of every answer whose status isn't 2xx.
    package struct ErrorBody: Codable, Sendable, Equatable {
        package struct Content: Codable, Sendable, Equatable {
            package var code: APIError.Code
            package var message: String

            package init(code: APIError.Code, message: String) {
                self.code = code
                self.message = message
            }
        }

        package var error: Content

        package init(_ error: APIError) {
            self.error = Content(code: error.code, message: error.message)
        }
    }
}
