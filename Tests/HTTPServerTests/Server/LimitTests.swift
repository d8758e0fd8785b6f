import API
import Settings
import HTTPServer
import Foundation
import Testing

struct LimitTests {
    @Test func `a body that trickles is answered 408 and hung up on`() async throws {
        try await RunningServer.run(limits: { $0.requestTimeoutSeconds = 0.2 }) { server async throws in
            let client = try await server.connect()
            try await client.send("POST /v1/search HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
            #expect(try await client.response().errorCode == "timeout")
            #expect(try await client.receive().isEmpty)
        }
    }

    @Test(arguments: ["", "GET /v1/sta"])
    func `a connection that asks nothing, or never ends asking, is closed`(start: String) async throws {
        try await RunningServer.run(limits: { $0.idleTimeoutSeconds = 0.2 }) { server async throws in
            let client = try await server.connect()
            try await client.send(start)
            #expect(try await client.receive().isEmpty)
        }
    }

    @Test func `a client that idles after an answer before the end of its request is hung up on`() async throws {
        try await RunningServer.run(limits: { $0.idleTimeoutSeconds = 3 }) { server async throws in
            let client = try await server.connect()
            try await client.send("POST /v1/nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n")
            #expect(try await client.response().errorCode == "unknown_route")
            try await client.send("{}")
            #expect(try await client.receive().isEmpty)
        }
    }

    @Test func `a request that trickles after its answer gets no second one`() async throws {
        try await RunningServer.run(limits: { $0.requestTimeoutSeconds = 0.2 }) { server async throws in
            let client = try await server.connect()
            try await client.send("POST /v1/nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n")
            #expect(try await client.receive(until: "never").ranges(of: "HTTP/1.1 ").count == 1)
        }
    }

    @Test func `a client that doesn't take its answer is hung up on`() async throws {
        try await RunningServer.run(limits: { $0.requestTimeoutSeconds = 0.2 }) { server async throws in
            let client = try await server.connect()
            try await client.send(RawClient.request("GET", "/v1/clips/7/thumbnail.jpg"))
            // The answer has 4 MiB, more than the socket's buffers.
            try await client.waitForHangUp()
            let taken = try await client.receive(until: "never")
            #expect(taken.utf8.count < 4 << 20)
        }
    }

    @Test func `a search may be larger than other requests by the pictures that it brings`() async throws {
        let backend = FakeBackend()
        try await RunningServer.run(backend: backend) { server async throws in
            let most = API.Example.maximumImageBytes
            func search(_ sizes: [Int]) async throws -> RawResponse {
                let images = sizes.map { #"{"image":"\#(Data(count: $0).base64EncodedString())"}"# }
                return try await server.request(
                    "POST", "/v1/search", json: #"{"like":[\#(images.joined(separator: ","))]}"#)
            }
            #expect(try await search([most]).status == 200)
            #expect(try await search([most / 2, most / 2]).status == 200)
            let tooMuch = try await search([most / 2, most / 2 + 9])
            #expect(tooMuch.errorCode == "invalid_request")
            #expect(try await search([most + 1]).errorCode == "invalid_request")
            #expect(try await search([most * 9 / 8 + 100_000]).errorCode == "body_too_large")
            let roots = try await server.request(
                "POST", "/v1/roots", json: #"{"path":"\#(String(repeating: "a", count: 100_000))"}"#)
            #expect(roots.errorCode == "body_too_large")
        }
    }

    @Test func `requests above the limit are told to come again`() async throws {
        let backend = FakeBackend()
        let (gate, open) = AsyncStream<Void>.makeStream()
        backend.hold(until: gate)
        try await RunningServer.run(limits: { $0.maxRequests = 1 }, backend: backend) { server async throws in
            let first = try await server.connect()
            try await first.send(RawClient.request("POST", "/v1/search", body: Data(#"{"query":"a"}"#.utf8)))
            try await backend.searchHasCome()
            let refused = try await server.request("POST", "/v1/search", json: #"{"query":"b"}"#)
            #expect(refused.status == 503)
            #expect(refused.errorCode == "overloaded")
            #expect(refused.headers["retry-after"] == "1")
            // What is short has places of its own.
            #expect(try await server.request("GET", "/v1/status").status == 200)
            open.finish()
            #expect(try await first.response().status == 200)
            #expect(try await server.request("POST", "/v1/search", json: #"{"query":"b"}"#).status == 200)
        }
    }

    @Test func `a body that trickles takes nobody's place`() async throws {
        try await RunningServer.run(limits: { $0.maxRequests = 1 }) { server async throws in
            let slow = try await server.connect()
            try await slow.send("POST /v1/search HTTP/1.1\r\nHost: x\r\nContent-Length: 13\r\n\r\n{")
            #expect(try await server.request("POST", "/v1/search", json: #"{"query":"b"}"#).status == 200)
            try await slow.send(#""query":"a"}"#)
            #expect(try await slow.response().status == 200)
        }
    }

    @Test func `a search whose client left is stopped`() async throws {
        let backend = FakeBackend()
        try await RunningServer.run(limits: { $0.maxRequests = 1 }, backend: backend) { server async throws in
            do {
                let client = try await server.connect()
                try await client.send(RawClient.request("POST", "/v1/search", body: Data(#"{"query":"work"}"#.utf8)))
                try await backend.searchHasCome()
            }
            try await backend.streams { $0.stopped == 1 }
        }
    }

    @Test func `the rest of a body that is too large isn't waited for`() async throws {
        try await RunningServer.run(limits: { $0.requestTimeoutSeconds = 3600 }) { server async throws in
            let client = try await server.connect()
            try await client.send("POST /v1/search HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n")
            try await client.send(String(repeating: " ", count: 70_000))
            let response = try await client.response()
            #expect(response.errorCode == "body_too_large" && response.headers["connection"] == "close")
            #expect(try await client.receive().isEmpty)
        }
    }

    @Test func `a connection that waits for its client makes room for another`() async throws {
        try await RunningServer.run(limits: { $0.maxConnections = 2 }, patience: .zero) { server async throws in
            let idle = try await server.connect()
            try await idle.send(RawClient.request("GET", "/v1/clips/7"))
            #expect(try await idle.response().status == 200)
            let trickling = try await server.connect()
            try await trickling.send("POST /v1/search HTTP/1.1\r\nHost: x\r\nContent-Length: 13\r\n\r\n{")
            #expect(try await server.request("GET", "/v1/clips/7").status == 200)
            #expect(try await idle.receive().isEmpty)
        }
    }

    @Test func `connections above the limit are told why before they are closed`() async throws {
        try await RunningServer.run(limits: { $0.maxConnections = 1 }) { server async throws in
            let first = try await server.connect()
            try await first.send(RawClient.request("GET", "/v1/clips/7"))
            #expect(try await first.response().status == 200)
            let second = try await server.connect()
            #expect(try await second.response().errorCode == "overloaded")
            #expect(try await second.receive().isEmpty)
        }
    }

    @Test func `new limits hold at once`() async throws {
        try await RunningServer.run { server async throws in
            let query = #"{"query":"a long description of a dog"}"#
            #expect(try await server.request("POST", "/v1/search", json: query).status == 200)
            var limits = server.limits.current
            limits.maxQueryBytes = 16
            server.limits.update(limits)
            #expect(try await server.request("POST", "/v1/search", json: query).errorCode == "query_too_long")
        }
    }

    @Test func `shutdown finishes the answer that is under way`() async throws {
        let backend = FakeBackend()
        let (gate, open) = AsyncStream<Void>.makeStream()
        backend.hold(until: gate)
        let client = try await RunningServer.run(backend: backend) { server async throws in
            let client = try await server.connect()
            try await client.send(RawClient.request("POST", "/v1/search", body: Data(#"{"query":"a"}"#.utf8)))
            try await backend.searchHasCome()
            // Opens once the shutdown is under way: the closed event stream shows it.
            let stream = try await server.connect()
            try await stream.send(RawClient.request("GET", "/v1/events"))
            _ = try await stream.receive(until: "saccade events")
            Task {
                _ = try? await stream.receive(until: "never")
                open.finish()
            }
            return client
        }
        #expect(try await client.response().status == 200)
    }

    @Test(.timeLimit(.minutes(5)))
    func `shutdown doesn't wait for a client that never finishes`() async throws {
        // Nothing but the shutdown ends the request within the hour.
        let (client, asked) = try await RunningServer.run(
            limits: { $0.requestTimeoutSeconds = 3600 }, shutdownGrace: 0.2
        ) {
            server async throws in
            let client = try await server.connect()
            try await client.send("POST /v1/search HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
            return (client, ContinuousClock.now)
        }
        #expect(ContinuousClock.now - asked < .seconds(30))
        try await client.waitForHangUp()
    }

    @Test(arguments: 0..<20)
    func `connections that come in the moment of shutdown do no harm`(round: Int) async throws {
        let clients = try await RunningServer.run { server in
            var clients: [RawClient] = []
            for _ in 0..<16 { clients.append(try await server.connect()) }
            return clients
        }
        for client in clients { #expect(try await client.receive().isEmpty) }
    }
}
