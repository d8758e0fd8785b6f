import Basics
package import API
import Catalog
import FolderWatch
import Foundation
package import Library
import Models
package import Search
package import SystemPackage

// Inside of `API` these names mean its own types.
private typealias CatalogMedia = Media
private typealias CatalogClip = Clip
private typealias CatalogLine = Line
private typealias CatalogRoot = Root
typealias CatalogSavedSearch = SavedSearch

// What the library says, in the words of the API.

extension API.Path {
    package init(_ path: FilePath) {
        self.init(bytes: path.bytes)
    }

    var filePath: FilePath { FilePath(bytes: bytes) }
}

extension Date {
    init(_ timestamp: Timestamp) {
        self.init(timeIntervalSince1970: timestamp)
    }
}

extension Search.SearchRequest {
    /// - Parameter pictures: what the request's pictures were encoded as, by their place in `like`. Without them the request is only checked:
    ///   it isn't one that can be answered.
    /// - Throws: `SearchError` that names the field for a request that can't be answered.
    package init(
        _ request: API.SearchRequest, pictures: [Int: SearchExample.Source] = [:]
    ) throws(SearchError) {
        var examples: [SearchExample] = []
        for (place, example) in request.like.enumerated() {
            let source: SearchExample.Source =
                switch example.source {
                case .clip(let id): .clip(id)
                case .file(let path, let time): .moment(path.filePath, time: time)
                case .image: pictures[place] ?? .vector([], modelDigest: "")
                }
            examples.append(try SearchExample(source, weight: example.weight, place: place))
        }
        var exclusions: [SearchExclusion] = []
        for (place, exclusion) in request.not.enumerated() {
            exclusions.append(try SearchExclusion(exclusion.text, weight: exclusion.weight, place: place))
        }
        let group: Group =
            switch request.group {
            case .clip: .clip
            case .media: .media
            }
        try self.init(
            query: request.query,
            examples: examples,
            exclusions: exclusions,
            limit: request.limit,
            offset: request.offset,
            filter: MediaFilter(request.filters),
            group: group,
            channel: Channel(request.channel),
            rerank: Search.RerankOptions(request.rerank),
            minProbability: request.minProbability,
            folds: request.fold
        )
    }
}

extension API.SearchResult {
    init(_ result: Search.SearchResult) {
        self.init(
            clip: result.clip.id,
            media: API.MediaReference(
                id: result.media.id,
                path: API.Path(result.path),
                duration: result.media.properties.duration,
                online: result.isOnline
            ),
            start: result.clip.start,
            end: result.clip.end,
            score: result.scores.combined,
            scores: API.SearchScores(
                fast: result.scores.fast, excluded: result.scores.excluded, slow: result.scores.slow,
                words: result.scores.words),
            probability: result.scores.probability,
            why: API.SearchReason(result.reason),
            line: result.line.map { API.Line(catalog: $0) },
            folded: result.foldedCount,
            similar: result.folded.isEmpty ? nil : result.folded.map { API.SearchResult($0) }
        )
    }
}

extension Search.SearchRequest.Channel {
    fileprivate init(_ channel: API.SearchChannel) {
        self =
            switch channel {
            case .both: .both
            case .picture: .picture
            case .words: .words
            }
    }
}

extension API.SearchReason {
    fileprivate init(_ reason: Search.SearchReason) {
        self =
            switch reason {
            case .picture: .picture
            case .words: .words
            case .both: .both
            }
    }
}

extension API.Line {
    fileprivate init(catalog line: CatalogLine) {
        let kind: Kind =
            switch line.kind {
            case .subtitle: .subtitle
            case .chapter: .chapter
            case .title: .title
            case .comment: .comment
            case .fileName: .fileName
            case .folderName: .folderName
            }
        let isTimed = !line.kind.isOfWholeMedia
        self.init(
            kind: kind, start: isTimed ? line.start : nil, end: isTimed ? line.end : nil, language: line.language,
            text: line.text)
    }
}

extension MediaFilter {
    fileprivate init(_ filters: API.SearchFilters) throws(SearchError) {
        do {
            try self.init(
                root: filters.root,
                pathPrefix: filters.pathPrefix.map { Array($0.utf8) },
                pathGlob: filters.pathGlob,
                recordedAfter: filters.recordedAfter?.timeIntervalSince1970,
                recordedBefore: filters.recordedBefore?.timeIntervalSince1970,
                minDuration: filters.minDuration,
                maxDuration: filters.maxDuration
            )
        } catch {
            throw SearchError(error)
        }
    }
}

extension Search.RerankOptions {
    /// Nil where nothing is to be re-ranked.
    fileprivate init?(_ rerank: API.Rerank) throws(SearchError) {
        guard case .on(let options) = rerank else { return nil }
        try self.init(depth: options.depth, beta: options.beta, deadline: options.deadline)
    }
}

extension API.SearchStage {
    fileprivate init(_ stage: Search.SearchStage) {
        self =
            switch stage {
            case .fast: .fast
            case .partial: .partial
            case .slow: .slow
            }
    }
}

extension API.SavedSearch {
    /// - Parameter search: what it asks.
    init(_ saved: CatalogSavedSearch, asking search: API.SearchRequest) {
        self.init(
            name: saved.name, search: search, command: saved.command, created: Date(saved.createdAt),
            waiting: saved.waiting)
    }
}

