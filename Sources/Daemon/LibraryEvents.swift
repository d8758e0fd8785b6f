import Foundation
import API
import HTTPServer
import Library
import Logging
import Search
import ServiceLifecycle
import Threads

/// Carries the library's events to the readers of `/v1/events`, and lets searches follow the live generation.
struct LibraryEvents: Service {
    let library: Library
    let searcher: Searcher
    let searchSwitch: SearchSwitch
    let events: Broadcast<EventStreamItem>
    let logger: Logger
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
            if case .generationSwitched = event.kind { await follow() }
            let lost = happenings.takeLost()
            if lost > 0 { events.send(.event(API.Event(kind: .dropped, time: Date(event.time), count: lost))) }
            events.send(.event(API.Event(event)))
        }
    }

    private func follow() async {
        do {
            searcher.use(try await BlockingExecutor.shared.run { [searchSwitch] in try searchSwitch.index() })
        } catch {
            logger.error("searches can't follow to the new index: \(error)")
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
