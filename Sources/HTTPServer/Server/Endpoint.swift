import API
import Foundation
import HTTPTypes

/// A route of the query socket. Finding it is pure: no server is needed to test it.
enum Endpoint: Equatable {
    case search
    case media(Int64)
    case file(Int64)
    case clip(Int64)
    case thumbnail(Int64)
    case preview(Int64)
    case description(Int64)
    case status
    case rescan
    case roots
    case root(Int64)
    case confirmRemoval(Int64)
    case pause
    case resume
    case live
    case ready
    case metrics
    case savedSearches
    case savedSearch(String)
    case saveSearch(String)
    case removeSavedSearch(String)
    case models
    case useModel
    /// The index of the previous model, or of the next one.
    case model(API.Models.Role)
    case backup
    case events
    case page
    case openAPI

    /// - Parameters:
    ///   - path: Without the query string, as it came over the wire.
    /// - Throws: `unknown_route`, `method_not_allowed`, or `invalid_request` for an id that is no number.
    static func find(method: HTTPRequest.Method, path: some StringProtocol) throws(APIError) -> Endpoint {
        let parts = path.split(separator: "/", omittingEmptySubsequences: true)
        let words = parts.map { String($0) }
        // Where Prometheus looks.
        let isMetrics = words == ["metrics"]
        let endpoints =
            isMetrics
            ? [.metrics]
            : words.count == 3 && words[1] == "saved-searches"
                ? try savedSearch(words[2]) : try find(words.dropFirst()).map { [$0] } ?? []
        guard isMetrics || words.first == "v1", !endpoints.isEmpty else {
            throw APIError(.unknownRoute, "there is no route \(path.prefix(100)); docs/API.md lists those that exist")
        }
        guard let endpoint = endpoints.first(where: { $0.method == method }) else {
            let methods = endpoints.map(\.method.rawValue).joined(separator: ", ")
            throw APIError(
                .methodNotAllowed, "\(path.prefix(100)) takes \(methods), not \(method.rawValue.prefix(20))")
        }
        return endpoint
    }

    private static func savedSearch(_ word: String) throws(APIError) -> [Endpoint] {
        guard let name = word.removingPercentEncoding else {
            throw APIError(
                .invalidRequest, "“\(word.prefix(100))” is no name: percent-encode its bytes of UTF-8, as in %20")
        }
        return [.savedSearch(name), .saveSearch(name), .removeSavedSearch(name)]
    }

    private static func find(_ words: ArraySlice<String>) throws(APIError) -> Endpoint? {
        let words = Array(words)
        switch (words.first, words.count) {
        case ("search", 1): return .search
        case ("status", 1): return .status
        case ("rescan", 1): return .rescan
        case ("roots", 1): return .roots
        case ("saved-searches", 1): return .savedSearches
        case ("models", 1): return .models
        case ("models", 2) where words[1] == "use": return .useModel
        case ("models", 2) where words[1] == "previous": return .model(.previous)
        case ("models", 2) where words[1] == "next": return .model(.next)
        case ("backup", 1): return .backup
        case ("events", 1): return .events
        case ("page", 1): return .page
        case ("openapi.json", 1): return .openAPI
        case ("media", 2): return .media(try id(words[1]))
        case ("media", 3) where words[2] == "file": return .file(try id(words[1]))
        case ("clips", 2): return .clip(try id(words[1]))
        case ("clips", 3) where words[2] == "description": return .description(try id(words[1]))
        case ("clips", 3) where words[2] == "thumbnail.jpg": return .thumbnail(try id(words[1]))
        case ("clips", 3) where words[2] == "preview.webm": return .preview(try id(words[1]))
        case ("pause", 1): return .pause
        case ("resume", 1): return .resume
        case ("health", 2) where words[1] == "live": return .live
        case ("health", 2) where words[1] == "ready": return .ready
        case ("roots", 3) where words[2] == "confirm": return .confirmRemoval(try id(words[1]))
        case ("roots", 2): return .root(try id(words[1]))
        default: return nil
        }
    }

    private static func id(_ word: String) throws(APIError) -> Int64 {
        guard let id = Int64(word), id >= 0 else {
            throw APIError(
                .invalidRequest, "“\(word.prefix(40))” is no id; ids are whole numbers, as in search results")
        }
        return id
    }

