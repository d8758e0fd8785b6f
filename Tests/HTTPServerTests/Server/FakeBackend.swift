import API
import APISamples
import Basics
import Foundation
import HTTPServer
import Synchronization
import TestSupport

/// A library of one clip that remembers what it was asked.
final class FakeBackend: Backend {
    private let state = Observed(State())

    struct State: Sendable {
        var searches: [API.SearchRequest] = []
        var roots: [Int64: API.Root] = [:]
        var saved: [String: API.SavedSearch] = [:]
        /// What a search waits for before it answers, or before it ends when it is told to stop.
        var hold: AsyncStream<Void>?
        var steps: [StreamStep] = [.improvement(.fast), .end]
        var streams = StreamCounts()
        /// After how many parts a backup breaks off.
        var backupParts: Int?
        var backupsEnded = 0
        var problems: [String] = []
    }

    /// What a streamed search does next.
    enum StreamStep: Sendable {
        case improvement(API.SearchStage)
        /// Goes on until nobody wants its answers.
        case work
        case failure(any Error)
        /// The final answer.
        case end
    }

    struct StreamCounts: Equatable {
        var begun = 0
        var ended = 0
        /// Of those that ended, those that were told to.
        var stopped = 0
    }

    var searches: [API.SearchRequest] { state.value.searches }

    var streams: StreamCounts { state.value.streams }

    /// Waits until so many backups are of no more use to anybody.
    func backupsEnd(_ count: Int) async throws { try await state.wait { $0.backupsEnded == count } }

    /// Waits until a search has come.
    func searchHasCome() async throws {
        try await state.wait { !$0.searches.isEmpty }
    }

    /// Waits until the streams have come as far as this.
    func streams(reach isReached: @escaping @Sendable (StreamCounts) -> Bool) async throws {
        try await state.wait { isReached($0.streams) }
    }

    func stream(_ steps: StreamStep...) {
        state.change { $0.steps = steps }
    }

    func hold(until stream: AsyncStream<Void>) {
        state.change { $0.hold = stream }
    }

    /// A search for “work” goes on until nobody wants its answer.
    func search(
        _ request: API.SearchRequest, while isWanted: @escaping @Sendable () -> Bool
    ) async throws -> API.SearchResponse {
        let hold = state.change { state in
            state.searches.append(request)
            return state.hold
        }
        if let hold {
            for await _ in hold { break }
        }
        if request.query == "work" {
            while isWanted() { try? await Task.sleep(for: .milliseconds(1)) }
            state.change { $0.streams.stopped += 1 }
            throw CancellationError()
        }
        if request.query == "crash" { throw CocoaError(.fileReadCorruptFile) }
        return Self.answer(to: request)
    }

    func searchStream(
        _ request: API.SearchRequest, while isWanted: @escaping @Sendable () -> Bool
    ) -> AsyncThrowingStream<API.SearchResponse, any Error> {
        let (steps, hold) = state.change { state in
            state.searches.append(request)
            state.streams.begun += 1
            return (state.steps, state.hold)
        }
        let (answers, continuation) = AsyncThrowingStream.makeStream(of: API.SearchResponse.self)
        Task {
            for step in steps {
                switch step {
                case .improvement(let stage):
                    continuation.yield(Self.answer(to: request, stage: stage, isFinal: false))
                case .end:
                    continuation.yield(Self.answer(to: request, stage: .slow, isFinal: true))
                case .work:
                    while isWanted() { try? await Task.sleep(for: .milliseconds(1)) }
                    state.change { $0.streams.stopped += 1 }
                    if let hold {
                        for await _ in hold { break }
                    }
                    continuation.finish(throwing: CancellationError())
                case .failure(let error):
                    continuation.finish(throwing: error)
                }
            }
            state.change { $0.streams.ended += 1 }
            continuation.finish()
        }
        return answers
    }

    private static func answer(
        to request: API.SearchRequest, stage: API.SearchStage = .fast, isFinal: Bool? = nil
    ) -> API.SearchResponse {
        let slow = stage == .fast ? nil : -1.5
        return API.SearchResponse(
            query: request.query,
            results: [
                .init(
                    clip: 7, media: media, start: 0, end: 6.25, score: slow.map { $0 + 0.5 } ?? 0.5,
                    scores: .init(fast: 0.5, slow: slow))
            ],
            stage: stage,
            reranked: slow == nil ? 0 : 1,
            isFinal: isFinal,
            modelDigest: "ab12",
            clips: 1,
            timings: .init(embed: 1, filter: 0, scan: 1, lookup: 1, total: 3)
        )
    }

    func media(_ id: Int64) async throws -> API.Media {
        guard id == 2 else { throw APIError(.mediaNotFound, "there is no media \(id)") }
        return API.Media(
            id: 2, paths: [.init(root: 1, path: API.Path("/v/dog.mp4"), online: true)], state: .indexed, size: 10,
            clipCount: 1, clips: [.init(id: 7, start: 0, end: 6.25, shot: 0)])
    }

    func clip(_ id: Int64) async throws -> API.Clip {
        guard id == 7 else { throw APIError(.clipNotFound, "there is no clip \(id)") }
        return API.Clip(id: 7, media: Self.media, start: 0, end: 6.25, shot: 0)
    }

    func description(ofClip id: Int64) async throws -> API.ClipDescription {
        guard id != 8 else { throw APIError(.noDescription, "the model has no Slow part") }
        return API.ClipDescription(clip: try await clip(id).id, description: "a dog runs on a beach", score: -1.25)
    }

