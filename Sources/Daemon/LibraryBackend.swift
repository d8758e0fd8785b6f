package import API
package import Basics
import Catalog
package import DecodeWorkers
package import Fleet
package import Foundation
package import HTTPServer
package import Library
package import Models
package import Search
package import Settings
import SystemPackage
import Threads

/// The library behind the query socket.
package struct LibraryBackend: Backend {
    /// What never changes while the daemon runs.
    package struct Identity: Sendable {
        package var version: String
        package var pid: Int32
        package var started: Date
        package var engine: API.Status.Engine

        package init(
            version: String,
            pid: Int32,
            started: Date,
            engine: API.Status.Engine
        ) {
            self.version = version
            self.pid = pid
            self.started = started
            self.engine = engine
        }
    }

    private let identity: Identity
    private let library: Library
    private let catalog: Catalog
    private let searcher: Searcher
    private let thumbnails: ThumbnailSource
    private let examples: PictureExamples
    private let previews: PreviewSource
    private let saved: SavedSearches
    private let model: @Sendable () throws -> LoadedModel
    private let changes: ModelChanges
    private let fleet: (search: FleetSearch, service: FleetService)?
    /// For searches and captions alone, which are long: what else is asked doesn't wait for them.
    private let latencies = SearchLatencies()
    private let systemFiles: any SystemFiles
    private let executor = BlockingExecutor(label: "queries", threads: ThreadCount.configured)
    private let backups = BlockingExecutor(label: "backup", givesWay: true)

    /// - Parameters:
    ///   - pictures: Where thumbnails, and the pictures of searches, come from; not the one that ingest uses, so that neither waits for the other.
    ///   - previews: Where previews come from, likewise, so that thumbnails don't wait for them; one at a time.
    ///   - model: The one that answers now. Blocking.
    ///   - fleet: What answers for other machines, and tells them; nil for a machine by itself.
    package init(
        identity: Identity,
        library: Library,
        searcher: Searcher,
        saved: SavedSearches,
        pictures: any FrameSource,
        settings: Configuration.Thumbnails,
        previews: (pictures: any FrameSource, settings: Configuration.Previews),
        model: @escaping @Sendable () throws -> LoadedModel,
        changes: ModelChanges,
        fleet: (search: FleetSearch, service: FleetService)? = nil,
        systemFiles: any SystemFiles = LinuxSystemFiles()
    ) {
        self.fleet = fleet
        self.systemFiles = systemFiles
        self.identity = identity
        self.library = library
        self.searcher = searcher
        self.saved = saved
        catalog = library.catalog
        examples = PictureExamples(pictures)
        thumbnails = ThumbnailSource(
            pictures: pictures, settings: settings,
            store: ThumbnailStore(
                folder: library.catalog.state.appending("thumbnails"), capacity: settings.diskBytes))
        self.model = model
        self.changes = changes
        self.previews = PreviewSource(
            pictures: previews.pictures, settings: previews.settings,
            store: ThumbnailStore(
                folder: library.catalog.state.appending("previews"), form: .previews,
                capacity: previews.settings.diskBytes))
    }

    package func search(
        _ request: API.SearchRequest, while isWanted: @escaping @Sendable () -> Bool
    ) async throws -> API.SearchResponse {
        let begin = ContinuousClock.now
        return try await translating {
            try FleetSearch.check(request)
            let checked = try await examples.resolved(request, for: searcher)
            var response = try await executor.run { [self] in try answer(request, checked, while: isWanted) }
            response.timings.total = (ContinuousClock.now - begin) / .milliseconds(1)
            latencies.record(response.timings)
            return response
        }
    }

    package func searchStream(
        _ request: API.SearchRequest, while isWanted: @escaping @Sendable () -> Bool
    ) -> AsyncThrowingStream<API.SearchResponse, any Error> {
        let begin = ContinuousClock.now
        let (answers, continuation) = AsyncThrowingStream.makeStream(
            of: API.SearchResponse.self, throwing: (any Error).self, bufferingPolicy: .bufferingNewest(Self.unread)
        )
        @Sendable func end(_ error: any Error) { continuation.finish(throwing: APIError(error) ?? error) }
        @Sendable func run(_ checked: Search.SearchRequest) {
            @Sendable func put(_ response: API.SearchResponse, isFinal: Bool) throws(CancellationError) {
                var response = response
                response.isFinal = isFinal
                response.timings.total = (ContinuousClock.now - begin) / .milliseconds(1)
                if isFinal { latencies.record(response.timings) }
                // What the buffer drops is the oldest, and so never the final answer.
                if case .terminated = continuation.yield(response) { throw CancellationError() }
            }
            do {
                try put(
                    answer(request, checked, while: isWanted) { try put($0, isFinal: false) }, isFinal: true)
                continuation.finish()
            } catch {
                end(error)
            }
        }
        let asking = Task { [examples, executor, searcher] in
            do {
                try FleetSearch.check(request)
                let checked = try await examples.resolved(request, for: searcher)
                executor.start { run(checked) }
            } catch {
                end(error)
            }
        }
        continuation.onTermination = { _ in asking.cancel() }
        return answers
    }

    /// Asks who is to be asked, and this machine where the others can't be. Blocks the calling thread.
    private func answer(
        _ request: API.SearchRequest, _ checked: Search.SearchRequest, while isWanted: @escaping @Sendable () -> Bool,
        progress: ((API.SearchResponse) throws -> Void)? = nil
    ) throws -> API.SearchResponse {
        var note: String?
        if request.scope == .fleet {
            do {
                guard let fleet else {
                    throw PostgresError("This machine shares no database with others (the key `fleet.url`).")
                }
                let answer = try fleet.search.search(checked, while: isWanted) { answer in
                    try progress?(API.SearchResponse(answer, query: request.query))
                }
                return API.SearchResponse(answer, query: request.query)
            } catch let error as PostgresError {
                note = "Only this machine answers: \(error.message)"
            }
        }
        func response(_ answer: SearchAnswer) -> API.SearchResponse {
            var response = API.SearchResponse(answer, query: request.query)
            if request.scope == .fleet { (response.scope, response.note) = (.local, note) }
            return response
        }
        return response(
            try searcher.search(checked, while: isWanted) { answer in try progress?(response(answer)) })
    }

    /// How many answers of a stream may wait for its reader.
    private static let unread = 8

    package func media(_ id: Int64) async throws -> API.Media {
        try await translating {
            try await BlockingExecutor.shared.run { [catalog] in
                guard let media = try catalog.media(id), media.deletedAt == nil else {
                    throw APIError(
                        .mediaNotFound, "there is no media \(id); it may have been removed since you saw its id")
                }
                let live = try catalog.liveIndex()
                return media.described(
                    places: try catalog.places(of: id),
                    clips: try live.map { try catalog.clips(of: id, index: $0.id) } ?? []
                )
            }
        }
    }

    package func file(ofMedia id: Int64) async throws -> ServedFile {
        let (media, places) = try await translating {
            try await BlockingExecutor.shared.run { [catalog] in
                // What was never decoded may be anything: a link to a private file with the name of a video.
                guard let media = try catalog.media(id), media.deletedAt == nil, let live = try catalog.liveIndex(),
                    try !catalog.clips(of: id, index: live.id).isEmpty
                else { throw APIError(.mediaNotFound, "there is no media \(id) with clips in the index") }
                return (media, try catalog.places(of: id))
            }
        }
        return try await BlockingExecutor.files.run { try IndexedFile.open(media, at: places, with: library.opener) }
    }

    package func clip(_ id: Int64) async throws -> API.Clip {
        let (clip, media, places) = try await lookUp(id)
        guard let place = places.first else { throw Self.noClip(id) }
        return API.Clip(
            id: id,
            media: API.MediaReference(
                id: media.id, path: API.Path(place.path), duration: media.properties.duration, online: place.isOnline
            ),
            start: clip.start,
            end: clip.end,
            shot: clip.shot
        )
    }

    package func description(ofClip id: Int64) async throws -> API.ClipDescription {
        let (clip, _, _) = try await lookUp(id)
        return try await translating {
            try await executor.run { [catalog, model] in
                let model = try model()
                guard let captioner = model.captioner else {
                    throw APIError(.noDescription, "the model \(model.name) writes no sentences")
                }
                let maker = try catalog.indexes().first { $0.id == clip.index }
                let isOfThisModel = maker.map { model.hasDigest($0.digest) } ?? false
                guard isOfThisModel, let memory = try catalog.rerankFeatures(of: [id])[id] else {
                    throw APIError(
                        .noDescription,
                        "clip \(id) has no rerank features of this model: wait until its file is indexed with it")
                }
                do {
                    let caption = try captioner.caption(memory)
                    return API.ClipDescription(clip: id, description: caption.sentence, score: caption.score)
                } catch let error as ModelError {
                    throw APIError(.noDescription, error.message)
                }
            }
        }
    }

    package func thumbnail(ofClip id: Int64, side: Int?) async throws -> [UInt8] {
        let (clip, media, places) = try await lookUp(id)
        return try await thumbnails.picture(of: clip, in: media.identity, at: places, side: side)
    }

    package func preview(ofClip id: Int64) async throws -> ServedFile {
        let (clip, media, places) = try await lookUp(id)
        return try await previews.preview(of: clip, in: media.identity, at: places)
    }

    package func status() async throws -> API.Status {
        let status = try await translating { try await library.status(failures: API.Status.maximumFailures) }
        let (answering, nameOfNext) = try await translating {
            try await BlockingExecutor.shared.run { [model] in
                (try model(), status.build?.index.model.flatMap(ModelChanges.name))
            }
        }
        var described = API.Status(
            status,
            version: identity.version,
            pid: identity.pid,
            started: identity.started,
            state: catalog.state,
            model: API.Status.Model(answering),
            engine: identity.engine,
            nameOfNext: nameOfNext
        )
        described.fleet = fleet.map { API.Status.Fleet($0.service.status) }
        return described
    }

    package func backup(withRerankFeatures hasRerankFeatures: Bool) async throws -> BackupStream {
        let backup = try await translating {
            do {
                return try await backups.run { [catalog, identity] in
                    try catalog.backup(
                        withRerankFeatures: hasRerankFeatures, program: identity.version,
                        at: Date().timeIntervalSince1970)
                }
            } catch let error as CatalogError where error.code == .damaged {
                throw APIError(.unavailable, error.message)
            }
        }
        return BackupStream(
            next: { [backups] in
                let begin = ContinuousClock.now
                let bytes = try await backups.run { try backup.next() }
                // As long as it took, the disk is everybody else's.
                try await Task.sleep(for: ContinuousClock.now - begin)
                return bytes
            }, end: { backup.end() })
    }

    package func models() async throws -> API.Models {
        try await translating { try await BlockingExecutor.shared.run { [changes] in try changes.list() } }
    }

    package func useModel(_ request: API.UseModel) async throws -> API.ModelChange {
        try await translating { try await changes.use(request) }
    }

    package func forgetModel(_ role: API.Models.Role) async throws {
        try await translating { try await changes.forget(role == .next ? .next : .previous) }
    }

    package func rescan(root: Int64?) async throws -> API.RescanAccepted {
        do {
            return API.RescanAccepted(roots: try await translating { try await library.rescan(root) })
        } catch let error as CatalogError where error.code == .notFound {
            throw APIError(.rootNotFound, error.message)
        }
    }

    package func addRoot(path: API.Path) async throws -> (root: API.Root, isNew: Bool) {
        do {
            return try await translating {
                let known = try await BlockingExecutor.shared.run { [catalog] in try catalog.roots() }
                let root = try await library.addRoot(path.filePath)
                return (root.described(isScanning: false), !known.contains { $0.id == root.id })
            }
        } catch let error as CatalogError where [.overlappingRoot, .notFound].contains(error.code) {
            throw APIError(.invalidRoot, error.message)
        }
    }

    package func removeRoot(_ id: Int64) async throws {
        do {
            try await translating { try await library.removeRoot(id) }
        } catch let error as CatalogError where error.code == .notFound {
            throw APIError(.rootNotFound, error.message)
        }
    }

    package func confirmRemoval(of root: Int64) async throws -> API.ConfirmedRemoval {
        do {
            return try await translating {
                let removed = try await library.confirmRemoval(of: root)
                guard let root = try await library.root(root) else {
                    throw CatalogError(.notFound, "Root \(root) was removed meanwhile.")
                }
                return API.ConfirmedRemoval(removed: removed, root: root.described(isScanning: false))
            }
        } catch let error as CatalogError where error.code == .notFound {
            throw APIError(.rootNotFound, error.message)
        } catch let error as CatalogError where error.code == .offline {
            throw APIError(.rootOffline, error.message)
        }
    }

    package func pause(seconds: Double?) async throws -> API.IngestState {
        API.IngestState(rest: try await translating { try await library.pause(seconds: seconds) }.map(API.Rest.init))
    }

    package func resume() async throws -> API.IngestState {
        API.IngestState(rest: try await translating { try await library.resume() }.map(API.Rest.init))
    }

    package func readiness() async -> API.Health {
        await BlockingExecutor.shared.run { [catalog, library, model] in
            var problems: [String] = []
            func check(_ what: String, _ body: () throws -> Void) {
                do { try body() } catch { problems.append("\(what): \(error)") }
            }
            check("the model can't be used") { _ = try model() }
            check("the catalog can't be read") { _ = try catalog.liveIndex() }
            if library.live == nil { problems.append("there is no index to search") }
            if !library.isRunning { problems.append("the folders are not watched: the daemon starts or stops") }
            return API.Health(problems: problems)
        }
    }

    package func metrics() async throws -> [MetricFamily] {
        try await translating {
            let (status, queue) = (try await library.status(failures: 0), try await library.queueStatistics())
            return try await BlockingExecutor.shared.run { [catalog, library, identity, latencies, systemFiles] in
                let measures = LibraryMeasures(
                    status: status, queue: queue, latencies: library.latencies,
                    freeBytes: FreeSpace.bytes(in: catalog.state), now: Date().timeIntervalSince1970)
                var build = MetricFamily("saccade_build_info", .gauge, "1, with what runs.")
                build.add(
                    1, .init("version", identity.version), .init("model", try model().digest),
                    .init("simd", identity.engine.simd))
                return [
                    build,
                    MetricFamily(
                        "process_start_time_seconds", .gauge, "When the daemon started.",
                        identity.started.timeIntervalSince1970),
                ] + ProcessMeasures(systemFiles).families + measures.families + [latencies.family]
            }
        }
    }

    package func savedSearches() async throws -> API.SavedSearches {
        try await translating { try await saved.list() }
    }

    package func savedSearch(_ name: String) async throws -> API.SavedSearch {
        try await translating { try await saved.named(name) }
    }

    package func save(
        _ search: API.SaveSearch, as name: String
    ) async throws -> (search: API.SavedSearch, isNew: Bool) {
        try await translating { try await saved.save(search, as: name) }
    }

    package func removeSavedSearch(_ name: String) async throws {
        try await translating { try await saved.remove(name) }
    }

    private func lookUp(_ id: ClipID) async throws -> (Clip, Media, [MediaPlace]) {
        try await translating {
            try await BlockingExecutor.shared.run { [catalog] in
                guard let clip = try catalog.clip(id), let media = try catalog.media(clip.media), media.deletedAt == nil
                else { throw Self.noClip(id) }
                return (clip, media, try catalog.places(of: media.id))
            }
        }
    }

    private static func noClip(_ id: ClipID) -> APIError {
        APIError(.clipNotFound, "there is no clip \(id); its media may have been indexed again: search again")
    }

    private func translating<Value>(_ body: () async throws -> Value) async throws -> Value {
        do {
            return try await body()
        } catch {
            throw APIError(error) ?? error
        }
    }
}
