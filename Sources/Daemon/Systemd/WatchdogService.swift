import ServiceLifecycle

/// Keeps systemd's watchdog quiet and its status line new, for as long as the daemon can say how it does.
package struct WatchdogService: Service {
    private let manager: ServiceManager
    private let interval: Duration
    private let status: @Sendable () async -> String

    /// - Parameters:
    ///   - status: A line for people. While it hangs, the watchdog isn't fed: what it asks should be what must work.
    package init(manager: ServiceManager, status: @escaping @Sendable () async -> String) {
        self.manager = manager
        self.status = status
        interval = min(manager.watchdogInterval ?? .seconds(10), .seconds(10))
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                manager.notify(.status(await status()), .watchdog)
                try? await Task.sleep(for: interval)
            }
        }
        manager.notify(.stopping)
    }
}
