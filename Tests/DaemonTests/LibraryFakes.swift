import API
import Daemon
import DecodeProtocol
import DecodeWorkers
import Foundation
import HTTPServer
import Library
import Logging
import Models
import Search
import Settings
import Synchronization
import SystemPackage
import TestSupport
import Threads

/// Gives every file the same seconds of grey, two unless more are asked for, and counts what it is asked.
final class GreyFrames: FrameSource {
    private let counter = Mutex(0)
    private let seconds: Int
    private let failure: DecodeError?
    private let onDecoding: @Sendable (FilePath) async throws -> Void

    /// - Parameters:
    ///   - failure: What every thumbnail fails with.
    ///   - onDecoding: Runs before the first frame of a file; what it throws is why the file can't be decoded.
    init(
        seconds: Int = 2, failure: DecodeError? = nil,
        onDecoding: @escaping @Sendable (FilePath) async throws -> Void = { _ in }
    ) {
        self.seconds = seconds
        self.failure = failure
        self.onDecoding = onDecoding
    }

    var thumbnailsMade: Int { counter.withLock { $0 } }

    private var info: MediaInfo {
        MediaInfo(duration: Double(seconds), width: 8, height: 8, codec: "fake", container: "fake")
    }

    func frames(of file: FilePath, sampling: FrameSampling) -> DecodeEvents {
        let pixels = [UInt8](repeating: 128, count: 48)
        let frames = (0..<2 * seconds).map {
            DecodeEvent.frame(SampledFrame(time: Double($0) / 2, side: 4, pixels: pixels))
        }
        let events = [.mediaInfo(info)] + frames + [.end(duration: Double(seconds))]
        return DecodeEvents { [onDecoding] in
            var rest = events[...]
            return {
                if rest.count == events.count { try await onDecoding(file) }
                return rest.popFirst()
            }
        }
    }

    func probe(_ file: FilePath) async throws -> MediaInfo { info }

    func text(of file: FilePath, _ place: TextPlace) async throws -> [TextLine] { [] }

    func preview(of file: FilePath, at start: Double, seconds: Double, longestSide: Int) async throws -> [UInt8] {
        counter.withLock { $0 += 1 }
        if let failure { throw failure }
        return [0x1A, 0x45, 0xDF, 0xA3, UInt8(seconds)]
    }

    func thumbnail(of file: FilePath, at time: Double, longestSide: Int) async throws -> [UInt8] {
        counter.withLock { $0 += 1 }
        if let failure { throw failure }
        return [0xFF, 0xD8, UInt8(longestSide & 0xFF)]
    }
}

/// A model to which everything looks alike.
struct ConstantModel: ClipEncoder, QueryEncoder {
    var input = FrameInput(geometry: FrameGeometry(side: 4), mean: .zero, deviation: SIMD3(repeating: 1))
    var framesPerClip = 8
    var dimensions = 64
    var modelDigest = "c0ffee"
    /// Of every clip.
    var rerankFeatures: [UInt8]?

    private var vector: [Float] { [1] + [Float](repeating: 0, count: dimensions - 1) }

    func encode(clips: [[RGBImage]]) throws -> [EncodedClip] {
        clips.map { _ in EncodedClip(embedding: vector, rerankFeatures: rerankFeatures) }
    }

    func embed(query: String) throws -> [Float] { vector }
}

/// Says of a clip what a test says of its stored bytes.
struct ScriptedCaptioner: Captioner {
    var write: @Sendable (_ features: [UInt8]) throws -> Caption

    func caption(_ features: [UInt8], beams: Int) throws -> Caption { try write(features) }
}

/// Scores a clip by its id, so that its order is the reverse of the Fast one among clips that look alike.
struct ReversingReranker: Reranker {
    var reranking = Reranking(depth: 32, beta: 0.5)
    var modelDigest = "c0ffee"
    /// How often it tells of what it has.
    var batches = 2
    /// Runs before each batch, with its number.
    var onBatch: @Sendable (Int) throws -> Void = { _ in }
    var onEnd: @Sendable () -> Void = {}

    func pieces(of query: String) -> QueryPieces { QueryPieces(count: query.split(separator: " ").count) }

