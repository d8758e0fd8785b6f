internal import CLinux
internal import DequeModule
internal import Dispatch
internal import Glibc
internal import Synchronization
package import SystemPackage

/// Threads of one's own for calls that block: matrix products, SQLite, system calls that wait.
///
/// Swift's cooperative pool has one thread a core; a call that waits there stops everything else. Dispatch's global queues share
/// their threads with that pool on Linux, so long work on them starves it too: sixty-four searches at once once held up the watchdog for
/// six minutes. Hence POSIX threads, at most as many as the executor was made with, which begin when they are first needed and end
/// with it.
package final class BlockingExecutor: Sendable {
    private let crew: Crew

    /// - Parameters:
    ///   - label: the threads' name in debuggers and `top -H`; its first 15 bytes are seen.
    ///   - threads: calls that may run beside each other; with one, calls run one after the other in their order.
    ///   - givesWay: whether the calls are work that nobody waits for: what they have ``parallelFor(_:grain:_:)`` do has threads of its own then, which
    ///     have the processor when nobody else wants it.
    package init(label: String, threads: Int = 1, givesWay: Bool = false) {
        crew = Crew(label: label, limit: max(1, threads), givesWay: givesWay)
    }

    /// One thread that exists at once and until the executor goes: for processes that end with the thread that began them
    /// (`PR_SET_PDEATHSIG` means the parent *thread*).
    ///
    /// - Throws: `Errno` when the system has no more threads.
    package init(startingThread label: String) throws(Errno) {
        crew = Crew(label: label, limit: 1, givesWay: false)
        let failure = crew.addThread()
        guard failure == 0 else { throw Errno(rawValue: failure) }
    }

    deinit {
        crew.stop()
    }

    /// For reads of the catalog and other short calls that may run beside each other.
    package static let shared = BlockingExecutor(label: "blocking", threads: 8)

    /// For calls to the file systems of media, which may hang with a network or a disk: what needs ``shared`` goes on beside them.
    package static let files = BlockingExecutor(label: "files", threads: 8)

    /// Runs `body` off the cooperative pool and waits for it without holding a thread of the pool.
    package func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            start { continuation.resume(with: Result { try body() }) }
        }
    }

    /// As ``run(_:)``, for what throws nothing.
    package func run<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            start { continuation.resume(returning: body()) }
        }
    }

    /// Begins `body` and doesn't wait for it. What was begun runs to its end, even when the executor goes first.
    package func start(_ body: @escaping @Sendable () -> Void) {
        crew.add(body)
    }
}

/// The threads of an executor, which outlive it until their work is done.
private final class Crew: Sendable {
    private struct State {
        var jobs: Deque<@Sendable () -> Void> = []
        var threads = 0
        var idle = 0
        var isStopping = false
    }

    private let label: String
    private let limit: Int
    private let givesWay: Bool
    private let state = Mutex(State())
    private let arrivals = DispatchSemaphore(value: 0)

    init(label: String, limit: Int, givesWay: Bool) {
        self.label = label
        self.limit = limit
        self.givesWay = givesWay
    }

    func add(_ job: @escaping @Sendable () -> Void) {
        let isShort = state.withLock { state in
            state.jobs.append(job)
            return state.idle < state.jobs.count && state.threads < limit
        }
        // Where the system has no thread to give, those that are there do the work, the later.
        if isShort, addThread() != 0, state.withLock({ $0.threads == 0 }) {
            DispatchQueue.global().async { self.runAll() }
            return
        }
        arrivals.signal()
    }

    /// - Returns: 0, or the system's error number.
    func addThread() -> Int32 {
        let mayAdd = state.withLock { state in
            guard state.threads < limit else { return false }
            state.threads += 1
            state.idle += 1
            return true
        }
        guard mayAdd else { return 0 }
        let context = unsafe Unmanaged.passRetained(self)
        var thread = pthread_t()
        let failure = unsafe pthread_create(
            &thread, nil,
            { context in
                unsafe Unmanaged<Crew>.fromOpaque(context!).takeRetainedValue().work()
                return nil
            }, unsafe context.toOpaque())
        guard failure == 0 else {
            unsafe context.release()
            state.withLock { state in
                state.threads -= 1
                state.idle -= 1
            }
            return failure
        }
        pthread_detach(thread)
        return 0
    }

    func stop() {
        let threads = state.withLock { state in
            state.isStopping = true
            return state.threads
        }
        for _ in 0..<threads { arrivals.signal() }
    }

    private func work() {
        unsafe saccade_name_thread(label)
        // The thread itself keeps its priority: a thread of Swift's pool that it happened to begin would have the same for ever.
        if givesWay { saccade_mark_thread() }
        while true {
            arrivals.wait()
            guard let job = takeJob() else {
                if state.withLock({ $0.isStopping }) { return }
                continue
            }
            job()
            state.withLock { $0.idle += 1 }
        }
    }

    private func takeJob() -> (@Sendable () -> Void)? {
        state.withLock { state in
            guard let job = state.jobs.popFirst() else { return nil }
            state.idle -= 1
            return job
        }
    }

    /// All that is there: whoever added beside the caller may have counted on its thread.
    private func runAll() {
        while let job = takeJob() {
            job()
            state.withLock { $0.idle += 1 }
        }
    }
}
