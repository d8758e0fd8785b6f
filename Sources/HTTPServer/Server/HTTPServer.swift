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

    private let listeners: [Listener]
    private let handler: RequestHandler
    private let limits: LiveLimits
    private let events: Broadcast<EventStreamItem>
    private let logger: Logger
    private let shutdownGrace: TimeAmount
    private let onListening: @Sendable () async -> Void
    private let connections = OpenConnections()

    /// - Parameters:
    ///   - eventCapacity: Events that a reader of `/v1/events` may be behind.
    ///   - shutdownGrace: How long answers may take to finish on shutdown, in seconds.
    ///   - onListening: Called once connections are accepted everywhere.
    package init(
        listeners: [Listener],
        backend: any Backend,
        limits: LiveLimits,
        events: Broadcast<EventStreamItem>,
        eventCapacity: Int = 256,
        logger: Logger,
        shutdownGrace: Double = 3,
        onListening: @escaping @Sendable () async -> Void = {}
    ) {
        self.listeners = listeners
        self.limits = limits
        self.events = events
        self.logger = logger
        self.shutdownGrace = .nanoseconds(Int64(shutdownGrace * 1e9))
        self.onListening = onListening
        handler = RequestHandler(
            backend: backend, limits: limits, events: events, eventCapacity: eventCapacity, logger: logger)
    }

    package func run() async throws {
        // Only sets connections up, before anybody knows whose they are; `serve` makes the channel that answers.
        let http = HTTP1Channel(responder: { _, _, _ in }, configuration: channelConfiguration())
        var servers: [(channel: NIOAsyncChannel<AcceptedConnection, Never>, token: AccessToken?)] = []
        for listener in listeners {
            servers.append(try await open(listener, http: http))
        }
        let channels = servers.map(\.channel.channel)
        defer {
            for case .unix(let socket) in listeners { socket.file?.remove() }
        }
        try await withGracefulShutdownHandler {
            await onListening()
            try await withThrowingDiscardingTaskGroup { group in
                for (server, token) in servers {
                    group.addTask { try await self.accept(on: server, token: token) }
                }
            }
        } onGracefulShutdown: {
            for channel in channels { channel.close(promise: nil) }
            self.events.finish()
            self.connections.quiesce()
            channels.first?.eventLoop.scheduleTask(in: self.shutdownGrace) { self.connections.closeAll() }
        }
    }

    private func open(
        _ listener: Listener,
        http: HTTP1Channel
    ) async throws -> (channel: NIOAsyncChannel<AcceptedConnection, Never>, token: AccessToken?) {
        let logger = logger
        // A client may close its sending half after the request and still wants the answer.
        let bootstrap = ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(ChannelOptions.allowRemoteHalfClosure, value: true)
        switch listener {
        case .unix(let socket):
            let channel = try await bootstrap.bind(socket.descriptor) { channel in
                http.setup(channel: channel, logger: logger).map { AcceptedConnection($0) }
            }
            return (channel, nil)
        case .loopback(let port, let token):
            do {
                let channel =
                    try await bootstrap
                    .serverChannelOption(ChannelOptions.socketOption(.so_reuseaddr), value: 1)
                    .bind(host: "127.0.0.1", port: port) { channel in
                        http.setup(channel: channel, logger: logger).map { AcceptedConnection($0) }
                    }
                return (channel, token)
            } catch let error as IOError {
                throw SocketError(
                    error.errnoCode == Errno.addressInUse.rawValue ? .inUse : .system,
                    "can't listen on 127.0.0.1:\(port) (\(Errno(rawValue: error.errnoCode))); choose another http.tcp_port, "
                        + "or allow it where saccade.service says how"
                )
            }
        }
    }

    private func channelConfiguration() -> HTTP1Channel.Configuration {
        let limits = limits
        return HTTP1Channel.Configuration(
            additionalChannelHandlers: {
                let current = limits.current
                return [
                    ConnectionGuard(
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
        on server: NIOAsyncChannel<AcceptedConnection, Never>,
        token: AccessToken?
    ) async throws {
        try await server.executeThenClose { inbound in
            try await withThrowingDiscardingTaskGroup { group in
                for try await connection in inbound {
                    group.addTask { await self.serve(connection.take(), token: token) }
                }
            }
        }
    }

    private func serve(_ connection: AcceptedConnection.Channel, token: AccessToken?) async {
        let limit = limits.current.maxConnections
        guard connections.add(connection.channel, limit: limit) else {
            await refuse(connection, limit: limit)
            return
        }
        defer { connections.remove(connection.channel) }
        let peer = await Peer.of(connection.channel)
        logger.debug("connection", metadata: peer.metadata)
        let handler = handler
        // One for each connection, because the responder needs the peer and the listener's token, which are not
        // among its arguments.
        let http = HTTP1Channel { request, writer, channel in
            if request.headers[.expect]?.lowercased() == "100-continue" {
                try await writer.writeInformationalHead(HTTPResponse(status: .continue))
            }
            let response = try await handler.respond(to: request, peer: peer, token: token) { channel.isActive }
            try await writer.write(response: response.head, body: response.body)
        }
        await http.handle(value: connection, logger: logger)
    }

    /// Says why before it hangs up.
    private func refuse(_ connection: AcceptedConnection.Channel, limit: Int) async {
        let error = APIError(.overloaded, "\(limit) connections are open; try again in a second")
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
