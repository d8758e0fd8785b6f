import Dispatch
import Glibc
import Synchronization
import SystemPackage

/// One thread of its own that runs blocking work in order, for as long as this object is kept.
///
/// A dispatch queue would not do for starting processes that end with their parent: Linux means the parent *thread* by that,
/// and a queue's threads come and go.
final class DedicatedThread: Sendable {
    private final class Work: Sendable {
        let jobs = Mutex<[@Sendable () -> Void]>([])
        let isStopping = Mutex(false)
        let signal = DispatchSemaphore(value: 0)

        func run() {
            while true {
                signal.wait()
                guard let job = jobs.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) else {
                    if isStopping.withLock({ $0 }) { return }
                    continue
                }
                job()
            }
        }
    }

    private let work = Work()

    /// - Throws: what pthread_create(3) gives when the system has no more threads.
    init() throws(Errno) {
        let context = unsafe Unmanaged.passRetained(work)
        var thread = pthread_t()
        let status = unsafe pthread_create(
            &thread, nil,
            { context in
                unsafe Unmanaged<Work>.fromOpaque(context!).takeRetainedValue().run()
                return nil
            }, unsafe context.toOpaque())
        guard status == 0 else {
            unsafe context.release()
            throw Errno(rawValue: status)
        }
        pthread_detach(thread)
    }

    deinit {
        work.isStopping.withLock { $0 = true }
        work.signal.signal()
    }

    /// Runs `job` on the thread, after what was asked for before.
    func enqueue(_ job: @escaping @Sendable () -> Void) {
        work.jobs.withLock { $0.append(job) }
        work.signal.signal()
    }

    /// Runs `job` on the thread and suspends until it is done.
    func run<Value: Sendable>(_ job: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            enqueue { continuation.resume(returning: job()) }
        }
    }
}
