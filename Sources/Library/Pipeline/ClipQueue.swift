internal import Catalog
import DecodeWorkers
internal import Synchronization
internal import Threads

/// What waits between decoding and encoding, at most so many frames.
final class ClipQueue: Sendable {
    /// One step of a media item, in the order in which they have to be stored.
    enum Step: Sendable {
        case clip(AssembledClip, ordinal: Int, isLast: Bool)
        /// It has ended, and its last clip was sent before.
        case finished
        case failed(Problem)
        /// Its file isn't there or is another one, which is no attempt to read it.
        case vanished(Problem)
        /// It is to be resumed another time.
        case released
        /// What was read is not what was asked for: the clips of it have to go.
        case changed
    }

    struct Item: Sendable {
        var work: MediaWork
        var step: Step

        var endsMedia: Bool {
            if case .clip(_, _, let isLast) = step { isLast } else { true }
        }

        var frames: Int {
            if case .clip(let clip, _, _) = step { clip.frames.count } else { 0 }
        }
    }

    private struct State {
        var items: [Item] = []
        var frames = 0
        var isClosed = false
    }

    private let limit: Int
    private let state = Mutex(State())
    private let room = Wakeup()
    private let arrivals = Wakeup()

    /// - Parameter limit: frames; one item is always taken into an empty queue.
    init(limit: Int) {
        self.limit = limit
    }

    /// Waits until there is room. Ends early when the task is cancelled; the item is in the queue all the same.
    func send(_ item: Item) async {
        while true {
            let ticket = room.ticket
            let isSent = state.withLock { state in
                guard state.frames == 0 || state.frames + item.frames <= limit || Task.isCancelled else { return false }
                state.items.append(item)
                state.frames += item.frames
                return true
            }
            if isSent { break }
            await room.wait(since: ticket)
        }
        arrivals.fire()
    }

    /// No more will be sent.
    func close() {
        state.withLock { $0.isClosed = true }
        arrivals.fire()
    }

    /// What is there, up to about `frames`, waiting a while for so many.
    ///
    /// - Parameter wait: seconds from the arrival of the first.
    /// - Returns: nil when the queue is closed and empty.
    func nextBatch(frames: Int, wait: Double, clock: any WallClock) async -> [Item]? {
        var deadline: Double?
        while true {
            let ticket = arrivals.ticket
            let (isReady, isEmpty, isOver) = state.withLock { state in
                (state.frames >= min(frames, limit) || state.isClosed, state.items.isEmpty, state.isClosed)
            }
            if isEmpty {
                if isOver { return nil }
                await arrivals.wait(since: ticket)
                continue
            }
            let now = clock.uptime
            let until = deadline ?? now + wait
            deadline = until
            guard isReady || now >= until else {
                await arrivals.wait(since: ticket, seconds: until - now, clock: clock)
                continue
            }
            let batch = take(frames)
            room.fire()
            return batch
        }
    }

    private func take(_ frames: Int) -> [Item] {
        state.withLock { state in
            var count = 0
            var taken = 0
            while count < state.items.count, taken < frames {
                taken += state.items[count].frames
                count += 1
            }
            // What follows without frames costs nothing, and ends a media item the sooner.
            while count < state.items.count, state.items[count].frames == 0 { count += 1 }
            defer {
                state.items.removeFirst(count)
                state.frames -= taken
            }
            return Array(state.items[..<count])
        }
    }
}
