import Foundation
import HTTPServer
import Logging
import ServiceLifecycle
import Settings
import SystemPackage
import TestSupport
import Testing
import Threads

/// A server on a socket of its own, for the length of a closure.
struct RunningServer {
    let directory: TemporaryDirectory
    let socket: FilePath
    let backend: FakeBackend
    let events: Broadcast<EventStreamItem>
    let limits: LiveLimits

    static func run<Result: Sendable>(
        limits change: (inout Configuration.HTTP) -> Void = { _ in },
        access: SocketAccess? = nil,
        backend: FakeBackend = FakeBackend(),
        listener: HTTPServer.Listener? = nil,
        page: SearchPage? = nil,
        shutdownGrace: Double = 3,
        patience: Duration = .seconds(1),
        eventCapacity: Int = 256,
        logger: Logger = .quiet,
        _ body: @Sendable (RunningServer) async throws -> Result
    ) async throws -> Result {
        let directory = try TemporaryDirectory()
        let socket = directory.path.appending("s")
        var http = Configuration.HTTP()
        change(&http)
        let limits = LiveLimits(http)
        let events = Broadcast<EventStreamItem>()
        let (started, starting) = AsyncStream<Void>.makeStream()
        let server = HTTPServer(
            listeners: [try listener ?? .unix(ListeningSocket.bind(path: socket))],
            access: try access ?? SocketAccess(),
            backend: backend,
            page: page,
            limits: limits,
            events: events,
            eventCapacity: eventCapacity,
            logger: logger,
            shutdownGrace: shutdownGrace,
            patience: patience,
            onListening: { starting.finish() }
        )
        let group = ServiceGroup(services: [server], logger: logger)
        let running = RunningServer(
            directory: directory, socket: socket, backend: backend, events: events, limits: limits)
        return try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            for await _ in started {}
            do {
                let result = try await body(running)
                await group.triggerGracefulShutdown()
                try await tasks.waitForAll()
                return result
            } catch {
                await group.triggerGracefulShutdown()
                throw error
            }
        }
    }

    func connect() async throws -> RawClient {
        try await RawClient.connect(to: socket)
    }

    /// One request on a connection of its own.
    func request(_ method: String, _ path: String, body: Data? = nil, headers: String = "") async throws -> RawResponse
    {
        let client = try await connect()
        try await client.send(RawClient.request(method, path, body: body, headers: headers))
        return try await client.response()
    }

    func request(_ method: String, _ path: String, json: String) async throws -> RawResponse {
        try await request(method, path, body: Data(json.utf8))
    }
}
