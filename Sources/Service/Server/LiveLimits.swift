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

/// Counts what is in work, up to a limit that the caller names each time.
final class Gate: Sendable {
    private let count = Mutex(0)

    /// - Returns: False when `limit` are inside already; otherwise `leave` must follow.
    func enter(limit: Int) -> Bool {
        count.withLock { count in
            guard count < limit else { return false }
            count += 1
            return true
        }
    }

    func leave() {
        count.withLock { $0 -= 1 }
    }
}
