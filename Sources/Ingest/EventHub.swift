internal import Synchronization

/// Hands each event to everybody who listens; who is slow misses the oldest.
final class EventHub: Sendable {
    private struct State {
        var listeners: [Int: AsyncStream<IngestEvent>.Continuation] = [:]
        var next = 0
        var isFinished = false
    }

    private let state = Mutex(State())

    func send(_ event: IngestEvent) {
        for listener in state.withLock({ Array($0.listeners.values) }) { listener.yield(event) }
    }

    /// - Parameter buffer: events that are kept for a slow listener.
    func stream(buffer: Int) -> AsyncStream<IngestEvent> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: IngestEvent.self, bufferingPolicy: .bufferingNewest(buffer))
        let number = state.withLock { state -> Int? in
            guard !state.isFinished else { return nil }
            defer { state.next += 1 }
            state.listeners[state.next] = continuation
            return state.next
        }
        guard let number else {
            continuation.finish()
            return stream
        }
        continuation.onTermination = { @Sendable [weak self] _ in
            _ = self?.state.withLock { $0.listeners.removeValue(forKey: number) }
        }
        return stream
    }

    func finish() {
        let listeners = state.withLock { state in
            state.isFinished = true
            defer { state.listeners = [:] }
            return Array(state.listeners.values)
        }
        for listener in listeners { listener.finish() }
    }
}
