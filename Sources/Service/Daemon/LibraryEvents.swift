import Catalog
import Ingest
import Logging
import Search
import ServiceLifecycle

/// Carries the library's events to the readers of `/v1/events`, and lets searches follow the live generation.
struct LibraryEvents: Service {
    let library: Library
    let searcher: Searcher
    let searchSwitch: SearchSwitch
    let hub: EventHub
    let logger: Logger
    let heartbeat: Duration

    func run() async throws {
        let events = library.events()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.carry(events) }
            group.addTask { await self.beat() }
            await group.waitForAll()
        }
    }

    private func carry(_ events: AsyncStream<IngestEvent>) async {
        for await event in events.cancelOnGracefulShutdown() {
            if case .generationSwitched = event.kind { await follow() }
            hub.publish(API.Event(event))
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
                hub.heartbeat()
            }
        }
    }
}
