import Basics
import API
import Catalog
import FolderWatch
import Foundation
import Library
import Models
import SystemPackage

// Inside of `API` these names mean its own types.
private typealias CatalogRoot = Root

// What is indexed, and what goes on.

extension API.Rest.Cause {
    init(_ cause: RestCause) {
        self =
            switch cause {
            case .paused: .paused
            case .quietHours: .quietHours
            case .battery: .battery
            }
    }
}

extension API.Rest {
    init(_ cause: RestCause) {
        self.init(cause: Cause(cause), reason: cause.reason, until: cause.until.map { Date($0) })
    }
}

extension API.Root.Polling {
    fileprivate init(_ summary: PolledTrees.Summary) {
        let reasons = summary.trees.sorted { $0.key < $1.key }.map { reason, count in
            let what = count == 1 ? "a folder" : "\(count) folders"
            return switch reason {
            case .fileSystem(let name): "\(what) on \(name)"
            case .watchLimit: "\(what) without a watch: raise fs.inotify.max_user_watches (sysctl)"
            }
        }
        self.init(reason: reasons.joined(separator: "; "), interval: summary.interval)
    }
}

extension API.Root {
    fileprivate init(catalog root: CatalogRoot, isScanning: Bool, polled: PolledTrees.Summary? = nil) {
        let state: API.RootState =
            switch root.state {
            case .offline: .offline
            // Nobody knows yet what is in a root that was never scanned to its end.
            case .online: isScanning || root.scannedAt == nil ? .scanning : .online
            }
        self.init(
            id: root.id, path: API.Path(root.path), state: state, reason: root.reason, files: root.fileCount,
            missing: root.missingCount > 0 ? root.missingCount : nil, polling: polled.map(Polling.init))
    }
}

extension API.Status.Model {
    init(_ model: LoadedModel) {
        let reranking = model.scorer == nil ? nil : model.reranking ?? .untuned
        self.init(
            name: model.name,
            modelDigest: model.digest,
            dimensions: model.queries.dimensions,
            slow: reranking != nil,
            rerankDepth: reranking?.depth,
            rerankShortDepth: reranking?.shortDepth,
            rerankBeta: reranking?.beta,
            rerankShortBeta: reranking?.shortBeta,
            calibrated: reranking?.relevance != nil
        )
    }
}

extension API.Status.WatcherState {
    fileprivate init(_ state: IngestStatus.WatcherState) {
        self =
            switch state {
            case .starting: .starting
            case .scanning: .scanning
            case .watching: .watching
            case .limited: .limited
            case .stopped: .stopped
            }
    }
}

extension API.Status {
    /// - Parameters:
    ///   - started: When the daemon did.
    ///   - nameOfNext: Of the model whose index is built.
    init(
        _ status: IngestStatus, version: String, pid: Int32, started: Date, state: FilePath, model: Model,
        engine: Engine, nameOfNext: String?
    ) {
        let counts = status.statistics.media
        let media = MediaCounts(
            total: counts.values.reduce(0, +),
            pending: counts[.pending] ?? 0,
            indexing: counts[.running] ?? 0,
            indexed: counts[.indexed] ?? 0,
            failed: counts[.failed] ?? 0
        )
        let failures = status.failures.prefix(API.Status.maximumFailures).map { failure in
            Failure(
                media: failure.media,
                path: failure.path.map { API.Path($0) },
                reason: failure.problem.message,
                attempts: failure.attempts,
                nextAttempt: failure.problem.retryAt.map { Date($0) }
            )
        }
        self.init(
            version: version,
            pid: pid,
            started: started,
            stateDirectory: state.string,
            model: model,
            engine: engine,
            watcher: Watcher(
                state: WatcherState(status.watcher),
                directories: status.watchedDirectories,
                advice: status.watcherAdvice,
                lastScan: status.scannedAt.map { Date($0) }
            ),
            roots: status.roots.map {
                API.Root(
                    catalog: $0, isScanning: status.scanning.contains($0.id), polled: status.polled[$0.id])
            },
            media: media,
            queue: Queue(
                waiting: max(0, status.queueDepth - status.current.count) + status.settlingFiles,
                retrying: status.failures.count { $0.problem.retryAt != nil },
                current: status.current.map {
                    Work(media: $0.media, path: API.Path($0.path), position: $0.position, duration: $0.duration)
                },
                paused: status.paused ?? status.rest?.reason,
                rest: status.rest.map(API.Rest.init),
                slowed: status.slowdown.reason.map {
                    "\($0): the encoder works \(Int((status.slowdown.share * 100).rounded())) % of the time"
                }
            ),
            rates: Rates(
                video: status.rates.videoRate,
                clips: status.rates.clipRate,
                frames: status.rates.frameRate,
                remaining: Self.remaining(status)
            ),
            index: Index(
                clips: status.indexedClips,
                memoryBytes: status.indexBytes,
                diskBytes: status.statistics.catalogBytes + status.statistics.featuresBytes
                    + Int64(status.indexFileBytes),
                deletedClips: status.statistics.deletedClips,
                deletedBytes: status.statistics.deletedBytes,
                freeBytes: status.statistics.freeBytes
            ),
            next: status.build.map { Build($0, name: nameOfNext) },
            notices: status.notices.isEmpty ? nil : status.notices,
            failures: failures
        )
    }

    /// Seconds until the queue is empty: what is left of the media in work at the present rate, and for those that wait the
    /// mean duration of the indexed ones.
    private static func remaining(_ status: IngestStatus) -> Double? {
        guard status.queueDepth > 0, status.rates.videoRate > 0 else { return nil }
        let inWork = status.current.reduce(0) { $0 + max(0, ($1.duration ?? $1.position) - $1.position) }
        let indexed = status.statistics.media[.indexed] ?? 0
        let waiting = max(0, status.queueDepth - status.current.count)
        guard waiting == 0 || indexed > 0 else { return nil }
        let mean = indexed > 0 ? status.statistics.indexedSeconds / Double(indexed) : 0
        return (inWork + mean * Double(waiting)) / status.rates.videoRate
    }
}

extension Root {
    func described(isScanning: Bool) -> API.Root {
        API.Root(catalog: self, isScanning: isScanning)
    }
}
