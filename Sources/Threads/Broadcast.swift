internal import Synchronization

/// Gives every value to every reader. A slow reader loses the oldest values, never holds up others, and learns how many it lost.
package final class Broadcast<Value: Sendable>: Sendable {
    fileprivate struct Entry: Sendable {
        var value: Value
        var isCounted: Bool
    }

    /// What waits for one reader.
    fileprivate final class Queue: Sendable {
        let entries: AsyncStream<Entry>
        private let continuation: AsyncStream<Entry>.Continuation
        private let lost = Mutex(0)

        init(capacity: Int) {
            (entries, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(capacity))
        }

        func put(_ entry: Entry) {
            if case .dropped(let dropped) = continuation.yield(entry), dropped.isCounted {
                lost.withLock { $0 += 1 }
            }
        }

        func finish() {
            continuation.finish()
        }

        func takeLost() -> Int {
            lost.withLock { lost in
                defer { lost = 0 }
                return lost
            }
        }
    }

    /// One reader's place: the values in their order, until the broadcast or the subscription ends. It is given back by ``cancel()``, or
    /// when the subscription is forgotten. One loop at a time reads it.
    package final class Subscription: AsyncSequence, Sendable {
        private let queue: Queue
        private let leave: @Sendable () -> Void

        fileprivate init(_ queue: Queue, leave: @escaping @Sendable () -> Void) {
            self.queue = queue
            self.leave = leave
        }

        deinit {
            cancel()
        }

        /// How many values were lost since the last call, those that were sent uncounted apart.
        package func takeLost() -> Int { queue.takeLost() }

        /// No more values come; those that wait can still be read.
        package func cancel() {
            queue.finish()
            leave()
        }

        package struct Iterator: AsyncIteratorProtocol {
            fileprivate var entries: AsyncStream<Entry>.Iterator

            package mutating func next(isolation actor: isolated (any Actor)?) async throws(Never) -> Value? {
                await entries.next(isolation: actor)?.value
            }
        }

        package func makeAsyncIterator() -> Iterator { Iterator(entries: queue.entries.makeAsyncIterator()) }
    }

    private struct State {
        var next = 0
        var queues: [Int: Queue] = [:]
        var isFinished = false
    }

    private let state = Mutex(State())

    package init() {}

    /// What is sent from now on.
    ///
    /// - Parameters:
    ///   - capacity: values that the reader may be behind.
    ///   - limit: readers that there may be with this one.
    /// - Returns: nil when `limit` readers are there already.
    package func subscribe(capacity: Int, limit: Int) -> Subscription? {
        let queue = Queue(capacity: capacity)
        let number = state.withLock { state -> Int? in
            guard state.queues.count < limit else { return nil }
            if state.isFinished { queue.finish() } else { state.queues[state.next] = queue }
            state.next += 1
            return state.next - 1
        }
        guard let number else { return nil }
        return Subscription(queue) { [weak self] in
            _ = self?.state.withLock { $0.queues.removeValue(forKey: number) }
        }
    }

    /// As ``subscribe(capacity:limit:)``, however many readers there are.
    package func subscribe(capacity: Int) -> Subscription {
        guard let subscription = subscribe(capacity: capacity, limit: .max) else { preconditionFailure("no limit") }
        return subscription
    }

    /// - Parameter isCounted: whether a reader that misses the value is told so.
    package func send(_ value: Value, isCounted: Bool = true) {
        let entry = Entry(value: value, isCounted: isCounted)
        for queue in state.withLock({ Array($0.queues.values) }) { queue.put(entry) }
    }

    /// Ends every subscription, and those that come later.
    package func finish() {
        let queues = state.withLock { state in
            state.isFinished = true
            defer { state.queues = [:] }
            return Array(state.queues.values)
        }
        for queue in queues { queue.finish() }
    }

    package var readers: Int { state.withLock { $0.queues.count } }
}
