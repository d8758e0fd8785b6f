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

    /// Holds a search to the limits that the configuration sets; whether it makes sense is for the search to say.
    ///
    /// - Throws: `query_too_long`, `invalid_request`.
    package static func check(_ request: API.SearchRequest, limits: Configuration.HTTP) throws(APIError) {
        let length = request.query.utf8.count
        guard length <= limits.maxQueryBytes else {
            throw APIError(
                .queryTooLong,
                "the query has \(length) bytes; write at most \(limits.maxQueryBytes), a sentence is best"
            )
        }
        guard request.imageBytes <= API.Example.maximumImageBytes else {
            throw APIError(
                .invalidRequest,
                "the pictures of “like” have more than \(API.Example.maximumImageBytes >> 20) MB together; send smaller ones"
            )
        }
        guard request.limit <= limits.maxResults else {
            throw APIError(.invalidRequest, "“limit” must be from 1 to \(limits.maxResults)")
        }
    }

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
