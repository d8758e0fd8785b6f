import Search
import Catalog
import FolderWatch
internal import ServiceLifecycle
internal import Synchronization
internal import SystemPackage
internal import Threads

extension Library {
    /// Watches, scans and indexes until ``stop()`` or a graceful shutdown.
    ///
    /// A clip that is being encoded is stored first; what is decoded but not encoded is done again another time.
    package func run() async throws {
        let feed = JobFeed(
            catalog: catalog, index: indexRecord.id, clock: clock, only: nil,
            mediaInWork: { [pipeline] in pipeline.mediaInWork },
            onIdle: { [weak self] in try self?.switchIfComplete() })
        let mayRun = state.withLock { state in
            guard !state.isRunning, !state.isStopped else { return false }
            state.isRunning = true
            state.feed = feed
            return true
        }
        guard mayRun else { return }
        watcher.onHint { [wakeup] in wakeup.fire() }
        await withTaskCancellationOrGracefulShutdownHandler {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await self.pipeline.run(feed) }
                group.addTask { await self.watchFolders() }
                group.addTask { await self.text.run() }
            }
        } onCancelOrGracefulShutdown: {
            self.stop()
        }
        state.withLock { $0.isRunning = false }
        try? await BlockingExecutor.shared.run { [catalog] in try catalog.checkpoint() }
    }

    /// Ends ``run()`` within seconds.
    package func stop() {
        let feed = state.withLock { state in
            state.isStopped = true
            return state.feed
        }
        feed?.stop()
        text.stop()
        pipeline.stop()
        wakeup.fire()
    }

    /// Seconds after which a root that is offline, or a catalog that couldn't be written, is looked at again.
    private static let patience = 30.0

    var isStopped: Bool { state.withLock { $0.isStopped } }

    /// Scans at the start and on a timer, and looks where the watcher says.
    private func watchFolders() async {
        requestScan(ScanScope(everything: true))
        var nextRescan = clock.now + settings.rescanInterval
        while !isStopped {
            let ticket = wakeup.ticket
            let began = clock.now
            if began >= nextRescan {
                requestScan(ScanScope(everything: true))
                nextRescan = began + settings.rescanInterval
            }
            await scanning.run { self.pass() }
            state.withLock { $0.feed }?.poke()
            text.poke()
            let (retry, isAnyOffline) = await BlockingExecutor.shared.run { [catalog, indexRecord] in
                (
                    try? catalog.nextRetry(of: indexRecord.id, after: began),
                    (try? catalog.roots())?.contains { $0.state == .offline } ?? false
                )
            }
            let now = clock.now
            let isWaiting = trouble != nil || isAnyOffline
            let wait = [nextRescan, scanner.nextLook, retry, isWaiting ? now + Self.patience : nil]
                .compactMap { $0 }.min().map { max(0.05, $0 - now) }
            await wakeup.wait(since: ticket, seconds: wait, clock: clock)
        }
    }

    private var trouble: String? { state.withLock { $0.trouble } }

    func requestScan(_ scope: ScanScope) {
        state.withLock { $0.scope.formUnion(scope) }
    }

    /// One pass over the folders. Blocking.
    func pass() {
        let hints = watcher.takeHints()
        let roots = (try? catalog.roots()) ?? []
        let offline = roots.filter { $0.state == .offline }.map(\.path)
        requestScan(
            ScanScope(
                everything: hints.overflowed, trees: hints.trees,
                directories: hints.directories.union(dirty.take()).union(offline)))
        let scope = state.withLock { state in
            defer { state.scope = ScanScope() }
            state.scanningRoots = state.scope.everything ? Set(roots.map(\.id)) : state.scope.roots
            return state.scope
        }
        if scope.everything || !scope.roots.isEmpty { scanner.clearWatchTrouble() }
        do {
            try scanner.scan(scope, isStopped: { isStopped })
            if scope.isFull { try purge() }
            let hadTrouble = state.withLock { state in
                state.scanningRoots = []
                defer { state.trouble = nil }
                if scope.isFull { state.scannedAt = clock.now }
                return state.trouble != nil
            }
            if hadTrouble, pipeline.writer.paused == nil { report(.paused(reason: nil)) }
        } catch {
            // Nothing is lost: the same pass is made again.
            requestScan(scope)
            let isNew = state.withLock { state in
                state.scanningRoots = []
                defer { state.trouble = "\(error)" }
                return state.trouble != "\(error)"
            }
            if isNew { report(.paused(reason: "\(error)")) }
        }
    }

    private func purge() throws {
        let before = clock.now - settings.tombstoneLifetime
        while !isStopped, try catalog.purge(tombstonesBefore: before) {}
    }

    /// Lets the index of the encoder take over when it has all that the live one has. Blocking.
    ///
    /// Media in roots that are offline hold it back, because they would leave the index; ``switchNow()`` doesn't wait.
    func switchIfComplete() throws {
        guard keeper.live?.record.id != indexRecord.id, try catalog.mediaMissing(from: indexRecord.id) == 0 else {
            return
        }
        try switchNow()
    }

    /// Lets the index of the encoder take over at once, complete or not. Blocking.
    ///
    /// For a live index whose model is gone, so that no query can be asked of it.
    package func switchNow() throws {
        guard keeper.live?.record.id != indexRecord.id else { return }
        try keeper.switchLive(to: indexRecord)
        report(.indexSwitched(indexRecord))
    }
}