    /// The one method that each route takes.
    var method: HTTPRequest.Method {
        switch self {
        case .search, .rescan, .roots, .page, .useModel, .confirmRemoval, .pause, .resume: .post
        case .root, .removeSavedSearch, .model: .delete
        case .saveSearch: .put
        case .media, .file, .clip, .thumbnail, .preview, .description, .status, .models, .backup, .events, .openAPI,
            .live,
            .ready, .metrics,
            .savedSearches,
            .savedSearch:
            .get
        }
    }

    /// Whether a request has a body that means something.
    var takesBody: Bool {
        switch self {
        case .search, .rescan, .roots, .saveSearch, .useModel, .pause: true
        default: false
        }
    }

    /// Whether it needs more than searching does. The page is what its user may do.
    var changesSomething: Bool {
        switch self {
        case .rescan, .roots, .root, .confirmRemoval, .pause, .resume, .saveSearch, .removeSavedSearch, .useModel,
            .model, .backup:
            true
        case .search, .media, .file, .clip, .thumbnail, .preview, .description, .status, .savedSearches, .savedSearch,
            .models, .events, .page, .openAPI, .live, .ready, .metrics:
            false
        }
    }

    /// What is said to who doesn't ask over the Unix socket, where only who may open that may ask; nil for the rest.
    var socketOnlyReason: String? {
        switch self {
        // It loads any folder as a model.
        case .useModel, .model: "models are changed over the daemon's Unix socket alone: see `saccade model use`"
        // It has everything, the commands of saved searches as well.
        case .backup: "backups are made over the daemon's Unix socket alone: see `saccade backup`"
        default: nil
        }
    }

    /// For measurements: one of few, whatever is asked.
    var name: String { String("\(self)".prefix { $0 != "(" }) }

    /// Those below `/v1/`; ``metrics`` is not.
    static let all: [(path: String, example: Endpoint)] = [
        ("search", .search), ("media/{id}", .media(0)), ("media/{id}/file", .file(0)), ("clips/{id}", .clip(0)),
        ("clips/{id}/thumbnail.jpg", .thumbnail(0)), ("clips/{id}/preview.webm", .preview(0)),
        ("clips/{id}/description", .description(0)), ("status", .status),
        ("rescan", .rescan), ("roots", .roots), ("roots/{id}", .root(0)),
        ("roots/{id}/confirm", .confirmRemoval(0)), ("pause", .pause), ("resume", .resume),
        ("health/live", .live), ("health/ready", .ready),
        ("saved-searches", .savedSearches), ("saved-searches/{name}", .savedSearch("")),
        ("saved-searches/{name}", .saveSearch("")), ("saved-searches/{name}", .removeSavedSearch("")),
        ("models", .models), ("models/use", .useModel), ("models/previous", .model(.previous)),
        ("models/next", .model(.next)),
        ("backup", .backup), ("events", .events),
        ("page", .page), ("openapi.json", .openAPI),
    ]
}

extension APIError.Code {
    /// The HTTP status that goes with the code.
    var status: HTTPResponse.Status {
        switch self {
        case .malformedRequest, .invalidJSON, .invalidRequest, .emptyQuery, .queryTooLong, .invalidRoot,
            .invalidPicture, .invalidModel:
            .badRequest
        case .unauthorized: .unauthorized
        case .forbidden: .forbidden
        case .unknownRoute, .mediaNotFound, .clipNotFound, .rootNotFound, .savedSearchNotFound, .modelNotFound,
            .noDescription:
            .notFound
        case .savedSearchExists, .rootOffline: .conflict
        case .methodNotAllowed: .methodNotAllowed
        case .timeout: .requestTimeout
        case .bodyTooLarge: .contentTooLarge
        case .headersTooLarge: .requestHeaderFieldsTooLarge
        case .thumbnailFailed, .previewFailed: .unprocessableContent
        case .insufficientSpace: .init(code: 507, reasonPhrase: "Insufficient Storage")
        case .overloaded, .unavailable, .mediaOffline: .serviceUnavailable
        default: .internalServerError
        }
    }
}
