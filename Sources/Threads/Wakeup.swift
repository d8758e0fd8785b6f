internal import Synchronization

/// Lets tasks wait until something may have changed.
///
/// Who waits first takes a ticket, then looks whether there is anything to do, then waits with the ticket: what happens
/// in between ends the wait at once.
package final class Wakeup: Sendable {
    private struct State {
        var tickets = 0
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    package init() {}

    package var ticket: Int { state.withLock { $0.tickets } }

    package func fire() {
        let waiting = state.withLock { state in
            state.tickets += 1
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    /// Waits until ``fire()`` was called after `ticket` was taken, the task is cancelled, or `seconds` have passed.
    /// It may also end for no reason.
    package func wait(since ticket: Int, seconds: Double? = nil, clock: (any WallClock)? = nil) async {
        let timer = seconds.flatMap { seconds in
            clock.map { clock in
                Task {
                    try await clock.sleep(seconds: seconds)
                    self.fire()
                }
            }
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    guard state.tickets == ticket, !Task.isCancelled else { return true }
                    state.waiting.append(continuation)
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            fire()
        }
        timer?.cancel()
    }
}
