import API
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
        case put = "PUT"
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

    /// Hands over the body of an answer of any length as it comes, until it ends or `body` returns false.
    ///
    /// - Throws: ``ClientError``; also when the answer breaks off.
    package func download(_ path: String, _ body: ([UInt8]) -> Bool) async throws(ClientError) {
        try await exchange(.get, path, body: nil, accept: "*/*", timeout: nil) { buffer throws(ClientError) in
            body(Array(buffer.readableBytesView))
        }
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

        var request: [HTTPClientRequestPart] = [.head(head)]
        if let payload { request.append(.body(.byteBuffer(ByteBuffer(bytes: payload)))) }
        request.append(.end(nil))

        let begin = ContinuousClock.now
        let connection = try await connect(sending: request)
        let deadline = timeout.map { seconds in
            connection.channel.eventLoop.scheduleTask(in: .nanoseconds(Int64(seconds * 1e9))) {
                connection.channel.close(promise: nil)
            }
        }
        defer { deadline?.cancel() }
        let isWhole: Bool
        do {
            isWhole = try await connection.executeThenClose { try await read($0, of: path, receive: receive) }
        } catch let error as ClientError {
            throw error
        } catch {
            throw ClientError(
                .interrupted, "The connection to the daemon at \(socket) broke: \(error). See `saccade status`."
            )
        }
        guard !isWhole else { return }
        if let timeout, begin.duration(to: .now) >= .seconds(timeout) {
            throw ClientError(
                .interrupted, "The daemon at \(socket) gave no whole answer within \(timeout) s. See `saccade status`.")
        }
        throw ClientError(.interrupted, "The daemon at \(socket) ended the connection early. See `saccade status`.")
    }

    /// - Returns: false when the connection ends before the answer does.
    private func read(
        _ inbound: NIOAsyncChannelInboundStream<HTTPClientResponsePart>,
        of path: String,
        receive: (ByteBuffer) throws(ClientError) -> Bool
    ) async throws -> Bool {
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
                    return true
                }
            case .end:
                if let failure { throw Self.error(status: failure.status.code, body: failure.body, path: path) }
                return true
            }
        }
        return false
    }

    private static let maximumErrorBytes = 64 << 10

    /// What a refusal says; a body of another shape is answered by its status alone.
    static func error(status: UInt, body: [UInt8], path: String) -> ClientError {
        if let content = try? API.decoder().decode(API.ErrorBody.self, from: Data(body)).error {
            return ClientError(.refused(content.code), content.message)
        }
        return ClientError(.malformed, "The daemon answered \(path) with HTTP status \(status) and no reason.")
    }

    private typealias Connection = NIOAsyncChannel<HTTPClientResponsePart, Never>

    /// Connects and sends the request in one step of the event loop, before the first byte is read.
    ///
    /// So nothing is written later, to a daemon that may have answered and hung up by then: one answers as soon as it has the
    /// head, and one with too many connections doesn't wait for that.
    private func connect(sending request: [HTTPClientRequestPart]) async throws(ClientError) -> Connection {
        let patience = ContinuousClock.now + .seconds(min(5, timeout))
        let loop = MultiThreadedEventLoopGroup.singleton.any()
        while true {
            do {
                // All on the loop: from elsewhere, what follows the connect may come to it after the loop has read.
                return try await loop.flatSubmit { [path = socket.string] in
                    ClientBootstrap(group: loop).connectTimeout(.seconds(5)).connect(unixDomainSocketPath: path)
                        // Wrapped only now: an asynchronous channel that is made before a failing connect is never
                        // finished, and traps.
                        .flatMapThrowing { channel in
                            try channel.pipeline.syncOperations.addHTTPClientHandlers()
                            let connection = try Connection(wrappingChannelSynchronously: channel)
                            for part in request { channel.write(part, promise: nil) }
                            channel.flush()
                            return connection
                        }
                }.get()
            } catch let error as IOError where error.errnoCode == EAGAIN && ContinuousClock.now < patience {
                // The daemon is there, and more clients wait for it than its queue holds.
                try? await Task.sleep(for: .milliseconds(20))
                if Task.isCancelled { throw ClientError(.interrupted, "Waiting for the daemon was cancelled.") }
            } catch {
                throw Self.error(connecting: error, to: socket)
            }
        }
    }

    private static func error(connecting error: any Error, to socket: FilePath) -> ClientError {
        switch error {
        case let error as IOError where error.errnoCode == EACCES || error.errnoCode == EPERM:
            ClientError(
                .notPermitted,
                "You may not open the daemon's socket \(socket): join the group that owns it, "
                    + "or name another with --socket."
            )
        case let error as IOError where error.errnoCode == EAGAIN:
            ClientError(
                .interrupted, "The daemon at \(socket) takes no more connections now. Try again in a moment.")
        case SocketAddressError.unixDomainSocketPathTooLong:
            ClientError(
                .unavailable,
                "The socket's path is longer than Linux allows (107 bytes): \(socket). "
                    + "Name a shorter one with --socket."
            )
        default:
            ClientError(
                .unavailable,
                "No daemon listens at \(socket). Start one with `saccade serve`, "
                    + "or name its socket with --socket."
            )
        }
    }
}
