internal import Catalog
internal import Synchronization
internal import Threads

/// What the feeds of all indexes have handed out, so that a suspect is in work alone.
final class WorkInHand: Sendable {
    /// A media item as one index wants it.
    struct Key: Hashable {
        var index: IndexID
        var media: MediaID
    }

    private struct State {
        /// Handed out and not given back.
        var out: Set<Key> = []
        /// What is in work alone.
        var suspect: Key?
    }

    private let state = Mutex(State())
    /// There may be more jobs than before, or room for one that waits.
    let wakeup = Wakeup()

    /// - Parameter inWork: what isn't done yet, though it may have been given back.
    /// - Returns: false when it has to wait.
    func claim(_ key: Key, isSuspect: Bool, inWork: Set<Key>) -> Bool {
        state.withLock { state in
            let others = inWork.union(state.out)
            if let suspect = state.suspect, !others.contains(suspect) { state.suspect = nil }
            if state.suspect != nil || isSuspect && !others.isEmpty { return false }
            state.out.insert(key)
            if isSuspect { state.suspect = key }
            return true
        }
    }

    func giveBack(_ key: Key) {
        state.withLock { _ = $0.out.remove(key) }
        wakeup.fire()
    }

    func isBusy(with index: IndexID) -> Bool { state.withLock { $0.out.contains { $0.index == index } } }
}

/// Hands out the jobs of an index, one after the other and each once. A suspect is handed out when nothing else is in work, and nothing beside it.
final class JobFeed: Sendable {
    private struct State {
        /// Not to be handed out: those in work, and of a feed of certain media those that were.
        var taken: Set<MediaID> = []
        var isStopped = false
    }

    private let catalog: Catalog
    private let index: IndexID
    private let clock: any WallClock
    /// nil for all there are and will be; otherwise the feed ends when these are done.
    private let only: [MediaID]?
    private let hand: WorkInHand
    private let mayWork: @Sendable () -> Bool
    private let inWork: @Sendable () -> Set<WorkInHand.Key>
    private let onIdle: @Sendable () -> Void
    private let state = Mutex(State())

    /// - Parameters:
    ///   - inWork: what is not done yet of any index, though it may have been given back.
    ///   - mayWork: whether jobs are handed out now; `hand` is woken when that changes.
    ///   - onIdle: is called when there is nothing to do.
    init(
        catalog: Catalog, index: IndexID, clock: any WallClock, only: [MediaID]?, hand: WorkInHand,
        mayWork: @escaping @Sendable () -> Bool = { true },
        inWork: @escaping @Sendable () -> Set<WorkInHand.Key>, onIdle: @escaping @Sendable () -> Void
    ) {
        self.mayWork = mayWork
        self.catalog = catalog
        self.index = index
        self.clock = clock
        self.only = only
        self.hand = hand
        self.inWork = inWork
        self.onIdle = onIdle
    }

    /// There may be more jobs than before, or room for one that waits.
    func poke() { hand.wakeup.fire() }

    func stop() {
        state.withLock { $0.isStopped = true }
        hand.wakeup.fire()
    }

    /// Returns after ``stop()``, or when the task is cancelled.
    func waitForStop() async {
        while !Task.isCancelled {
            let ticket = hand.wakeup.ticket
            if isStopped { return }
            await hand.wakeup.wait(since: ticket)
        }
    }

    var isStopped: Bool { state.withLock { $0.isStopped } }

    /// Whether what is in work is to be given up, for now or for good.
    var isHalted: Bool { isStopped || !mayWork() }

    /// The job's state is in the catalog now. A feed of certain media hands none out twice.
    func giveBack(_ media: MediaID) {
        if only == nil { state.withLock { _ = $0.taken.remove(media) } }
        hand.giveBack(.init(index: index, media: media))
    }

    /// - Returns: a job that nobody else has, nil when there will be none.
    /// - Throws: ``CatalogError``.
    func next() async throws -> Job? {
        while true {
            let ticket = hand.wakeup.ticket
            guard !isStopped, !Task.isCancelled else { return nil }
            guard mayWork() else {
                await hand.wakeup.wait(since: ticket)
                continue
            }
            let (taken, now) = (state.withLock { $0.taken }, clock.now)
            let found = try await BlockingExecutor.shared.run { [self] in try find(at: now, excluding: taken) }
            if let found {
                switch claim(found) {
                case .isTaken: return found
                case .wasTaken: continue
                case .mustWait: await hand.wakeup.wait(since: ticket)
                }
                continue
            }
            if only != nil { return nil }
            let retry = try await BlockingExecutor.shared.run { [self] in
                onIdle()
                return try catalog.nextRetry(of: index, after: now)
            }
            await hand.wakeup.wait(since: ticket, seconds: retry.map { max(1, $0 - clock.now) }, clock: clock)
        }
    }

    private enum Claim { case isTaken, wasTaken, mustWait }

    private func claim(_ job: Job) -> Claim {
        let inWork = inWork()
        return state.withLock { state in
            guard !state.taken.contains(job.media) else { return .wasTaken }
            let key = WorkInHand.Key(index: index, media: job.media)
            guard hand.claim(key, isSuspect: job.isSuspect, inWork: inWork) else { return .mustWait }
            state.taken.insert(job.media)
            return .isTaken
        }
    }

    private func find(at now: Timestamp, excluding taken: Set<MediaID>) throws -> Job? {
        guard let only else {
            return try catalog.nextJobs(of: index, at: now, limit: 1, excluding: taken).first
        }
        for media in only where !taken.contains(media) {
            if let job = try catalog.job(of: media, index: index), job.isWanted { return job }
        }
        return nil
    }
}