    func thumbnail(ofClip id: Int64, side: Int?) async throws -> [UInt8] {
        if id == 8 { throw APIError(.mediaOffline, "the folder /v is offline; connect its disk") }
        // Large enough that no socket buffer takes it whole.
        return [0xFF, 0xD8] + [UInt8](repeating: UInt8(side ?? 0 & 0xFF), count: 4 << 20)
    }

    func preview(ofClip id: Int64) async throws -> ServedFile {
        if id == 8 { throw APIError(.previewFailed, "the file can't be decoded") }
        let clip = try await clip(id)
        return ServedFile(size: 4, contentType: "video/webm", digest: "\(clip.id)") { offset, count in
            Array([0x1A, 0x45, 0xDF, 0xA3][Int(offset)...].prefix(count))
        }
    }

    /// More than one block of a body.
    static let fileBytes = (0..<600_000).map { UInt8($0 % 251) }

    func file(ofMedia id: Int64) async throws -> ServedFile {
        guard id == 2 else { throw APIError(.mediaNotFound, "there is no media \(id)") }
        let hold = state.value.hold
        return ServedFile(size: Int64(Self.fileBytes.count), contentType: "video/mp4", digest: "c0ffee") {
            offset, count in
            // After the first part, so that the player has something.
            if offset > 0, let hold {
                for await _ in hold { break }
            }
            return Array(Self.fileBytes[Int(offset)...].prefix(count))
        }
    }

    func status() async throws -> API.Status { Samples.status }

    func rescan(root: Int64?) async throws -> API.RescanAccepted {
        API.RescanAccepted(roots: root.map { [$0] } ?? [1])
    }

    func addRoot(path: API.Path) async throws -> (root: API.Root, isNew: Bool) {
        state.change { state in
            if let known = state.roots.values.first(where: { $0.path == path }) { return (known, false) }
            let root = API.Root(id: Int64(state.roots.count + 1), path: path, state: .online, files: 0)
            state.roots[root.id] = root
            return (root, true)
        }
    }

    func removeRoot(_ id: Int64) async throws {
        guard state.change({ $0.roots.removeValue(forKey: id) }) != nil else {
            throw APIError(.rootNotFound, "there is no root \(id)")
        }
    }

    func confirmRemoval(of root: Int64) async throws -> API.ConfirmedRemoval {
        guard let root = state.value.roots[root] else { throw APIError(.rootNotFound, "there is no root \(root)") }
        guard root.state != .offline else { throw APIError(.rootOffline, "bring it back first") }
        return API.ConfirmedRemoval(removed: 3, root: root)
    }

    func setOffline(_ root: Int64) { state.change { $0.roots[root]?.state = .offline } }

    func pause(seconds: Double?) async throws -> API.IngestState {
        API.IngestState(
            rest: API.Rest(
                cause: .paused, reason: "paused", until: seconds.map { Date(timeIntervalSince1970: 1_767_225_600 + $0) }
            ))
    }

    func resume() async throws -> API.IngestState { API.IngestState() }

    /// What is wrong with the library.
    func fail(_ problems: String...) { state.change { $0.problems = problems } }

    func readiness() async -> API.Health { API.Health(problems: state.value.problems) }

    func metrics() async throws -> [MetricFamily] { [MetricFamily("saccade_index_clips", .gauge, "Clips.", 40)] }

    func savedSearches() async throws -> API.SavedSearches {
        API.SavedSearches(savedSearches: state.value.saved.values.sorted { $0.name < $1.name })
    }

    func savedSearch(_ name: String) async throws -> API.SavedSearch {
        guard let saved = state.value.saved[name] else {
            throw APIError(.savedSearchNotFound, "there is no saved search \(name)")
        }
        return saved
    }

    func save(_ search: API.SaveSearch, as name: String) async throws -> (search: API.SavedSearch, isNew: Bool) {
        let saved = API.SavedSearch(
            name: name, search: search.search, command: search.command, created: Date(timeIntervalSince1970: 0))
        let isNew = state.change { state in
            let isNew = state.saved[name] == nil
            if isNew || search.replace { state.saved[name] = saved }
            return isNew
        }
        guard isNew || search.replace else { throw APIError(.savedSearchExists, "there is one already") }
        return (saved, isNew)
    }

    func removeSavedSearch(_ name: String) async throws {
        guard state.change({ $0.saved.removeValue(forKey: name) }) != nil else {
            throw APIError(.savedSearchNotFound, "there is no saved search \(name)")
        }
    }

    /// Three parts that say whether rerank features are wanted, unless ``backupBreaks(after:)`` says that it breaks off before.
    func backup(withRerankFeatures hasRerankFeatures: Bool) async throws -> BackupStream {
        let left = Mutex(3)
        let breaks = state.value.backupParts
        return BackupStream(
            next: {
                let place = left.withLock { left in
                    defer { left -= 1 }
                    return 3 - left
                }
                if place == breaks { throw APIError(.unavailable, "the disk is gone") }
                return place < 3 ? Array("part \(place) \(hasRerankFeatures) ".utf8) : nil
            }, end: { [state] in state.change { $0.backupsEnded += 1 } })
    }

    func backupBreaks(after parts: Int) { state.change { $0.backupParts = parts } }

    func models() async throws -> API.Models { Samples.models }

    /// A folder `/full` is of a model whose index has no room.
    func useModel(_ request: API.UseModel) async throws -> API.ModelChange {
        if request.choice == .folder(API.Path("/full")) { throw APIError(.insufficientSpace, "free 7 GB") }
        var change = Samples.modelChange
        if request.choice == .previous { change.outcome = .switched }
        return change
    }

    func forgetModel(_ role: API.Models.Role) async throws {
        if role == .next { throw APIError(.modelNotFound, "no index is being built") }
    }

    static let media = API.MediaReference(id: 2, path: API.Path("/v/dog.mp4"), duration: 12.5, online: true)
}
