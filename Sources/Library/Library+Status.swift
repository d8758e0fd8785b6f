import Search
import Catalog
import FolderWatch
internal import Synchronization
internal import Threads

extension Library {
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
            status.current = pipeline.current
            status.indexedClips = live?.count ?? 0
            status.indexBytes = live?.byteCount ?? 0
            status.statistics = try catalog.statistics(unfinished: Set(status.current.map(\.media)))
            status.queueDepth = try catalog.queueDepth(of: indexRecord.id, at: clock.now)
            status.rates = pipeline.meter.rates(at: clock.now)
            status.failures = try catalog.failures(limit: failures)
            status.paused = pipeline.writer.paused ?? state.trouble
            let isLimited = scanner.watchTrouble != nil
            status.watcher = state.watcher(isLimited: isLimited)
            if isLimited {
                status.watcherAdvice = """
                    Not every directory can be watched: raise fs.inotify.max_user_watches (sysctl), now \
                    \(watcher.count) are. Until then changes there are found by rescans.
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
