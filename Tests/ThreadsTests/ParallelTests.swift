import Glibc
import Synchronization
import Testing
import Threads

@Suite struct ParallelTests {
    @Test(arguments: [0, 1, 2, 3, 7, 100, 1001], [1, 10, 5000])
    func `Every item is visited once`(count: Int, grain: Int) {
        let visits = Mutex([Int](repeating: 0, count: count))
        parallelFor(count, grain: grain) { range in
            visits.withLock { visits in
                for i in range { visits[i] += 1 }
            }
        }
        #expect(visits.withLock { $0 } == [Int](repeating: 1, count: count))
    }

    @Test func `Ranges are the same from run to run`() {
        func ranges() -> Set<Range<Int>> {
            let found = Mutex<Set<Range<Int>>>([])
            parallelFor(1000, grain: 3) { range in found.withLock { _ = $0.insert(range) } }
            return found.withLock { $0 }
        }
        let first = ranges()
        for _ in 0..<20 { #expect(ranges() == first) }
    }

    @Test func `Calls inside calls run`() {
        let total = Atomic<Int>(0)
        parallelFor(10) { outer in
            for _ in outer {
                parallelFor(10) { inner in total.add(inner.count, ordering: .relaxed) }
            }
        }
        #expect(total.load(ordering: .relaxed) == 100)
    }

    @Test func `Callers on many threads all finish`() async {
        let totals = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    let total = Atomic<Int>(0)
                    for _ in 0..<200 {
                        parallelFor(64) { range in total.add(range.count, ordering: .relaxed) }
                    }
                    return total.load(ordering: .relaxed)
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(totals == [Int](repeating: 200 * 64, count: 8))
    }

    @Test func `Work that gives way does so on every thread, and no other work`() async {
        @Sendable func priorities() -> Set<Int32> {
            let found = Mutex<Set<Int32>>([])
            parallelFor(64) { range in
                parallelFor(8) { _ in
                    found.withLock { _ = $0.insert(getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0)) }
                }
                for _ in range {
                    found.withLock { _ = $0.insert(getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0)) }
                }
            }
            return found.withLock { $0 }
        }
        let usual = getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0)
        let executor = BlockingExecutor(label: "background", givesWay: true)
        for _ in 0..<20 {
            #expect(await executor.run { priorities() } == [max(10, usual)])
            #expect(await executor.run { getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0) } == usual)
            #expect(await BlockingExecutor.shared.run { priorities() } == [usual])
        }
    }
}
