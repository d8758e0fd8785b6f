internal import Synchronization

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