extension API.SearchResponse {
    /// - Parameter isFinal: Of a line of a stream.
    package init(_ answer: SearchAnswer, query: String, isFinal: Bool? = nil) {
        self.init(
            query: query,
            results: answer.results.map { API.SearchResult($0) },
            found: answer.isFound,
            stage: API.SearchStage(answer.stage),
            reranked: answer.reranked,
            isFinal: isFinal,
            modelDigest: answer.modelDigest,
            clips: answer.clips,
            timings: API.SearchTimings(
                embed: answer.timings.embed,
                filter: answer.timings.filter,
                scan: answer.timings.scan,
                rerank: answer.timings.rerank,
                words: answer.timings.words,
                lookup: answer.timings.lookup,
                total: answer.timings.total
            )
        )
    }
}

extension API.MediaState {
    fileprivate init(_ state: CatalogMedia.State?) {
        self =
            switch state {
            case .pending?, nil: .pending
            case .running?: .indexing
            case .indexed?: .indexed
            case .failed?: .failed
            }
    }
}

extension API.Media {
    fileprivate init(catalog media: CatalogMedia, places: [MediaPlace], clips: [CatalogClip]) {
        self.init(
            id: media.id,
            paths: places.map { API.MediaPath(root: $0.root, path: API.Path($0.path), online: $0.isOnline) },
            state: API.MediaState(media.state),
            reason: media.problem?.message,
            attempts: media.attempts,
            nextAttempt: media.problem?.retryAt.map { Date($0) },
            size: media.identity.size,
            duration: media.properties.duration,
            width: media.properties.width,
            height: media.properties.height,
            codec: media.properties.codec,
            container: media.properties.container,
            recorded: media.properties.recordedAt.map { Date($0) },
            clipCount: clips.count,
            clips: clips.prefix(API.Media.maximumClips).map {
                API.ClipSpan(id: $0.id, start: $0.start, end: $0.end, shot: $0.shot)
            }
        )
    }
}

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
                diskBytes: status.statistics.catalogBytes + status.statistics.featuresBytes,
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

extension API.Event {
    /// Nil for what is the log's alone.
    package init?(_ event: LibraryEvent) {
        self.init(kind: .scanStarted, time: Date(event.time))
        switch event.kind {
        case .folder(.watchesExhausted): return nil
        case .folder(let event): set(event)
        case .rootAdded(let id): set(.rootAdded, root: id)
        case .rootRemoved(let id): set(.rootRemoved, root: id)
        case .mediaStarted(let id, let path): set(.mediaStarted, media: id, path: path)
        case .mediaProgress(let id, let position, let duration, let clips):
            set(.mediaProgress, media: id)
            self.position = position
            self.duration = duration
            self.clips = clips
        case .mediaIndexed(let id, let clips):
            set(.mediaIndexed, media: id)
            self.clips = clips
        case .mediaFailed(let id, let path, let problem):
            set(.mediaFailed, media: id, path: path, reason: problem.message)
        case .indexSwitched: set(.indexSwitched)
        case .modelChanged(let digest, let what): set(.modelChanged, reason: "model \(digest.prefix(12)): \(what)")
        case .writeRefused, .textRead, .textFailed, .namesRead: return nil
        case .resting(let cause): set(cause == nil ? .resumed : .paused, reason: cause?.reason)
        case .paused(let reason): set(reason == nil ? .resumed : .paused, reason: reason)
        }
    }

    private mutating func set(_ event: FolderEvent) {
        switch event {
        case .scanStarted(let id): set(.scanStarted, root: id)
        case .scanFinished(let id): set(.scanFinished, root: id)
        case .rootOnline(let id): set(.rootOnline, root: id)
        case .rootOffline(let id, let reason): set(.rootOffline, root: id, reason: reason)
        case .removalHeld(let id, let missing):
            set(.removalHeld, root: id)
            count = missing
        case .watchesExhausted: break
        case .mediaFound(let id, let path): set(.mediaFound, media: id, path: path)
        case .mediaMoved(let id, let path): set(.mediaMoved, media: id, path: path)
        case .mediaRemoved(let id): set(.mediaRemoved, media: id)
        case .fileFailed(let path, let problem): set(.mediaFailed, path: path, reason: problem.message)
        }
    }

    private mutating func set(
        _ kind: API.EventKind,
        root: Int64? = nil,
        media: Int64? = nil,
        path: FilePath? = nil,
        reason: String? = nil
    ) {
        self.kind = kind
        self.root = root
        self.media = media
        self.path = path.map { API.Path($0) }
        self.reason = reason
    }
}

extension APIError {
    /// The answer to what the library throws; nil for an internal error.
    init?(_ error: any Error) {
        switch error {
        case let error as APIError:
            self = error
        case let error as SearchError:
            switch error.code {
            case .emptyQuery: self.init(.emptyQuery, error.message)
            case .queryTooLong: self.init(.queryTooLong, error.message)
            case .rootNotFound: self.init(.rootNotFound, error.message)
            case .clipNotFound: self.init(.clipNotFound, error.message)
            case .fileNotIndexed: self.init(.mediaNotFound, error.message)
            case .noIndex, .otherModel: self.init(.unavailable, error.message)
            case .invalidLimit, .invalidOffset, .invalidFilter, .invalidRerank, .invalidExample:
                self.init(.invalidRequest, error.message)
            case .unusableEmbedding where error.field != nil: self.init(.invalidRequest, error.message)
            case .unusableEmbedding: return nil
            }
        case let error as CatalogError where error.mayPass:
            self.init(.unavailable, error.message)
        default:
            return nil
        }
    }
}

extension Media {
    func described(places: [MediaPlace], clips: [Clip]) -> API.Media {
        API.Media(catalog: self, places: places, clips: clips)
    }
}

extension Root {
    func described(isScanning: Bool) -> API.Root {
        API.Root(catalog: self, isScanning: isScanning)
    }
}
