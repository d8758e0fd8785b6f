import Testing
import Threads

/// Runs a suite's tests one after another on a thread of their own.
///
/// Swift's cooperative pool has one thread a core. Tests that compute for many seconds would hold all of them, while the end-to-end tests wait for their
/// turn to answer a program that waits for them.
struct OwnThread: SuiteTrait, TestTrait, TestScoping {
    private final class Executor: TaskExecutor {
        private let thread = BlockingExecutor(label: "long tests")

        func enqueue(_ job: consuming ExecutorJob) {
            let job = UnownedJob(job)
            thread.start { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
        }
    }

    private static let executor = Executor()

    var isRecursive: Bool { true }

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        try await withTaskExecutorPreference(Self.executor) { try await function() }
    }
}

extension Trait where Self == OwnThread {
    /// ``OwnThread``.
    static var ownThread: Self { OwnThread() }
}
