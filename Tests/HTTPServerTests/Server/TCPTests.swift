import API
import Foundation
import HTTPServer
import Logging
import Settings
import SystemPackage
import TestSupport
import Testing

struct TCPTests {
    private static let token = "0123456789abcdef0123456789abcdef"

    @Test(arguments: [
        ("", 401), ("Authorization: Bearer wrong\r\n", 401), ("Authorization: Basic \(token)\r\n", 401),
        ("Authorization: Bearer \(token)x\r\n", 401), ("Authorization: Bearer \(token)\r\n", 200),
    ])
    func `over TCP every request shows the token`(header: String, status: Int) async throws {
        let port = try RawClient.freePort()
        let listener = HTTPServer.Listener.loopback(port: port, token: AccessToken(Self.token))
        try await RunningServer.run(listener: listener) { _ async throws in
            for path in ["/v1/clips/7", "/metrics", "/v1/health/live"] {
                let client = try await RawClient.connect(toPort: port)
                try await client.send(RawClient.request("GET", path, headers: header))
                let response = try await client.response()
                #expect(response.status == status)
                if status == 401 {
                    #expect(response.errorCode == "unauthorized")
                    #expect(response.headers["www-authenticate"] == "Bearer")
                }
            }
        }
    }

    @Test(arguments: [
        ("127.0.0.1:1", 200), ("localhost", 200), ("evil.example", 403), ("127.0.0.1.evil.example", 403), ("", 403),
    ])
    func `over TCP a name that isn't this machine's is refused, with the token or not`(host: String, status: Int)
        async throws
    {
        let port = try RawClient.freePort()
        let listener = HTTPServer.Listener.loopback(port: port, token: AccessToken(Self.token))
        try await RunningServer.run(listener: listener) { _ async throws in
            let client = try await RawClient.connect(toPort: port)
            let headers = "Host: \(host)\r\nAuthorization: Bearer \(Self.token)\r\n"
            try await client.send(Data("GET /v1/status HTTP/1.1\r\n\(headers)\r\n".utf8))
            #expect(try await client.response().status == status)
        }
    }

    @Test func `many wrong tokens make one line in the log`() async throws {
        let port = try RawClient.freePort()
        let listener = HTTPServer.Listener.loopback(port: port, token: AccessToken(Self.token))
        let entries = RecordingLog.Entries()
        try await RunningServer.run(listener: listener, logger: entries.logger) { _ async throws in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        let client = try await RawClient.connect(toPort: port)
                        try await client.send(
                            RawClient.request("GET", "/v1/status", headers: "Authorization: Bearer guess\r\n"))
                        #expect(try await client.response().status == 401)
                    }
                }
                try await group.waitForAll()
            }
        }
        let lines = entries.all.filter { $0.level >= .info && $0.message.contains("token") }
        #expect(lines.count == 1 && lines.first?.level == .warning)
    }

    @Test func `a command of a saved search is taken over the Unix socket alone`() async throws {
        let port = try RawClient.freePort()
        let listener = HTTPServer.Listener.loopback(port: port, token: AccessToken(Self.token))
        @Sendable func put(_ body: String) async throws -> RawResponse {
            let client = try await RawClient.connect(toPort: port)
            let headers = "Authorization: Bearer \(Self.token)\r\nContent-Length: \(body.utf8.count)\r\n"
            try await client.send(RawClient.request("PUT", "/v1/saved-searches/a", headers: headers) + Data(body.utf8))
            return try await client.response()
        }
        try await RunningServer.run(listener: listener) { server async throws in
            let refused = try await put(#"{"query":"q","command":["/bin/true"]}"#)
            #expect(refused.status == 403 && refused.errorCode == "forbidden")
            #expect(try await server.backend.savedSearches().savedSearches.isEmpty)
            #expect(try await put(#"{"query":"q"}"#).status == 201)
        }
        try await OpenedPage.run { page async throws in
            let json = #"{"query":"q","command":["/bin/true"]}"#
            let refused = try await page.ask("PUT", "/v1/saved-searches/a", json: json)
            #expect(refused.errorCode == "forbidden")
        }
    }

    @Test(arguments: [
        ("POST", "/v1/models/use"), ("DELETE", "/v1/models/next"), ("DELETE", "/v1/models/previous"),
        ("GET", "/v1/backup"),
    ])
    func `models are changed over the Unix socket alone`(method: String, path: String) async throws {
        let port = try RawClient.freePort()
        let listener = HTTPServer.Listener.loopback(port: port, token: AccessToken(Self.token))
        try await RunningServer.run(listener: listener) { _ async throws in
            let client = try await RawClient.connect(toPort: port)
            let header = "Authorization: Bearer \(Self.token)\r\n"
            try await client.send(RawClient.request(method, path, body: Data(#"{"model":"/m"}"#.utf8), headers: header))
            let response = try await client.response()
            #expect(response.status == 403 && response.errorCode == "forbidden")
        }
    }

    @Test func `a port that is taken is named, with what to do`() async throws {
        let port = try RawClient.freePort()
        let listener = HTTPServer.Listener.loopback(port: port, token: AccessToken(Self.token))
        try await RunningServer.run(listener: listener) { server async throws in
            let second = HTTPServer(
                listeners: [listener], access: SocketAccess(users: []), backend: server.backend, limits: server.limits,
                events: server.events,
                logger: .quiet)
            let error = await #expect(throws: SocketError.self) { try await second.run() }
            #expect(error?.code == .inUse)
            #expect(error?.message.contains("127.0.0.1:\(port)") == true)
        }
    }

    @Test func `a token file is one long line that others can't read`() throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write(Data("\(Self.token)\n".utf8), to: "token")
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file.string)
        _ = try AccessToken(file: file)
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: file.string)
        #expect(throws: ConfigurationError.self) { try AccessToken(file: file) }
        let short = try directory.write(Data("short\n".utf8), to: "short")
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: short.string)
        #expect(throws: ConfigurationError.self) { try AccessToken(file: short) }
        #expect(throws: ConfigurationError.self) { try AccessToken(file: directory.path.appending("none")) }
        let pipe = directory.path.appending("pipe")
        #expect(pipe.withPlatformString { mkfifo($0, 0o600) } == 0)
        for place in [pipe, directory.path] {
            let error = #expect(throws: ConfigurationError.self) { try AccessToken(file: place) }
            #expect(error?.message.contains("it is no file") == true)
        }
    }
}
