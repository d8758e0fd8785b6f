package import API
package import Foundation
package import Settings

/// Reads and checks the bodies of requests. Whatever the bytes are, the outcome is a value or an `APIError`.
package enum RequestDecoding {
    /// - Parameter body: JSON.
    /// - Throws: `invalid_json` when it isn't, `invalid_request` when its shape is another.
    package static func decode<Body: Decodable>(_ type: Body.Type, from body: Data) throws(APIError) -> Body {
        guard String(validating: body, as: UTF8.self) != nil else {
            throw APIError(.invalidJSON, "the body is not UTF-8; send JSON in UTF-8")
        }
        guard body.contains(where: { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }) else {
            throw APIError(.invalidJSON, "the body is empty; send a JSON object, as docs/API.md shows")
        }
        do {
            return try API.decoder().decode(type, from: body)
        } catch let error as APIError {
            throw error
        } catch let error as DecodingError {
            throw explain(error, body: body)
        } catch {
            throw APIError(.invalidJSON, "the body can't be read as JSON: \(error)")
        }
    }

    /// - Throws: `empty_query`, `query_too_long`, `invalid_request`.
    package static func check(_ request: API.SearchRequest, limits: Configuration.HTTP) throws(APIError) {
        let length = request.query.utf8.count
        guard length <= limits.maxQueryBytes else {
            throw APIError(
                .queryTooLong,
                "the query has \(length) bytes; write at most \(limits.maxQueryBytes), a sentence is best"
            )
        }
        guard request.query.unicodeScalars.contains(where: { !$0.properties.isWhitespace && $0.value > 0x1F }) else {
            throw APIError(
                .emptyQuery, "the query is empty; describe what the moment shows, such as “a dog on a beach”")
        }
        guard (1...limits.maxResults).contains(request.limit) else {
            throw APIError(.invalidRequest, "“limit” must be from 1 to \(limits.maxResults)")
        }
        guard (0...maximumOffset).contains(request.offset) else {
            throw APIError(.invalidRequest, "“offset” must be from 0 to \(maximumOffset)")
        }
        try check(request.rerank)
        guard request.minProbability.map({ (0...1).contains($0) }) ?? true else {
            throw APIError(.invalidRequest, "“min_probability” must be from 0 to 1")
        }
        try check(request.filters)
    }

    private static func check(_ rerank: API.Rerank) throws(APIError) {
        guard case .on(let options) = rerank else { return }
        if let k = options.k, !(1...API.RerankOptions.maximumK).contains(k) {
            throw APIError(.invalidRequest, "“rerank.k” must be from 1 to \(API.RerankOptions.maximumK)")
        }
        let most = API.RerankOptions.maximumBeta
        if let beta = options.beta, !(-most...most).contains(beta) {
            throw APIError(.invalidRequest, "“rerank.beta” must be from -\(Int(most)) to \(Int(most))")
        }
        if let deadline = options.deadline, !(0...API.RerankOptions.maximumDeadline).contains(deadline) {
            throw APIError(
                .invalidRequest,
                "“rerank.deadline_ms” must be from 0 to \(Int(API.RerankOptions.maximumDeadline)) milliseconds")
        }
    }

    private static func check(_ filters: API.SearchFilters) throws(APIError) {
        for (name, value) in [("min_duration", filters.minDuration), ("max_duration", filters.maxDuration)] {
            guard let value else { continue }
            guard value.isFinite, value >= 0 else {
                throw APIError(.invalidRequest, "“filters.\(name)” must be a number of seconds, 0 or more")
            }
        }
        if let least = filters.minDuration, let most = filters.maxDuration, least > most {
            throw APIError(
                .invalidRequest, "“filters.min_duration” is more than “filters.max_duration”: nothing can match")
        }
        if let after = filters.recordedAfter, let before = filters.recordedBefore, after >= before {
            throw APIError(
                .invalidRequest, "“filters.recorded_after” is not before “filters.recorded_before”: nothing can match"
            )
        }
        for (name, value) in [("path_prefix", filters.pathPrefix), ("path_glob", filters.pathGlob)] {
            guard let value else { continue }
            guard !value.isEmpty, value.utf8.count <= 4096, !value.utf8.contains(0) else {
                throw APIError(.invalidRequest, "“filters.\(name)” must have 1 to 4096 bytes and no NUL")
            }
        }
    }

    static let maximumOffset = 10_000

    /// Accepts every JSON.
    private struct Anything: Decodable {
        init(from decoder: any Decoder) {}
    }

    private static func explain(_ error: DecodingError, body: Data) -> APIError {
        switch error {
        case .keyNotFound(let key, let context):
            APIError(.invalidRequest, "“\(name(context.codingPath + [key]))” is missing")
        case .valueNotFound(let type, let context):
            APIError(.invalidRequest, "“\(name(context.codingPath))” is null; it must be \(words(for: type))")
        case .typeMismatch(let type, let context):
            context.codingPath.isEmpty
                ? APIError(.invalidRequest, "the body must be a JSON object")
                : APIError(.invalidRequest, "“\(name(context.codingPath))” must be \(words(for: type))")
        case .dataCorrupted(let context):
            // Foundation reports a number that doesn't fit its type like JSON that is none, without saying where.
            if context.codingPath.isEmpty, (try? API.decoder().decode(Anything.self, from: body)) == nil {
                APIError(.invalidJSON, "the body is not JSON: \(reason(context))")
            } else if context.codingPath.isEmpty {
                APIError(.invalidRequest, "a value is of the wrong kind or too large: \(reason(context))")
            } else {
                APIError(.invalidRequest, "“\(name(context.codingPath))”: \(context.debugDescription.prefix(200))")
            }
        @unknown default:
            APIError(.invalidRequest, "the body has the wrong shape; docs/API.md shows the right one")
        }
    }

    private static func name(_ path: [any CodingKey]) -> String {
        path.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }.joined(separator: ".")
    }

    private static func words(for type: any Any.Type) -> String {
        switch type {
        case is String.Type: "a string"
        case is Int.Type, is Int64.Type: "a whole number"
        case is Double.Type: "a number"
        case is Bool.Type: "true or false"
        case is Date.Type: "a time such as \"2026-03-01T12:00:00Z\""
        default: "an object"
        }
    }

    private static func reason(_ context: DecodingError.Context) -> String {
        let reason = context.underlyingError.map { "\($0)" } ?? context.debugDescription
        return String(reason.prefix(200))
    }
}
