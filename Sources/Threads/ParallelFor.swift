/// Runs `body` over `0..<count`, cut into ranges of at least `grain`, on a fixed number of threads; returns when all have run.
///
/// The ranges depend on `count`, `grain` and the number of threads only, never on timing, so what is computed in a range has
/// the same bits from run to run. A call from inside another call's body, or beside another thread's call, runs its ranges in
/// the calling thread: the threads are never oversubscribed and nothing waits for them.
///
/// - Parameters:
///   - count: how many items there are; nothing runs for zero.
///   - grain: the fewest items worth handing to another thread (about 20 µs of work).
///   - body: called once for each range, in any order, on any of the threads. Ranges are disjoint and cover all items.
package func parallelFor(_ count: Int, grain: Int = 1, _ body: (Range<Int>) -> Void) {
    guard count > 0 else { return }
    let pool = ThreadPool.current
    let threads = pool.width
    let pieces = min(threads == 1 ? 1 : threads * 2, max(1, count / max(1, grain)))
    guard pieces > 1 else {
        body(0..<count)
        return
    }
    pool.run(pieces: pieces) { piece in
        let lower = piece * count / pieces
        let upper = (piece + 1) * count / pieces
        body(lower..<upper)
    }
}
