import API
import Foundation
import HTTPServer
import Library
import ServiceLifecycle
import Threads

/// Carries the library's events to the readers of `/v1/events`.
struct LibraryEvents: Service {
    let library: Library
    let events: Broadcast<EventStreamItem>
    let heartbeat: Duration

    func run() async throws {
        let happenings = library.events()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.carry(happenings) }
            group.addTask { await self.beat() }
            await group.waitForAll()
        }
    }

    private func carry(_ happenings: Broadcast<LibraryEvent>.Subscription) async {
        for await event in happenings.cancelOnGracefulShutdown() {
            let lost = happenings.takeLost()
            if lost > 0 { events.send(.event(API.Event(kind: .dropped, time: Date(event.time), count: lost))) }
            if let told = API.Event(event) { events.send(.event(told)) }
        }
    }

    private func beat() async {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                try? await Task.sleep(for: heartbeat)
                events.send(.heartbeat, isCounted: false)
            }
        }
    }
}
