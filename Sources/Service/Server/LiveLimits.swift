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

    /// - Returns: The place that is taken until the lease ends; nil when `limit` are inside already.
    func enter(limit: Int) -> Lease? {
        let isInside = count.withLock { count in
            guard count < limit else { return false }
            count += 1
            return true
        }
        return isInside ? Lease { self.count.withLock { $0 -= 1 } } : nil
    }
}
