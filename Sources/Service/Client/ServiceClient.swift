private import Foundation
private import NIOCore
private import NIOHTTP1
private import NIOPosix
package import SystemPackage

/// Asks the daemon over its Unix socket.
///
/// Every request has a connection of its own: connecting to a local socket costs microseconds, and there is no state to keep.
package struct ServiceClient: Sendable {
    package var socket: FilePath
    /// An answer must be complete within this many seconds; streams of events have no end.
    package var timeout: Double

    /// The longest body that is read of an answer.
    package static let maximumBodyBytes = 64 << 20

    package init(socket: FilePath, timeout: Double = 60) {
        self.socket = socket
        self.timeout = timeout
    }

    package enum Method: String, Sendable {
        case get = "GET"
        case post = "POST"
        case delete = "DELETE"
    }

    /// Sends a request and decodes the answer.
    ///
    /// - Parameter path: of the URL, with its query, percent-encoded.
    /// - Throws: ``ClientError``.
    package func request<Answer: Decodable & Sendable>(
        _ method: Method, _ path: String, body: (any Encodable & Sendable)? = nil, as _: Answer.Type
    ) async throws(ClientError) -> Answer {
        let bytes = try await send(method, path, body: body)
        do {
            return try API.decoder().decode(Answer.self, from: Data(bytes))
        } catch {
            throw ClientError(
                .malformed,
                "The daemon at \(socket) answered \(path) in a form that this program doesn't know; "
                    + "restart the daemon so that both are of one version."
            )
        }
    }

    /// Sends a request.
    ///
    /// - Returns: the body exactly as it was sent; empty for an answer without one.
    /// - Throws: ``ClientError``; every status but 2xx is one.
    package func send(
        _ method: Method, _ path: String, body: (any Encodable & Sendable)? = nil
    ) async throws(ClientError) -> [UInt8] {
        var received: [UInt8] = []
        try await exchange(method, path, body: body, accept: "application/json", timeout: timeout) {
            buffer throws(ClientError) in
            guard received.count + buffer.readableBytes <= Self.maximumBodyBytes else {
                throw ClientError(.malformed, "The daemon's answer is longer than 64 MiB; ask for less with --limit.")
            }
            received += buffer.readableBytesView
            return true
        }
        return received
    }

    /// Reads events until the daemon ends the stream or `body` returns false.
    ///
    /// - Throws: ``ClientError``.
    package func events(
        _ path: String = "/v1/events", _ body: (ServerSentEvent) -> Bool
    ) async throws(ClientError) {
        var parser = EventStreamParser()
        try await exchange(.get, path, body: nil, accept: "text/event-stream", timeout: nil) {
            buffer throws(ClientError) in
            for event in try parser.append(buffer.readableBytesView) {
                guard body(event) else { return false }
            }
            return true
        }
    }

    /// One request; `receive` gets the pieces of a good answer's body until it returns false.
    private func exchange(
        _ method: Method,
        _ path: String,
        body: (any Encodable & Sendable)?,
        accept: String,
        timeout: Double?,
        receive: (ByteBuffer) throws(ClientError) -> Bool
    ) async throws(ClientError) {
        let payload: Data?
        do {
            payload = try body.map { try API.encoder().encode($0) }
        } catch {
            throw ClientError(.malformed, "The request can't be written as JSON: \(error)")
        }
        var head = HTTPRequestHead(version: .http1_1, method: HTTPMethod(rawValue: method.rawValue), uri: path)
        head.headers.add(name: "Host", value: "saccade")
        head.headers.add(name: "Accept", value: accept)
        head.headers.add(name: "Connection", value: "close")
        if let payload {
            head.headers.add(name: "Content-Type", value: "application/json")
            head.headers.add(name: "Content-Length", value: String(payload.count))
        } else if method == .post {
            head.headers.add(name: "Content-Length", value: "0")
        }

        let connection = try await connect()
        let deadline = timeout.map { seconds in
            connection.channel.eventLoop.scheduleTask(in: .nanoseconds(Int64(seconds * 1e9))) {
                connection.channel.close(promise: nil)
            }
        }
        defer { deadline?.cancel() }
        do {
            try await connection.executeThenClose { inbound, outbound in
                try await outbound.write(.head(head))
                if let payload { try await outbound.write(.body(.byteBuffer(ByteBuffer(bytes: payload)))) }
                try await outbound.write(.end(nil))
                try await read(inbound, of: path, receive: receive)
            }
        } catch let error as ClientError {
            throw error
        } catch {
            throw ClientError(
                .interrupted, "The connection to the daemon at \(socket) broke: \(error). See `saccade status`."
            )
        }
    }

    private func read(
        _ inbound: NIOAsyncChannelInboundStream<HTTPClientResponsePart>,
        of path: String,
        receive: (ByteBuffer) throws(ClientError) -> Bool
    ) async throws {
        var failure: (status: HTTPResponseStatus, body: [UInt8])?
        for try await part in inbound {
            switch part {
            case .head(let head) where !(200..<300).contains(head.status.code):
                failure = (head.status, [])
            case .head:
                break
            case .body(let buffer):
                if failure != nil {
                    failure?.body += buffer.readableBytesView.prefix(Self.maximumErrorBytes)
                } else if try !receive(buffer) {
                    return
                }
            case .end:
                if let failure { throw Self.error(status: failure.status.code, body: failure.body, path: path) }
                return
            }
        }
        throw ClientError(.interrupted, "The daemon at \(socket) ended the connection early. See `saccade status`.")
    }

    private static let maximumErrorBytes = 64 << 10

    /// What a refusal says; a body of another shape is answered by its status alone.
    static func error(status: UInt, body: [UInt8], path: String) -> ClientError {
        if let content = try? API.decoder().decode(API.ErrorBody.self, from: Data(body)).error {
            return ClientError(.refused(content.code), content.message)
        }
        return ClientError(.malformed, "The daemon answered \(path) with HTTP status \(status) and no reason.")
    }

    private typealias Connection = NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>

    private func connect() async throws(ClientError) -> Connection {
        do {
            let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connectTimeout(.seconds(5))
                .connect(unixDomainSocketPath: socket.string).get()
            // Wrapped only now: an asynchronous channel that is made before a failing connect is never finished, and traps.
            return try await channel.eventLoop.submit {
                try channel.pipeline.syncOperations.addHTTPClientHandlers()
                return try Connection(wrappingChannelSynchronously: channel)
            }.get()
        } catch let error as IOError where error.errnoCode == EACCES || error.errnoCode == EPERM {
            throw ClientError(
                .notPermitted,
                "You may not open the daemon's socket \(socket): join the group that owns it, "
                    + "or name another with --socket."
            )
        } catch SocketAddressError.unixDomainSocketPathTooLong {
            throw ClientError(
                .unavailable,
                "The socket's path is longer than Linux allows (107 bytes): \(socket). "
                    + "Name a shorter one with --socket."
            )
        } catch {
            throw ClientError(
                .unavailable,
                "No daemon listens at \(socket). Start one with `saccade serve`, "
                    + "or name its socket with --socket."
            )
        }
    }
}
