import Search
import Catalog
import FolderWatch
internal import Logging
internal import Models
internal import SystemPackage
internal import Synchronization
internal import Threads

extension Catalog {
    func prepareIndex(
        _ model: IndexingModel, keepsNext: Bool = false, at now: Timestamp
    ) throws(CatalogError) -> IndexRecord {
        try prepareIndex(
            digest: model.digest, earlierDigests: model.earlierDigests, dimensions: model.encoder.dimensions,
            storesRerankFeatures: model.storesRerankFeatures, model: model.folder, keepsNext: keepsNext, at: now)
    }
}

extension Library {
    /// Something that fills an index; it begins when it is among the tracks and the library runs.
    func track(_ model: IndexingModel, _ index: IndexRecord) -> IngestTrack {
        let id = index.id
        let feed = JobFeed(
            catalog: catalog, index: id, clock: clock, only: nil, hand: hand, mayWork: { [rest] in rest.cause == nil },
            inWork: { [weak self] in self?.inWork ?? [] },
            onIdle: { [weak self] in
                guard let self, state.withLock({ $0.tracks.next?.index.id == id }) else { return }
                completion.fire()
            })
        let dirty = dirty
        let pipeline = IngestPipeline(
            .init(
                catalog: catalog, index: index, keeper: keeper, encoder: model.encoder, source: source,
                files: scanner.files, clock: clock, settings: settings, writer: writer, computing: computing,
                latencies: latencies,
                waitForTurn: { [weak self, rest] in
                    await self?.share.waitForTurn { [weak self] in self?.mustShare(id) ?? false }
                    await rest.waitForTurn()
                },
                didEncode: { [weak self, rest] seconds in
                    rest.didEncode(seconds: seconds)
                    guard let self, isBeside(id) else { return }
                    share.didEncode(seconds: seconds)
                },
                report: { [weak self] in self?.report($0, of: id) }, markDirty: { dirty.add($0) },
                shared: shared))
        return IngestTrack(model: model, index: index, pipeline: pipeline, feed: feed)
    }

    /// What isn't done yet, of all indexes.
    var inWork: Set<WorkInHand.Key> {
        let tracks = state.withLock { $0.tracks.all }
        return Set(
            tracks.flatMap { track in
                track.pipeline.mediaInWork.map { WorkInHand.Key(index: track.index.id, media: $0) }
            })
    }

    /// Whether an index is built while new media are indexed into the live one.
    private func isBeside(_ index: IndexID) -> Bool {
        state.withLock { $0.tracks.live != nil && $0.tracks.next?.index.id == index }
    }

    /// Whether an index is built while new media wait for the encoder.
    private func mustShare(_ index: IndexID) -> Bool {
        let (tracks, isStopped) = state.withLock { ($0.tracks, $0.isStopped) }
        guard !isStopped, let live = tracks.live, let next = tracks.next, next.index.id == index, !next.feed.isStopped
        else { return false }
        return hand.isBusy(with: live.index.id) || !live.pipeline.mediaInWork.isEmpty
    }

    /// What happens to a media item in an index that nobody asks yet is of no interest, beyond that it failed.
    private func report(_ kind: LibraryEvent.Kind, of index: IndexID) {
        guard isBeside(index) else {
            report(kind)
            return
        }
        guard case .mediaFailed(let media, let path, let problem) = kind else { return }
        logger.warning(
            "media \(media) (\(path?.description ?? "no path")) failed in the next index: \(problem.message)")
    }

    /// Lets the next index take over when it has all that the live one has and passes the check.
    ///
    /// Media in roots that are offline hold it back, because they would leave the index; ``switchNow()`` doesn't wait.
    func finishNext() async {
        guard let next = state.withLock({ $0.tracks.next }), next.problem.withLock({ $0 }) == nil else { return }
        do {
            let isComplete = try await BlockingExecutor.shared.run { [catalog] in
                try catalog.mediaMissing(from: next.index.id) == 0
            }
            guard isComplete else { return }
            let check = IndexCheck(
                catalog: catalog, index: next.index, encoder: next.model.encoder, source: source, files: scanner.files,
                computing: computing, framesPerSecond: settings.framesPerSecond)
            if let finding = try await check.run() {
                next.problem.withLock { $0 = finding }
                report(.modelChanged(digest: next.index.digest, "its index can't take over: \(finding)"))
                return
            }
            // Who changes the models now has this asked again.
            guard let lease = changes.enter(limit: 1) else { return }
            defer { endChange(lease) }
            let old = try await BlockingExecutor.shared.run { [self] () -> IngestTrack? in
                guard !isStopped || !state.withLock({ $0.isRunning }), state.withLock({ $0.tracks.next === next }),
                    try catalog.mediaMissing(from: next.index.id) == 0
                else { return nil }
                return try takeOver(next)
            }
            await old?.finish()
        } catch {
            logger.error("the next index can't be checked: \(error)")
        }
    }

    /// Finishes the next index whenever there may be nothing left to do for it.
    func watchNext() async {
        while !isStopped {
            let ticket = completion.ticket
            await finishNext()
            await completion.wait(since: ticket)
        }
    }

    /// Lets the next index take over at once, complete or not. Blocking.
    ///
    /// For a live index whose model is gone, so that no query can be asked of it.
    package func switchNow() throws {
        guard let next = state.withLock({ $0.tracks.next }) else { return }
        try takeOver(next)?.stop()
    }

    /// - Returns: what filled the live index.
    private func takeOver(_ next: IngestTrack) throws -> IngestTrack? {
        try keeper.switchLive(to: next.index)
        let old = state.withLock { state in
            defer { state.tracks = Tracks(live: next) }
            return state.tracks.live
        }
        old?.stop()
        var record = next.index
        record.state = .live
        report(.indexSwitched(record))
        report(.modelChanged(digest: record.digest, "it answers now"))
        return old
    }
}
