package import API
import Foundation
import HummingbirdCore
import NIOCore
import Threads

/// What the readers of `/v1/events` are sent.
package enum EventStreamItem: Sendable, Equatable {
    case event(API.Event)
    /// Nothing happened for a while; keeps connections alive and finds readers that are gone. Nobody misses one.
    case heartbeat
}

/// Server-sent events (WHATWG HTML, section 9.2) from a subscription.
enum EventStreamBody {
    /// Writes until the subscription ends or the client hangs up.
    @concurrent
    static func write(
        _ subscription: Broadcast<EventStreamItem>.Subscription,
        of request: Request,
        to writer: inout any ResponseBodyWriter
    ) async throws {
        // A first line at once, so that a client knows that it is connected.
        try await writer.write(ByteBuffer(string: ": saccade events\n\n"))
        var output = writer
        try await request.body.consumeWithInboundCloseHandler { _ in
            for await item in subscription {
                try await output.write(ByteBuffer(string: text(of: item, lost: subscription.takeLost())))
            }
        } onInboundClosed: {
            subscription.cancel()
        }
        try await output.finish(nil)
    }

    static func text(of item: EventStreamItem, lost: Int) -> String {
        var text = ""
        if lost > 0 {
            text += frame(API.Event(kind: .dropped, time: Date(), count: lost))
        }
        switch item {
        case .event(let event): text += frame(event)
        case .heartbeat: text += ": heartbeat\n\n"
        }
        return text
    }

    private static func frame(_ event: API.Event) -> String {
        // JSON has no line breaks here, so one `data:` line holds it.
        let data = (try? API.encoder().encode(event)) ?? Data("{}".utf8)
        return "event: \(event.kind.rawValue)\ndata: \(String(decoding: data, as: UTF8.self))\n\n"
    }
}
