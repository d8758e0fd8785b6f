internal import Synchronization

/// Counts what is under way, up to a limit that the caller names each time.
package final class Gate: Sendable {
    private let count = Mutex(0)

    package init() {}

    /// - Returns: the place that is taken until the lease ends; nil when `limit` are inside already.
    package func enter(limit: Int) -> Lease? {
        let isInside = count.withLock { count in
            guard count < limit else { return false }
            count += 1
            return true
        }
        return isInside ? Lease { self.count.withLock { $0 -= 1 } } : nil
    }
}

/// Something that is held and must be given back: its closure runs once, at ``end()`` or when the lease is forgotten.
package final class Lease: Sendable {
    private let onEnd: Mutex<(@Sendable () -> Void)?>

    package init(_ onEnd: @escaping @Sendable () -> Void) {
        self.onEnd = Mutex(onEnd)
    }

    deinit {
        end()
    }

    package func end() {
        let action = onEnd.withLock { onEnd in
            defer { onEnd = nil }
            return onEnd
        }
        action?()
    }
}
