internal import Basics
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
        let mayRun = state.withLock { state in
            guard !state.isRunning, !state.isStopped else { return false }
            state.isRunning = true
            return true
        }
        guard mayRun else { return }
        watcher.onHint { [wakeup] in wakeup.fire() }
        await withTaskCancellationOrGracefulShutdownHandler {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await self.runTracks() }
                group.addTask { await self.watchNext() }
                group.addTask { await self.watchFolders() }
                group.addTask { await self.text.run() }
                group.addTask { await self.rest.run() }
            }
        } onCancelOrGracefulShutdown: {
            self.stop()
        }
        state.withLock { $0.isRunning = false }
        try? await BlockingExecutor.shared.run { [catalog] in try catalog.checkpoint() }
    }

    /// Ends ``run()`` within seconds.
    package func stop() {
        let (tracks, feed) = state.withLock { state in
            state.isStopped = true
            return (state.tracks, state.feed)
        }
        for track in tracks.all { track.stop() }
        feed?.stop()
        text.stop()
        rest.stop()
        writer.stop()
        wakeup.fire()
        tracksChanged.fire()
        completion.fire()
    }

    /// Fills the indexes that are to be filled, whichever they are.
    private func runTracks() async {
        await withDiscardingTaskGroup { group in
            while !isStopped {
                let ticket = tracksChanged.ticket
                for track in state.withLock({ $0.tracks.all }) where track.start() {
                    group.addTask { await track.run() }
                }
                await tracksChanged.wait(since: ticket)
            }
        }
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
            hand.wakeup.fire()
            text.poke()
            let indexes = state.withLock { $0.tracks.all.map(\.index.id) }
            let (retry, isAnyOffline) = await BlockingExecutor.shared.run { [catalog] in
                (
                    indexes.compactMap { try? catalog.nextRetry(of: $0, after: began) }.min(),
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
        do {
            let began = clock.now
            try scanner.scan(scope, isStopped: { isStopped })
            if scope.isFull { latencies.scanning.record(clock.now - began) }
            if scope.isFull { try purge() }
            let hadTrouble = state.withLock { state in
                state.scanningRoots = []
                defer { state.trouble = nil }
                if scope.isFull { state.scannedAt = clock.now }
                return state.trouble != nil
            }
            if hadTrouble, writer.paused == nil { report(.paused(reason: nil)) }
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

    func purge() throws {
        let before = clock.now - settings.tombstoneLifetime
        while !isStopped, try catalog.purge(tombstonesBefore: before) {}
    }
}
