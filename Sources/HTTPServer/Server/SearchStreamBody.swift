import API
import Foundation
import HummingbirdCore
import NIOCore

/// Newline-delimited JSON (application/x-ndjson) from the answers of one search.
enum SearchStreamBody {
    /// Writes until the search ends. A client that hangs up doesn't end this: the search does, which notices it by itself.
    ///
    /// - Parameter explain: What the last line says of an error; nil to say nothing.
    /// - Throws: What the connection broke with.
    @concurrent
    static func write(
        _ first: API.SearchResponse,
        then answers: AsyncThrowingStream<API.SearchResponse, any Error>,
        to writer: inout any ResponseBodyWriter,
        explain: @Sendable (any Error) -> APIError?
    ) async throws {
        var connectionError: (any Error)?
        var next = try line(first)
        var iterator = answers.makeAsyncIterator()
        while true {
            if connectionError == nil {
                do {
                    try await writer.write(next)
                } catch {
                    connectionError = error
                }
            }
            do {
                guard let answer = try await iterator.next() else { break }
                next = try line(answer)
            } catch {
                if connectionError == nil, let error = explain(error) {
                    try await writer.write(line(API.ErrorBody(error)))
                }
                break
            }
        }
        if let connectionError { throw connectionError }
        try await writer.finish(nil)
    }

    private static func line(_ value: some Encodable) throws -> ByteBuffer {
        ByteBuffer(bytes: try API.encoder().encode(value) + [0x0A])
    }
}
