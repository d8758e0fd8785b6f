internal import Catalog
internal import Synchronization
internal import Threads

/// Hands out jobs, one after the other and each once. A suspect is handed out when nothing else is in work, and nothing beside it.
final class JobFeed: Sendable {
    private struct State {
        /// Not to be handed out: those in work, and of a feed of certain media those that were.
        var taken: Set<MediaID> = []
        /// Handed out and not given back.
        var out: Set<MediaID> = []
        /// What is in work alone.
        var suspect: MediaID?
        var isStopped = false
    }

    private let catalog: Catalog
    private let index: IndexID
    private let clock: any WallClock
    /// nil for all there are and will be; otherwise the feed ends when these are done.
    private let only: [MediaID]?
    private let mediaInWork: @Sendable () -> Set<MediaID>
    private let onIdle: @Sendable () throws -> Void
    private let state = Mutex(State())
    private let wakeup = Wakeup()

    /// - Parameters:
    ///   - mediaInWork: media that are not done yet, though they may have been given back.
    ///   - onIdle: is called, off the cooperative pool, when there is nothing to do.
    init(
        catalog: Catalog, index: IndexID, clock: any WallClock, only: [MediaID]?,
        mediaInWork: @escaping @Sendable () -> Set<MediaID>, onIdle: @escaping @Sendable () throws -> Void
    ) {
        self.catalog = catalog
        self.index = index
        self.clock = clock
        self.only = only
        self.mediaInWork = mediaInWork
        self.onIdle = onIdle
    }

    /// There may be more jobs than before, or room for one that waits.
    func poke() { wakeup.fire() }

    func stop() {
        state.withLock { $0.isStopped = true }
        wakeup.fire()
    }

    /// Returns after ``stop()``, or when the task is cancelled.
    func waitForStop() async {
        while !Task.isCancelled {
            let ticket = wakeup.ticket
            if isStopped { return }
            await wakeup.wait(since: ticket)
        }
    }

    var isStopped: Bool { state.withLock { $0.isStopped } }

    /// The job's state is in the catalog now. A feed of certain media hands none out twice.
    func giveBack(_ media: MediaID) {
        state.withLock { state in
            state.out.remove(media)
            if only == nil { state.taken.remove(media) }
        }
        wakeup.fire()
    }

    /// - Returns: a job that nobody else has, nil when there will be none.
    /// - Throws: ``CatalogError``.
    func next() async throws -> Job? {
        while true {
            let ticket = wakeup.ticket
            guard !isStopped, !Task.isCancelled else { return nil }
            let (taken, now) = (state.withLock { $0.taken }, clock.now)
            let found = try await BlockingExecutor.shared.run { [self] in try find(at: now, excluding: taken) }
            if let found {
                switch claim(found) {
                case .isTaken: return found
                case .wasTaken: continue
                case .mustWait: await wakeup.wait(since: ticket)
                }
                continue
            }
            if only != nil { return nil }
            let retry = try await BlockingExecutor.shared.run { [self] in
                try onIdle()
                return try catalog.nextRetry(of: index, after: now)
            }
            await wakeup.wait(since: ticket, seconds: retry.map { max(1, $0 - clock.now) }, clock: clock)
        }
    }

    private enum Claim { case isTaken, wasTaken, mustWait }

    private func claim(_ job: Job) -> Claim {
        let inWork = mediaInWork()
        return state.withLock { state in
            let others = inWork.union(state.out)
            if let suspect = state.suspect, !others.contains(suspect) { state.suspect = nil }
            if state.suspect != nil || job.isSuspect && !others.isEmpty { return .mustWait }
            guard state.taken.insert(job.media).inserted else { return .wasTaken }
            state.out.insert(job.media)
            if job.isSuspect { state.suspect = job.media }
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
