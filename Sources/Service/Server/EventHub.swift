import Synchronization

/// Gives every event to every reader. A slow reader loses the oldest events, never holds up others, and learns how many it lost.
package final class EventHub: Sendable {
    package enum Item: Sendable, Equatable {
        case event(API.Event)
        /// Nothing happened for a while; keeps connections alive and finds readers that are gone.
        case heartbeat
    }

    /// One reader's queue.
    package final class Subscription: Sendable {
        /// Single use: one loop reads it.
        package let items: AsyncStream<Item>
        private let continuation: AsyncStream<Item>.Continuation
        private let lost = Mutex(0)

        init(capacity: Int) {
            (items, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(capacity))
        }

        func put(_ item: Item) {
            if case .dropped(.event) = continuation.yield(item) {
                lost.withLock { $0 += 1 }
            }
        }

        func finish() {
            continuation.finish()
        }

        /// How many events were lost since the last call.
        package func takeLost() -> Int {
            lost.withLock { lost in
                defer { lost = 0 }
                return lost
            }
        }
    }

    private struct State {
        var next = 0
        var subscriptions: [Int: Subscription] = [:]
        var isClosed = false
    }

    private let capacity: Int
    private let state = Mutex(State())

    /// - Parameter capacity: Events that one reader may be behind.
    package init(capacity: Int = 256) {
        self.capacity = capacity
    }

    package func publish(_ event: API.Event) {
        put(.event(event))
    }

    package func heartbeat() {
        put(.heartbeat)
    }

    /// - Returns: Nil when `limit` readers are there already.
    package func subscribe(limit: Int) -> (id: Int, subscription: Subscription)? {
        state.withLock { state in
            guard state.subscriptions.count < limit else { return nil }
            let subscription = Subscription(capacity: capacity)
            if state.isClosed { subscription.finish() }
            state.next += 1
            state.subscriptions[state.next] = subscription
            return (state.next, subscription)
        }
    }

    package func unsubscribe(_ id: Int) {
        state.withLock { $0.subscriptions.removeValue(forKey: id) }?.finish()
    }

    /// Ends every stream, and those that come later.
    package func close() {
        let all = state.withLock { state in
            state.isClosed = true
            return Array(state.subscriptions.values)
        }
        for subscription in all { subscription.finish() }
    }

    package var readers: Int {
        state.withLock { $0.subscriptions.count }
    }

    private func put(_ item: Item) {
        let all = state.withLock { Array($0.subscriptions.values) }
        for subscription in all { subscription.put(item) }
    }
}
