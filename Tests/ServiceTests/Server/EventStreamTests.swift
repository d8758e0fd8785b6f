import Foundation
import Service
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
            server.events.heartbeat()
            #expect(try await client.receive(until: "heartbeat").contains(": heartbeat\n\n"))
            server.events.publish(event(3))
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

    @Test func `a slow reader loses the oldest events, and is told how many`() async throws {
        let hub = EventHub(capacity: 4)
        let (id, subscription) = try #require(hub.subscribe(limit: 1))
        for media in 0..<10 { hub.publish(event(Int64(media))) }
        #expect(subscription.takeLost() == 6)
        #expect(subscription.takeLost() == 0)
        hub.unsubscribe(id)
        var left: [EventHub.Item] = []
        for await item in subscription.items { left.append(item) }
        #expect(left == (6..<10).map { .event(event($0)) })
    }

    @Test func `a reader that reads nothing doesn't hold up the others`() async throws {
        try await RunningServer.run(limits: { $0.requestSeconds = 0.5 }, eventCapacity: 16) { server async throws in
            let slow = try await server.connect()
            try await slow.send(RawClient.request("GET", "/v1/events"))
            let quick = try await server.connect()
            try await quick.send(RawClient.request("GET", "/v1/events"))
            _ = try await quick.receive(until: "saccade events")
            try await eventually { server.events.readers == 2 }
            let padding = String(repeating: "x", count: 20_000)
            // Far more than the socket's buffer holds; the slow reader is cut off in the end.
            for number in 0..<200 where server.events.readers == 2 {
                server.events.publish(
                    API.Event(
                        kind: .mediaFailed, time: Date(timeIntervalSince1970: 0), media: Int64(number), reason: padding)
                )
                _ = try await quick.receive(until: "}\n\n")
            }
            try await eventually { server.events.readers == 1 }
            server.events.publish(event(7))
            #expect(try await quick.receive(until: "}\n\n").contains("media_indexed"))
        }
    }

    @Test func `streams end when the hub closes`() async throws {
        let hub = EventHub()
        let (_, subscription) = try #require(hub.subscribe(limit: 1))
        hub.close()
        for await _ in subscription.items { Issue.record("nothing was published") }
        let (_, late) = try #require(hub.subscribe(limit: 9))
        for await _ in late.items { Issue.record("nothing was published") }
    }
}