    func rerank(
        query: String, candidates: [Candidate], beta: Double, budget: RerankBudget,
        progress: ([Candidate]) throws -> Void
    ) throws -> [Candidate] {
        defer { onEnd() }
        var candidates = candidates
        for batch in 0..<batches {
            guard try budget.allowsMore() else { break }
            try onBatch(batch)
            let size = (candidates.count + batches - 1) / batches
            for place in candidates.indices.dropFirst(batch * size).prefix(size) {
                let slow = Double(candidates[place].clip)
                candidates[place].scores.slow = slow
                candidates[place].scores.combined = slow + beta * candidates[place].scores.fast
                candidates[place].scores.probability = reranking.relevance?.probability(
                    fast: candidates[place].scores.fast, evidence: slow, of: pieces(of: query))
            }
            try progress(candidates)
        }
        return candidates
    }
}

extension LibraryBackend {
    func search(_ request: API.SearchRequest) async throws -> API.SearchResponse {
        try await search(request) { true }
    }
}

/// A library of indexed files, one unless more are asked for, behind the query socket's seam.
struct IndexedLibrary {
    let directory: TemporaryDirectory
    let library: Library
    let backend: LibraryBackend
    let saved: SavedSearches
    let events = Broadcast<EventStreamItem>()
    let pictures: GreyFrames
    let video: FilePath

    /// - Parameters:
    ///   - source: What the library decodes with, when it isn't just `seconds` of grey.
    ///   - describingModel: The digest of the model behind `describe`, when it isn't the one of the index.
    ///   - describe: What the model says of a clip's stored bytes; nil for one that says nothing.
    init(
        pictures: GreyFrames = GreyFrames(),
        in directory: TemporaryDirectory? = nil,
        videos: Int = 1,
        seconds: Int = 2,
        source: GreyFrames? = nil,
        model: ConstantModel = ConstantModel(),
        describingModel: String? = nil,
        reranker: (any Reranker)? = nil,
        describe: (@Sendable ([UInt8]) throws -> Caption)? = nil,
        savedSettings: Configuration.Saved = Configuration.Saved(),
        environment: [String: String] = ["PATH": "/usr/bin:/bin"],
        clock: any WallClock = SystemClock()
    ) async throws {
        self.directory = try directory ?? TemporaryDirectory()
        self.pictures = pictures
        video = try self.directory.write(Data("not really a video".utf8), to: "film.mp4")
        var files = [video]
        for number in 1..<max(1, videos) {
            files.append(try self.directory.write(Data("not really video \(number)".utf8), to: "film-\(number).mp4"))
        }
        let state = self.directory.path.appending("state")
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        library = try await BlockingExecutor.shared.run { [logger] in
            try Library(
                state: state,
                model: IndexingModel(
                    encoder: model, storesRerankFeatures: model.rerankFeatures != nil, folder: "/models/constant"),
                source: source ?? GreyFrames(seconds: seconds), logger: logger)
        }
        _ = try await library.index(files)
        let models = LoadedModels(served(model)) { _ in served(model) }
        let live = try SearchSwitch(library: library, models: models, logger: logger).index()
        let searcher = Searcher(
            catalog: library.catalog,
            index: try SearchIndex(
                candidates: live.candidates, encoder: live.encoder, reranker: reranker, clips: live.clips))
        saved = SavedSearches(
            library: library, searcher: searcher, settings: savedSettings, environment: environment, events: events,
            clock: clock, logger: logger)
        var describing = model
        describing.modelDigest = describingModel ?? model.modelDigest
        var answering = served(describing)
        answering.captioner = describe.map { ScriptedCaptioner(write: $0) }
        backend = LibraryBackend(
            identity: LibraryBackend.Identity(
                version: "1", pid: 1, started: Date(timeIntervalSince1970: 0),
                engine: .init(blasCore: "none", simd: "scalar", threads: 1)
            ),
            library: library,
            searcher: searcher,
            saved: saved,
            pictures: pictures,
            settings: Configuration.Thumbnails(),
            previews: (pictures, Configuration.Previews()),
            model: { [answering] in answering },
            changes: ModelChanges(library: library, models: models) { "/models/constant" }
        )
    }

    func clip() async throws -> Int64 {
        guard let first = try await backend.search(API.SearchRequest(query: "grey")).results.first else {
            throw APIError(.clipNotFound, "nothing was indexed")
        }
        return first.clip
    }
}

/// The constant model as a daemon serves it.
func served(_ model: ConstantModel) -> LoadedModel {
    LoadedModel(name: "constant", directory: "/nowhere", architecture: "constant", clips: model, queries: model)
}
