import HTTPServer
import Logging
import ServiceLifecycle
import Settings
import Synchronization
import UnixSignals

/// Reads the configuration again on SIGHUP, and looks for configured folders that were not there.
final class ReloadService: Service {
    private let load: @Sendable () throws -> Configuration
    private let current: Mutex<Configuration>
    private let limits: LiveLimits
    private let level: SharedLogLevel
    private let roots: ConfiguredRoots
    private let manager: ServiceManager?
    private let logger: Logger
    private let setRest: @Sendable (Configuration.Ingest) -> Void

    init(
        configuration: Configuration,
        limits: LiveLimits,
        level: SharedLogLevel,
        roots: ConfiguredRoots,
        manager: ServiceManager?,
        logger: Logger,
        load: @escaping @Sendable () throws -> Configuration,
        setRest: @escaping @Sendable (Configuration.Ingest) -> Void
    ) {
        self.setRest = setRest
        self.load = load
        current = Mutex(configuration)
        self.limits = limits
        self.level = level
        self.roots = roots
        self.manager = manager
        self.logger = logger
    }

    func run() async throws {
        await roots.apply(current.withLock { $0.roots })
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() {
                    await self.reload()
                }
            }
            group.addTask {
                await cancelWhenGracefulShutdown {
                    while !Task.isCancelled {
                        try? await Task.sleep(for: .seconds(60))
                        await self.roots.retry()
                    }
                }
            }
            await group.waitForAll()
        }
    }

    private func reload() async {
        manager?.notify(.reloading)
        defer { manager?.notify(.ready) }
        do {
            let new = try load()
            let (merged, waiting) = current.withLock { current in
                let waiting = current.reload(from: new)
                return (current, waiting)
            }
            limits.update(merged.http)
            setRest(merged.ingest)
            level.current = Logger.Level(rawValue: merged.logLevel) ?? .info
            await roots.apply(merged.roots)
            logger.notice("the configuration is reloaded")
            if !waiting.isEmpty {
                logger.warning("restart required for: \(waiting.joined(separator: ", "))")
            }
        } catch {
            logger.error("the configuration is left as it was: \(error)")
        }
    }
}
