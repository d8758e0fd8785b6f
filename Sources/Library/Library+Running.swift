internal import Basics
import Search
import Catalog
import FolderWatch
internal import Logging
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
                group.addTask { await self.checkCatalog() }
                group.addTask { await self.writeIndexFile() }
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
        catalog.endMaintenance()
        wakeup.fire()
        tracksChanged.fire()
        completion.fire()
        keeper.fileWakeup.fire()
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

    /// Looks for damage in all of a large catalog, which nobody waited for at the start.
    private func checkCatalog() async {
        guard catalog.isUnchecked else { return }
        do {
            try await BlockingExecutor(label: "check", givesWay: true).run { [catalog] in try catalog.checkWhole() }
        } catch {
            logger.error("the catalog can't be checked whole: \(error)")
        }
    }

    /// Writes the vectors' file whenever it is due, until all is stopped. Searches and ingest go on meanwhile.
    private func writeIndexFile() async {
        var trouble: String?
        var failedAt: Double?
        while !isStopped {
            let ticket = keeper.fileWakeup.ticket
            let isTooEarly = failedAt.map { clock.uptime - $0 < Self.patience } ?? false
            let finding = await writingFile.run { [self, trouble] () -> String? in
                guard !isTooEarly else { return trouble }
                guard let live = keeper.live, live.isFileDue else { return nil }
                let free = freeSpace(catalog.state).map { $0 - settings.minFreeBytes }
                do {
                    try live.write(freeBytes: free, isStopped: { [self] in isStopped })
                    return nil
                } catch {
                    return "\(error)"
                }
            }
            if let finding, finding != trouble, !isStopped { logger.warning("\(finding)") }
            if !isTooEarly { failedAt = finding.map { _ in clock.uptime } }
            trouble = finding
            await keeper.fileWakeup.wait(since: ticket)
        }
    }

    /// Seconds after which a root that is offline, or a catalog that couldn't be written, is looked at again.
    private static let patience = 30.0

    var isStopped: Bool { state.withLock { $0.isStopped } }

    /// Scans at the start and on a timer, and looks where the watcher says.
    private func watchFolders() async {
        requestScan(ScanScope(everything: true))
        var steps = ClockSteps(clock.reading)
        var nextRescan = clock.uptime + settings.rescanInterval
        while !isStopped {
            let ticket = wakeup.ticket
            let reading = clock.reading
            let began = reading.time
            if reading.uptime >= nextRescan {
                requestScan(ScanScope(everything: true))
                nextRescan = reading.uptime + settings.rescanInterval
            }
            let setBack = steps.back(at: reading)
            await scanning.run {
                self.bringRetriesForward(by: setBack)
                self.pass()
            }
            hand.wakeup.fire()
            text.poke()
            let indexes = state.withLock { $0.tracks.all.map(\.index.id) }
            let (retry, isAnyOffline) = await BlockingExecutor.shared.run { [catalog] in
                (
                    indexes.compactMap { try? catalog.nextRetry(of: $0, after: began) }.min(),
                    (try? catalog.roots())?.contains { $0.state == .offline } ?? false
                )
            }
            let now = clock.reading
            let isWaiting = trouble != nil || isAnyOffline || catalog.areFeaturesDamaged
            let waits = [
                nextRescan - now.uptime, scanner.nextLook.map { $0 - now.uptime }, retry.map { $0 - now.time },
                isWaiting ? Self.patience : nil,
            ]
            await wakeup.wait(
                since: ticket, seconds: waits.compactMap { $0 }.min().map { max(0.05, $0) }, clock: clock)
        }
    }

    private var trouble: String? { state.withLock { $0.trouble } }

    func requestScan(_ scope: ScanScope) {
        state.withLock { $0.scope.formUnion(scope) }
    }

    /// Has what waits to be tried again, and a pause, wait no longer than was meant, when the time of day was set back.
    private func bringRetriesForward(by seconds: Double) {
        guard seconds > 0 else { return }
        rest.bringForward(by: seconds)
        logger.notice(
            "the clock was set back by \(Int(seconds)) s: what waits to be tried again waits no longer for it")
        do {
            try catalog.bringRetriesForward(by: seconds)
        } catch {
            logger.error("what waits to be tried again waits until the time it was to be, by the clock: \(error)")
        }
    }

    /// Mends rerank features that were found damaged, and tells what the catalog has mended. Blocking.
    private func mend() {
        if catalog.areFeaturesDamaged {
            do {
                try catalog.mendFeatures(isStopped: { isStopped })
                state.withLock { $0.mendingTrouble = nil }
            } catch {
                let isNew = state.withLock { state in
                    defer { state.mendingTrouble = "\(error)" }
                    return state.mendingTrouble != "\(error)"
                }
                if isNew, !isStopped { logger.error("damaged rerank features can't be mended yet: \(error)") }
            }
        }
        guard tellNotices() else { return }
        // What was lost is looked for, and leaves what is in memory.
        requestScan(ScanScope(everything: true))
        do {
            let tracks = state.withLock { $0.tracks.all }
            try catalog.reinstate(tracks.map(\.index), live: keeper.live?.record.id)
            try keeper.catchUp()
        } catch {
            logger.error("the index in memory isn't what the mended catalog says: \(error)")
        }
    }

    /// Logs what the catalog has mended since the last time.
    ///
    /// - Returns: whether it has.
    @discardableResult
    func tellNotices() -> Bool {
        let notices = catalog.notices
        let new = state.withLock { state in
            defer { state.toldNotices = notices.count }
            return notices[min(state.toldNotices, notices.count)...]
        }
        for notice in new { logger.warning("\(notice)") }
        return !new.isEmpty
    }

    /// One pass over the folders. Blocking.
    package func pass() {
        mend()
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
            let began = clock.uptime
            try scanner.scan(scope, isStopped: { isStopped })
            if scope.isFull {
                latencies.scanning.record(clock.uptime - began)
                try purge()
                giveSpaceBack()
            }
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

    /// Makes the databases' files as small as what they hold, as far as nobody has to wait for it.
    private func giveSpaceBack() {
        do {
            try catalog.giveSpaceBack(
                isQuiet: inWork.isEmpty, freeBytes: freeSpace(catalog.state), isStopped: { isStopped })
        } catch {
            logger.warning("the databases' files can't be made smaller now: \(error)")
        }
    }

    func purge() throws {
        let before = clock.now - settings.tombstoneLifetime
        while !isStopped, try catalog.purge(tombstonesBefore: before) {}
    }
}
