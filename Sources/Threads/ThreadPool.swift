import CKernels
import CLinux
import Glibc
import Synchronization

/// The threads of `parallelFor`: they spin for a moment after each job, because a model's next layer follows at once, and
/// then sleep.
///
/// A job is a number of pieces. Threads take pieces by adding one to a ticket that holds the number of pieces in its upper
/// half and the next piece in its lower half; whoever takes a piece may use the job's body, because the submitter
/// waits until all pieces are finished.
@safe final class ThreadPool: @unchecked Sendable {
    // Sendable: `body` is written only by the thread that holds `busy`, while no piece is left to take, and is read
    // only after taking a piece (ticket: release, acquire).

    private static let prompt = ThreadPool(width: ThreadCount.configured, givesWay: false)
    private static let background = ThreadPool(width: ThreadCount.configured, givesWay: true)

    /// For work of the calling thread: that of an executor which gives way (``BlockingExecutor``) takes none of the others' threads.
    static var current: ThreadPool { saccade_is_thread_marked() ? background : prompt }

    let width: Int
    /// Whether its threads have the processor when nobody else wants it. Who submits a job waits for them then, and takes no piece.
    private let givesWay: Bool
    /// Whether there is a thread beside the submitters'. Written only while the pool is made.
    private var hasThreads = false
    private let busy = Atomic<Bool>(false)
    private let ticket = Atomic<UInt64>(0)
    private let finished = Atomic<Int>(0)
    private let sleepers = Atomic<Int>(0)
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let wake = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private let end = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var body: UnsafePointer<(Int) -> Void>?

    private static let spins = 4_000

    private init(width: Int, givesWay: Bool) {
        self.width = width
        self.givesWay = givesWay
        unsafe pthread_mutex_init(mutex, nil)
        unsafe pthread_cond_init(wake, nil)
        unsafe pthread_cond_init(end, nil)
        // The pool lives as long as the process: the threads are detached and never end.
        for _ in 0..<max(0, givesWay ? width : width - 1) {
            let pool = unsafe Unmanaged.passRetained(self)
            var thread = pthread_t()
            let outcome = unsafe pthread_create(
                &thread, nil,
                { context in
                    unsafe Unmanaged<ThreadPool>.fromOpaque(context!).takeUnretainedValue().work()
                    return nil
                }, unsafe pool.toOpaque())
            // Without the thread the others do its pieces too.
            if outcome == 0 {
                pthread_detach(thread)
                hasThreads = true
            } else {
                unsafe pool.release()
            }
        }
    }

    func run(pieces: Int, _ body: (Int) -> Void) {
        guard width > 1,
            busy.compareExchange(expected: false, desired: true, ordering: .acquiringAndReleasing).exchanged
        else {
            for piece in 0..<pieces { body(piece) }
            return
        }
        withoutActuallyEscaping(body) { escapable in
            unsafe withUnsafePointer(to: escapable) { pointer in
                unsafe self.body = pointer
                finished.store(0, ordering: .relaxed)
                ticket.store(UInt64(pieces) << 32, ordering: .sequentiallyConsistent)
                if sleepers.load(ordering: .sequentiallyConsistent) > 0 {
                    unsafe pthread_mutex_lock(mutex)
                    unsafe pthread_cond_broadcast(wake)
                    unsafe pthread_mutex_unlock(mutex)
                }
                if givesWay, hasThreads {
                    unsafe pthread_mutex_lock(mutex)
                    while finished.load(ordering: .acquiring) < pieces { unsafe pthread_cond_wait(end, mutex) }
                    unsafe pthread_mutex_unlock(mutex)
                } else {
                    while let piece = take() { unsafe finish(piece, pointer) }
                    var waited = 0
                    while finished.load(ordering: .acquiring) < pieces {
                        waited += 1
                        if waited < Self.spins { saccade_pause() } else { sched_yield() }
                    }
                }
                unsafe self.body = nil
            }
        }
        busy.store(false, ordering: .releasing)
    }

    private func finish(_ piece: Int, _ body: UnsafePointer<(Int) -> Void>) {
        let pieces = ticket.load(ordering: .relaxed) >> 32
        unsafe body.pointee(piece)
        guard finished.add(1, ordering: .releasing).newValue == pieces, givesWay else { return }
        unsafe pthread_mutex_lock(mutex)
        unsafe pthread_cond_broadcast(end)
        unsafe pthread_mutex_unlock(mutex)
    }

    private func take() -> Int? {
        var seen = ticket.load(ordering: .sequentiallyConsistent)
        while true {
            let next = seen & 0xffff_ffff
            guard next < seen >> 32 else { return nil }
            let (exchanged, original) = ticket.compareExchange(
                expected: seen, desired: seen + 1, ordering: .sequentiallyConsistent)
            if exchanged { return Int(next) }
            seen = original
        }
    }

    private func work() {
        if givesWay {
            saccade_give_way()
            // So that what a piece has done in parallel is done by itself.
            saccade_mark_thread()
        }
        while true {
            var idle = 0
            while idle < Self.spins {
                if let piece = take() {
                    unsafe finish(piece, body!)
                    idle = 0
                } else {
                    saccade_pause()
                    idle += 1
                }
            }
            unsafe pthread_mutex_lock(mutex)
            sleepers.add(1, ordering: .sequentiallyConsistent)
            while !hasWork() { unsafe pthread_cond_wait(wake, mutex) }
            sleepers.subtract(1, ordering: .sequentiallyConsistent)
            unsafe pthread_mutex_unlock(mutex)
        }
    }

    private func hasWork() -> Bool {
        let seen = ticket.load(ordering: .sequentiallyConsistent)
        return seen & 0xffff_ffff < seen >> 32
    }
}
