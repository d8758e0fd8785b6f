internal import Catalog
internal import Synchronization
internal import Threads

/// The thread that writes, with patience: while the disk is full or the catalog can't be written, work waits.
final class CatalogWriter: Sendable {
    /// What work can wait for, in the order in which it is told of.
    enum Stage: CaseIterable {
        case space, reading, decoding, writing
    }

    private struct State {
        /// Why a stage waits.
        var reasons: [Stage: String] = [:]
        var isStopped = false

        var paused: String? { Stage.allCases.lazy.compactMap { reasons[$0] }.first }
    }

    /// Seconds between attempts.
    private static let patience = 10.0

    private let executor = BlockingExecutor(label: "store")
    private let clock: any WallClock
    private let report: @Sendable (LibraryEvent.Kind) -> Void
    private let shortage: @Sendable () -> String?
    private let state = Mutex(State())
    private let wakeup = Wakeup()

    /// - Parameter shortage: says why there is too little free space for more; nil while there is enough.
    init(
        clock: any WallClock, shortage: @escaping @Sendable () -> String? = { nil },
        report: @escaping @Sendable (LibraryEvent.Kind) -> Void
    ) {
        self.clock = clock
        self.shortage = shortage
        self.report = report
    }

    /// Why work waits; nil when it goes on.
    var paused: String? { state.withLock { $0.paused } }

    /// What became of a write.
    enum Outcome<Value: Sendable>: Sendable {
        case written(Value)
        /// The catalog refuses it, and would again.
        case refused(CatalogError)
        /// It had not succeeded when the writer was stopped or the write was not wanted any more.
        case stopped

        var value: Value? { if case .written(let value) = self { value } else { nil } }
    }

    /// Runs `body` until it succeeds, for as long as another try may help: while the disk is full, or somebody else is in the way, or the
    /// file can't be written or reached.
    ///
    /// - Parameter isWanted: asked before another try; ``look()`` has it asked at once.
    func persist<Value: Sendable>(
        while isWanted: @Sendable () -> Bool = { true }, _ body: @escaping @Sendable () throws -> Value
    ) async -> Outcome<Value> {
        while true {
            do {
                let value = try await executor.run(body)
                resume(.writing)
                return .written(value)
            } catch let error where (error as? CatalogError)?.mayPass != true {
                let error = error as? CatalogError ?? CatalogError(.sqlite, "\(error)")
                report(.writeRefused(reason: error.message))
                resume(.writing)
                return .refused(error)
            } catch {
                pause(.writing, "\(error)")
                guard !state.withLock({ $0.isStopped }), isWanted() else { return .stopped }
                await wait(seconds: Self.patience)
                guard isWanted() else { return .stopped }
            }
        }
    }

    /// Waits for as long as there is too little free space, which is looked for every few seconds.
    ///
    /// - Parameter isWanted: asked before another look; ``look()`` has it asked at once.
    /// - Returns: whether there is enough; false when the writer was stopped or nothing is to be written any more.
    func waitForSpace(while isWanted: @Sendable () -> Bool) async -> Bool {
        while let reason = await executor.run(shortage) {
            pause(.space, reason)
            guard !state.withLock({ $0.isStopped }), isWanted() else { return false }
            await wait(seconds: Self.patience)
            guard isWanted() else { return false }
        }
        resume(.space)
        return true
    }

    func pause(_ stage: Stage, _ reason: String) { set(stage, reason) }

    func resume(_ stage: Stage) { set(stage, nil) }

    private func set(_ stage: Stage, _ reason: String?) {
        let (before, now) = state.withLock { state in
            let before = state.paused
            state.reasons[stage] = reason
            return (before, state.paused)
        }
        if before != now { report(.paused(reason: now)) }
    }

    /// Waits, but not past ``stop()``.
    func wait(seconds: Double) async {
        let ticket = wakeup.ticket
        guard !state.withLock({ $0.isStopped }) else { return }
        await wakeup.wait(since: ticket, seconds: seconds, clock: clock)
    }

    /// Has all that wait try again at once.
    func look() { wakeup.fire() }

    func stop() {
        state.withLock { $0.isStopped = true }
        wakeup.fire()
    }
}
