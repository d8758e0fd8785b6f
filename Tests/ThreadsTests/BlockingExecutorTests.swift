import Dispatch
import Synchronization
import TestSupport
import Testing
import Threads

/// How many are inside, and how many were at most.
private final class Crowd: Sendable {
    private let counts = Mutex((now: 0, most: 0))

    var now: Int { counts.withLock { $0.now } }
    var most: Int { counts.withLock { $0.most } }

    func enter() {
        counts.withLock { counts in
            counts.now += 1
            counts.most = max(counts.most, counts.now)
        }
    }

    func leave() {
        counts.withLock { $0.now -= 1 }
    }
}

struct BlockingExecutorTests {
    @Test func `With one thread, calls run one after the other in their order.`() async {
        let executor = BlockingExecutor(label: "one")
        let (numbers, continuation) = AsyncStream<Int>.makeStream()
        for number in 0..<100 { executor.start { continuation.yield(number) } }
        await executor.run { continuation.finish() }
        #expect(await numbers.reduce(into: []) { $0.append($1) } == Array(0..<100))
    }

    @Test(arguments: [1, 3])
    func `No more calls run beside each other than there are threads.`(threads: Int) async {
        let executor = BlockingExecutor(label: "some", threads: threads)
        let crowd = Crowd()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<64 {
                group.addTask {
                    await executor.run {
                        crowd.enter()
                        for _ in 0..<100 { _ = crowd.now }
                        crowd.leave()
                    }
                }
            }
        }
        #expect(crowd.now == 0)
        #expect((1...threads).contains(crowd.most))
    }

    @Test func `Calls that block on every thread of an executor leave tasks and other executors alone.`() async {
        let gate = DispatchSemaphore(value: 0)
        let blocked = BlockingExecutor(label: "blocked", threads: 2)
        let waiting = 200
        for _ in 0..<waiting { blocked.start { gate.wait() } }
        let answer = await Task.detached { await BlockingExecutor(label: "free").run { 42 } }.value
        #expect(answer == 42)
        for _ in 0..<waiting { gate.signal() }
        await blocked.run {}
    }

    @Test func `What was begun runs to its end although the executor is gone.`() async {
        await withCheckedContinuation { continuation in
            BlockingExecutor(label: "short-lived").start { continuation.resume() }
        }
    }

    @Test func `Errors reach the caller.`() async {
        struct Mishap: Error {}
        let executor = BlockingExecutor(label: "errors")
        await #expect(throws: Mishap.self) { try await executor.run { throw Mishap() } }
    }
}
