import Search
package import Catalog
import FolderWatch
internal import Synchronization
internal import Threads

extension Library {
    /// What waits, and what failed, in the index that ``status(failures:)`` tells of.
    ///
    /// - Throws: ``CatalogError``.
    package func queueStatistics() async throws -> QueueStatistics {
        try await BlockingExecutor.shared.run { [self] in
            let tracks = state.withLock { $0.tracks }
            return try catalog.queueStatistics(of: (tracks.live ?? tracks.next)?.index.id, at: clock.now)
        }
    }

    /// Whether the folders are watched: nobody has ended ``run()``.
    package var isRunning: Bool { state.withLock { $0.isRunning && !$0.isStopped } }

    /// Where things stand.
    ///
    /// - Parameter failures: at most this many.
    /// - Throws: ``CatalogError``.
    package func status(failures: Int = 50) async throws -> IngestStatus {
        try await BlockingExecutor.shared.run { [self] in
            var status = IngestStatus()
            let state = state.withLock { $0 }
            status.roots = try catalog.roots()
            status.scanning = state.scanningRoots
            status.scannedAt = state.scannedAt
            status.settlingFiles = scanner.settlingFiles
            status.watchedDirectories = watcher.count
            // Before what the catalog says: who waits until all is indexed must find it, and clips that have gone since are of
            // media that don't count as indexed any more.
            let (live, next) = (state.tracks.live, state.tracks.next)
            status.current = (live ?? next)?.pipeline.current ?? []
            status.indexedClips = self.live?.count ?? 0
            status.indexBytes = self.live?.byteCount ?? 0
            status.indexFileBytes = IndexFiles.byteCount(in: catalog.state)
            status.statistics = try catalog.statistics(unfinished: Set(status.current.map(\.media)))
            if let track = live ?? next {
                status.queueDepth = try catalog.queueDepth(of: track.index.id, at: clock.now)
                status.rates = track.pipeline.meter.rates(at: clock.uptime)
            }
            status.build = try next.map { try build($0) }
            status.failures = try catalog.failures(limit: failures)
            status.paused = writer.paused ?? state.trouble
            status.notices = catalog.notices + [state.mendingTrouble].compactMap { $0 }
            status.rest = rest.cause
            status.slowdown = rest.slowdown
            for root in status.roots { status.polled[root.id] = scanner.polled(in: root) }
            let isLimited = scanner.isLimited
            status.watcher = state.watcher(isLimited: isLimited)
            if isLimited {
                status.watcherAdvice = """
                    Not every directory can be watched: raise fs.inotify.max_user_watches (sysctl), now \
                    \(watcher.count) are. Until then the others are polled.
                    """
            }
            return status
        }
    }
}

extension Library.State {
    /// - Parameter isLimited: whether some directories can't be watched.
    fileprivate func watcher(isLimited: Bool) -> IngestStatus.WatcherState {
        if isStopped { return .stopped }
        if !scanningRoots.isEmpty { return .scanning }
        if isLimited { return .limited }
        return isRunning && scannedAt != nil ? .watching : .starting
    }
}
