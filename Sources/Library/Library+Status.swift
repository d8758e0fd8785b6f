import FolderWatch
import Catalog
internal import Synchronization
internal import Threads
internal import VectorIndex

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
            status.indexedClips = live?.vectors.count ?? 0
            status.indexBytes = live?.vectors.byteCount ?? 0
            status.statistics = try catalog.statistics(unfinished: Set(status.current.map(\.media)))
            status.queueDepth = try catalog.queueDepth(of: generation.id)
            status.rates = pipeline.meter.rates(at: clock.now)
            status.failures = try catalog.failures(limit: failures)
            status.generations = try catalog.generations()
            status.paused = pipeline.store.paused ?? state.trouble
            let isLimited = scanner.watchTrouble != nil
            status.watcher =
                if state.isStopped { .stopped } else if !state.scanningRoots.isEmpty { .scanning } else if isLimited {
                    .limited
                } else if state.isRunning, state.scannedAt != nil { .watching } else { .starting }
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
