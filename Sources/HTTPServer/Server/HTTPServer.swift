import API
import HTTPTypes
import HummingbirdCore
package import Logging
import NIOCore
import NIOHTTPTypes
import NIOPosix
import ServiceLifecycle
package import Settings
import Synchronization
import SystemPackage
package import Threads

/// HTTP/1.1 on sockets that somebody else bound: Hummingbird's channel on NIO's bootstrap, because Hummingbird's own server binds
/// for itself and so can't take a socket from systemd.
///
/// On graceful shutdown it stops accepting, lets answers that are under way finish, ends event streams, and closes what is left
/// after `shutdownGrace`.
package final class HTTPServer: Service {
    /// Where to listen.
    package enum Listener: Sendable {
        case unix(ListeningSocket)
        /// On 127.0.0.1 only.
        case loopback(port: Int, token: AccessToken)
    }

    /// Every route, as `GET /v1/clips/{id}`.
    package static let routes =
        Endpoint.all.map { "\($0.example.method.rawValue) /\(API.version)/\($0.path)" } + ["GET /metrics"]

    private let listeners: [Listener]
    private let access: SocketAccess
    private let handler: RequestHandler
    private let limits: LiveLimits
    private let events: Broadcast<EventStreamItem>
    private let logger: Logger
    private let shutdownGrace: TimeAmount
    private let onListening: @Sendable () async -> Void
    private let connections: OpenConnections
    private let page: SearchPage?
    private let pageRequests: AsyncStream<PageRequest>
    private let pageRequest: AsyncStream<PageRequest>.Continuation
    private let listening = Mutex(ListeningChannels())

    /// Somebody who wants the page's port.
    private typealias PageRequest = CheckedContinuation<Int, any Error>

    private struct ListeningChannels {
        var channels: [any Channel] = []
        var isClosed = false
    }

    /// - Parameters:
    ///   - access: Who may do what over Unix sockets.
    ///   - eventCapacity: Events that a reader of `/v1/events` may be behind.
    ///   - shutdownGrace: How long answers may take to finish on shutdown, in seconds.
    ///   - patience: How long a connection may wait for its client before it has to make room for another, where there is none.
    ///   - page: The search page, on 127.0.0.1: at its configured port from the start, else on a free one once somebody asks for it.
    ///   - onListening: Called once connections are accepted everywhere.
    package init(
        listeners: [Listener],
        access: SocketAccess,
        backend: any Backend,
        page: SearchPage? = nil,
        limits: LiveLimits,
        events: Broadcast<EventStreamItem>,
        eventCapacity: Int = 256,
        logger: Logger,
        shutdownGrace: Double = 3,
        patience: Duration = .seconds(1),
        onListening: @escaping @Sendable () async -> Void = {}
    ) {
        self.listeners = listeners
        self.access = access
        self.limits = limits
        self.events = events
        self.logger = logger
        self.shutdownGrace = .nanoseconds(Int64(shutdownGrace * 1e9))
        self.onListening = onListening
        connections = OpenConnections(patience: patience)
        self.page = page
        let (pageRequests, pageRequest) = AsyncStream.makeStream(of: PageRequest.self)
        (self.pageRequests, self.pageRequest) = (pageRequests, pageRequest)
        handler = RequestHandler(
            backend: backend, limits: limits, events: events, eventCapacity: eventCapacity, logger: logger, page: page
        ) { access in
            guard let page else {
                throw APIError(
                    .unavailable,
                    "the files of the search page are not installed; `make install` puts them beside the program")
            }
            let port = try await withCheckedThrowingContinuation { continuation in
                guard case .terminated = pageRequest.yield(continuation) else { return }
                continuation.resume(throwing: APIError(.unavailable, "the daemon is stopping"))
            }
            return page.address(port: port, access: access)
        }
    }

    package func run() async throws {
        // Only sets connections up, before anybody knows whose they are; `serve` makes the channel that answers.
        let http = HTTP1Channel(responder: { _, _, _ in }, configuration: channelConfiguration())
        var servers: [(channel: ServerChannel, door: Door)] = []
        for listener in listeners {
            servers.append(try await open(listener, http: http))
        }
        var pagePort: Int?
        if let page, let port = page.configuredPort {
            let channel = try await open(page, port: port, http: http)
            servers.append((channel, .page(page)))
            pagePort = port
        }
        defer {
            for case .unix(let socket) in listeners { socket.file?.remove() }
        }
        try await withGracefulShutdownHandler {
            await onListening()
            try await withThrowingDiscardingTaskGroup { group in
                for (server, door) in servers {
                    group.addTask { try await self.accept(on: server, door: door) }
                }
                group.addTask { [pagePort] in try await self.servePageOnRequest(port: pagePort, http: http) }
            }
        } onGracefulShutdown: {
            let channels = self.listening.withLock { listening in
                listening.isClosed = true
                return listening.channels
            }
            for channel in channels { channel.close(promise: nil) }
            self.pageRequest.finish()
            self.events.finish()
            self.connections.quiesce()
            channels.first?.eventLoop.scheduleTask(in: self.shutdownGrace) { self.connections.closeAll() }
        }
    }

    /// Tells who asks the port of the page, which is opened for the first of them unless it is open already.
    private func servePageOnRequest(port: Int?, http: HTTP1Channel) async throws {
        var port = port
        try await withThrowingDiscardingTaskGroup { group in
            for await request in pageRequests {
                do {
                    if port == nil, let page {
                        let server = try await open(page, port: 0, http: http)
                        group.addTask { try await self.accept(on: server, door: .page(page)) }
                        port = server.channel.localAddress?.port
                    }
                    request.resume(returning: port ?? 0)
                } catch {
                    request.resume(
                        throwing: (error as? SocketError).map { APIError(.unavailable, $0.message) } ?? error)
                }
            }
        }
    }

    private typealias ServerChannel = NIOAsyncChannel<AcceptedConnection, Never>

    private func open(_ page: SearchPage, port: Int, http: HTTP1Channel) async throws -> ServerChannel {
        let server = try await bind(port: port, key: "http.page_port", http: http)
        page.listens(on: server.channel.localAddress?.port ?? port)
        return server
    }

    /// Keeps a channel among those that are closed on shutdown.
    private func keep(_ server: ServerChannel) -> ServerChannel {
        let isClosed = listening.withLock { listening in
            listening.channels.append(server.channel)
            return listening.isClosed
        }
        if isClosed { server.channel.close(promise: nil) }
        return server
    }

    private func open(_ listener: Listener, http: HTTP1Channel) async throws -> (channel: ServerChannel, door: Door) {
        switch listener {
        case .unix(let socket):
            let logger = logger
            let channel = try await bootstrap().bind(socket.descriptor) { channel in
                http.setup(channel: channel, logger: logger).map { AcceptedConnection($0) }
            }
            return (keep(channel), .socket(access))
        case .loopback(let port, let token):
            return (try await bind(port: port, key: "http.tcp_port", http: http), .token(token))
        }
    }

    private func bootstrap() -> ServerBootstrap {
        // A client may close its sending half after the request and still wants the answer.
        ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(ChannelOptions.allowRemoteHalfClosure, value: true)
    }

    /// Listens on 127.0.0.1.
    ///
    /// - Parameters:
    ///   - port: 0 for any that is free.
    ///   - key: Of the configuration, where another port can be chosen.
    private func bind(port: Int, key: String, http: HTTP1Channel) async throws -> ServerChannel {
        let logger = logger
        do {
            return keep(
                try await bootstrap()
                    .serverChannelOption(ChannelOptions.socketOption(.so_reuseaddr), value: 1)
                    .bind(host: "127.0.0.1", port: port) { channel in
                        http.setup(channel: channel, logger: logger).map { AcceptedConnection($0) }
                    })
        } catch let error as IOError {
            throw SocketError(
                error.errnoCode == Errno.addressInUse.rawValue ? .inUse : .system,
                "can't listen on 127.0.0.1:\(port) (\(Errno(rawValue: error.errnoCode))); "
                    + (error.errnoCode == Errno.addressFamilyNotSupported.rawValue
                        ? "allow it in saccade.service, which says how" : "choose another \(key)")
            )
        }
    }

    private func channelConfiguration() -> HTTP1Channel.Configuration {
        let (limits, connections) = (limits, connections)
        return HTTP1Channel.Configuration(
            additionalChannelHandlers: {
                let current = limits.current
                return [
                    ConnectionGuard(
                        connections: connections,
                        request: .nanoseconds(Int64(current.requestTimeoutSeconds * 1e9)),
                        idle: .nanoseconds(Int64(current.idleTimeoutSeconds * 1e9))
                    )
                ]
            }(),
            httpDecoderConfiguration: .init(
                maxHeaderFieldSize: 16_384, maxHeaderListSize: 32_768, maxHeaderFieldCount: 100
            )
        )
    }

    private func accept(
        on server: ServerChannel,
        door: Door
    ) async throws {
        try await server.executeThenClose { inbound in
            try await withThrowingDiscardingTaskGroup { group in
                for try await connection in inbound {
                    group.addTask { await self.serve(connection.take(), door: door) }
                }
            }
        }
    }

    private func serve(_ connection: AcceptedConnection.Channel, door: Door) async {
        let limit = limits.current.maxConnections
        let isLoopback = if case .socket = door { false } else { true }
        guard connections.add(connection.channel, isLoopback: isLoopback, limit: limit) else {
            await refuse(connection, APIError(.overloaded, "\(limit) connections are open; try again in a second"))
            return
        }
        defer { connections.remove(connection.channel) }
        let peer = await Peer.of(connection.channel)
        logger.debug("connection", metadata: peer.metadata)
        if case .socket(let access) = door, access.access(of: peer) == nil {
            handler.refusals.note(logger, "a user who may not use this daemon asked", peer.metadata)
            await refuse(connection, APIError.notGranted)
            return
        }
        let handler = handler
        // One for each connection, because the responder needs the peer and the listener's door, which are not
        // among its arguments.
        let http = HTTP1Channel { request, writer, channel in
            if request.headers[.expect]?.lowercased() == "100-continue" {
                try await writer.writeInformationalHead(HTTPResponse(status: .continue))
            }
            let response = try await handler.respond(to: request, peer: peer, door: door) { channel.isActive }
            try await writer.write(response: response.head, body: response.body)
        }
        await http.handle(value: connection, logger: logger)
    }

    /// Says why before it hangs up.
    private func refuse(_ connection: AcceptedConnection.Channel, _ error: APIError) async {
        var response = RequestHandler.response(for: error, path: "")
        response.headers[.connection] = "close"
        do {
            try await connection.executeThenClose { [response] _, outbound in
                try await ResponseWriter(outbound: outbound).write(response: response.head, body: response.body)
            }
        } catch {
            logger.debug("a refused connection broke", metadata: ["error": "\(error)"])
        }
    }
}

/// The server's limits as they are now: SIGHUP may change them.
package final class LiveLimits: Sendable {
    private let storage: Mutex<Configuration.HTTP>

    package init(_ limits: Configuration.HTTP) {
        storage = Mutex(limits)
    }

    package var current: Configuration.HTTP {
        storage.withLock { $0 }
    }

    package func update(_ limits: Configuration.HTTP) {
        storage.withLock { $0 = limits }
    }
}
