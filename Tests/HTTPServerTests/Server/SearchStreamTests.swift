import Settings
import API
import Foundation
import Logging
import Testing

/// Searches whose answers come in lines.
struct SearchStreamTests {
    private static let request = RawClient.request(
        "POST", "/v1/search", body: Data(#"{"query":"a dog","stream":true}"#.utf8))

    private func lines(_ response: RawResponse) -> [Data] {
        #expect(response.text.last == "\n")
        return response.body.split(separator: 0x0A).map { Data($0) }
    }

    private func answer(_ line: Data) throws -> API.SearchResponse {
        try API.decoder().decode(API.SearchResponse.self, from: line)
    }

    @Test func `the Fast answer comes first, then each improvement, and only the last line is final`() async throws {
        let backend = FakeBackend()
        backend.stream(.improvement(.fast), .improvement(.partial), .improvement(.slow), .end)
        try await RunningServer.run(backend: backend) { server async throws in
            let client = try await server.connect()
            try await client.send(Self.request)
            let response = try await client.chunkedResponse()
            #expect(response.status == 200)
            #expect(response.headers["content-type"] == "application/x-ndjson")
            let answers = try lines(response).map(answer)
            #expect(answers.map(\.stage) == [.fast, .partial, .slow, .slow])
            #expect(answers.map(\.isFinal) == [false, false, false, true])
            #expect(answers.allSatisfy { $0.query == "a dog" && $0.results.count == 1 })
            #expect(server.backend.searches == [API.SearchRequest(query: "a dog", stream: true)])
            // The connection serves on.
            try await client.send(RawClient.request("GET", "/v1/clips/7"))
            #expect(try await client.response().status == 200)
        }
    }

    @Test func `the first line doesn't wait for the second`() async throws {
        let backend = FakeBackend()
        backend.stream(.improvement(.fast), .work)
        try await RunningServer.run(backend: backend) { server async throws in
            let client = try await server.connect()
            try await client.send(Self.request)
            #expect(try await client.receive(until: "}\n").contains(#""final":false"#))
            #expect(server.backend.streams.ended == 0)
        }
    }

    @Test func `an answer that is no stream isn't called final`() async throws {
        try await RunningServer.run { server async throws in
            let response = try await server.request("POST", "/v1/search", json: #"{"query":"a dog","stream":false}"#)
            #expect(!response.text.contains("final"))
            #expect(server.backend.streams == FakeBackend.StreamCounts())
        }
    }

    @Test func `a search that fails after its first line says so in its last`() async throws {
        let backend = FakeBackend()
        backend.stream(.improvement(.fast), .failure(APIError(.unavailable, "the disk is full")))
        try await RunningServer.run(backend: backend) { server async throws in
            let client = try await server.connect()
            try await client.send(Self.request)
            let lines = lines(try await client.chunkedResponse())
            #expect(lines.count == 2)
            let error = try API.decoder().decode(API.ErrorBody.self, from: try #require(lines.last))
            #expect(error.error == API.ErrorBody.Content(code: .unavailable, message: "the disk is full"))
        }
    }

    @Test func `what breaks inside after the first line tells no details`() async throws {
        let backend = FakeBackend()
        backend.stream(.improvement(.fast), .failure(CocoaError(.fileReadCorruptFile)))
        try await RunningServer.run(backend: backend) { server async throws in
            let client = try await server.connect()
            try await client.send(Self.request)
            let response = try await client.chunkedResponse()
            #expect(response.text.contains(#""code":"internal_error""#))
            #expect(!response.text.contains("Cocoa"))
        }
    }

    @Test func `a search that fails before its first line has the status of its error`() async throws {
        let backend = FakeBackend()
        backend.stream(.failure(APIError(.invalidRequest, "not calibrated")))
        try await RunningServer.run(limits: { $0.maxRequests = 1 }, backend: backend) { server async throws in
            for _ in 0..<3 {
                let client = try await server.connect()
                try await client.send(Self.request)
                let response = try await client.response()
                #expect(response.status == 400)
                #expect(response.errorCode == "invalid_request")
            }
        }
    }

    @Test func `a client that closes its sending half still gets every line`() async throws {
        try await RunningServer.run { server async throws in
            let client = try await server.connect()
            try await client.send(Self.request)
            client.closeSending()
            #expect(try await answer(#require(lines(client.chunkedResponse()).last)).isFinal == true)
        }
    }

    @Test func `a stream holds its place until its search has ended, not until its client is gone`() async throws {
        let backend = FakeBackend()
        let (gate, open) = AsyncStream<Void>.makeStream()
        backend.hold(until: gate)
        backend.stream(.improvement(.fast), .work)
        try await RunningServer.run(limits: { $0.maxRequests = 1 }, backend: backend) { server async throws in
            do {
                let client = try await server.connect()
                try await client.send(Self.request)
                _ = try await client.receive(until: "}\n")
                #expect(try await server.request("GET", "/v1/clips/7/description").errorCode == "overloaded")
                // The client goes away here, in the middle of the search.
            }
            try await server.backend.streams { $0.stopped > 0 }
            #expect(try await server.request("GET", "/v1/clips/7/description").errorCode == "overloaded")
            open.finish()
            var status = try await server.request("GET", "/v1/clips/7/description").status
            while status == 503 { status = try await server.request("GET", "/v1/clips/7/description").status }
            #expect(status == 200)
            try await server.backend.streams { $0.ended > 0 }
            #expect(server.backend.streams == FakeBackend.StreamCounts(begun: 1, ended: 1, stopped: 1))
        }
    }

    @Test func `a client that hangs up before the first answer is no error`() async throws {
        let backend = FakeBackend()
        backend.stream(.work)
        let log = RecordingLog.Entries()
        try await RunningServer.run(backend: backend, logger: log.logger) { server async throws in
            do {
                let client = try await server.connect()
                try await client.send(Self.request)
                try await server.backend.streams { $0.begun > 0 }
            }
            try await server.backend.streams { $0.ended > 0 }
        }
        #expect(!log.all.contains { $0.level >= .warning })
        #expect(!log.all.contains { $0.message.hasPrefix("POST /v1/search") })
        #expect(log.all.contains { $0.level == .debug && $0.message == "the client hung up before the answer" })
    }

    @Test func `a search that is cancelled while its client waits is an error`() async throws {
        let backend = FakeBackend()
        backend.stream(.failure(CancellationError()))
        let log = RecordingLog.Entries()
        try await RunningServer.run(backend: backend, logger: log.logger) { server async throws in
            let client = try await server.connect()
            try await client.send(Self.request)
            #expect(try await client.response().errorCode == "internal_error")
        }
        #expect(log.all.contains { $0.level == .error })
    }

    @Test func `finished and refused streams give their places back`() async throws {
        try await RunningServer.run(limits: { $0.maxRequests = 1 }) { server async throws in
            let client = try await server.connect()
            for _ in 0..<20 {
                try await client.send(Self.request)
                #expect(try await client.chunkedResponse().status == 200)
                let bad = RawClient.request(
                    "POST", "/v1/search", body: Data(#"{"query":"a","limit":1001,"stream":true}"#.utf8))
                try await client.send(bad)
                #expect(try await client.response().errorCode == "invalid_request")
            }
        }
    }

    @Test(.timeLimit(.minutes(5)))
    func `shutdown stops a search that would go on`() async throws {
        let backend = FakeBackend()
        backend.stream(.improvement(.fast), .work)
        _ = try await RunningServer.run(backend: backend, shutdownGrace: 0.2) { server async throws in
            let client = try await server.connect()
            try await client.send(Self.request)
            _ = try await client.receive(until: "}\n")
            return client
        }
        #expect(backend.streams.stopped == 1)
    }
}
