package import Settings
import Synchronization

/// The server's limits as they are now: SIGHUP may change them.
package final class LiveLimits: Sendable {
    private let storage: Mutex<Configuration.HTTP>

    package init(_ limits: Configuration.HTTP) {
        storage = Mutex(limits)
    }

    package var current: Configuration.HTTP {
        storage.withLock { $0 }
    }

    package func update(_ limits: Configuration.HTTP) {
        storage.withLock { $0 = limits }
    }
}
