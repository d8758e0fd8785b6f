import HTTPServer
import Threads
import Settings
import API
import Foundation
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2))) struct EventStreamTests {
    private func event(_ media: Int64) -> API.Event {
        API.Event(kind: .mediaIndexed, time: Date(timeIntervalSince1970: 0), media: media)
    }

    @Test func `a reader gets events as they come, and heartbeats between`() async throws {
        try await RunningServer.run { server async throws in
            let client = try await server.connect()
            try await client.send(RawClient.request("GET", "/v1/events"))
            let head = try await client.receive(until: ": saccade events\n\n")
            #expect(head.lowercased().contains("content-type: text/event-stream"))
            server.events.send(.heartbeat, isCounted: false)
            #expect(try await client.receive(until: "heartbeat").contains(": heartbeat\n\n"))
            server.events.send(.event(event(3)))
            let text = try await client.receive(until: "}\n\n")
            #expect(
                text.contains(
                    "event: media_indexed\ndata: {\"kind\":\"media_indexed\",\"media\":3,\"time\":\"1970-01-01T00:00:00Z\"}\n\n"
                ))
        }
    }

    @Test func `a reader that hangs up makes room for the next`() async throws {
        try await RunningServer.run(limits: { $0.maxEventStreams = 1 }) { server async throws in
            do {
                let client = try await server.connect()
                try await client.send(RawClient.request("GET", "/v1/events"))
                _ = try await client.receive(until: "saccade events")
                #expect(server.events.readers == 1)
                #expect(try await server.request("GET", "/v1/events").errorCode == "overloaded")
            }
            try await eventually { server.events.readers == 0 }
            let client = try await server.connect()
            try await client.send(RawClient.request("GET", "/v1/events"))
            #expect(try await client.receive(until: "saccade events").contains("200 OK"))
        }
    }

    @Test func `a reader that reads nothing doesn't hold up the others`() async throws {
        try await RunningServer.run(limits: { $0.requestTimeoutSeconds = 0.5 }, eventCapacity: 16) {
            server async throws in
            let slow = try await server.connect()
            try await slow.send(RawClient.request("GET", "/v1/events"))
            let quick = try await server.connect()
            try await quick.send(RawClient.request("GET", "/v1/events"))
            _ = try await quick.receive(until: "saccade events")
            try await eventually { server.events.readers == 2 }
            let padding = String(repeating: "x", count: 20_000)
            // Far more than the socket's buffer holds; the slow reader is cut off in the end.
            for number in 0..<200 where server.events.readers == 2 {
                server.events.send(
                    .event(
                        API.Event(
                            kind: .mediaFailed, time: Date(timeIntervalSince1970: 0), media: Int64(number),
                            reason: padding)))
                _ = try await quick.receive(until: "}\n\n")
            }
            try await eventually { server.events.readers == 1 }
            server.events.send(.event(event(7)))
            #expect(try await quick.receive(until: "}\n\n").contains("media_indexed"))
        }
    }
}
