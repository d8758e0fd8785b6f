import Catalog
import DecodeProtocol
import Foundation
import Ingest
import Logging
import Models
import Search
import Service
import Synchronization
import SystemPackage
import TestSupport

/// Gives every file the same two seconds of grey, and counts what it is asked.
final class GreyFrames: FrameSource {
    private let counter = Mutex(0)
    private let failure: DecodeError?

    /// - Parameter failure: What every thumbnail fails with.
    init(failure: DecodeError? = nil) {
        self.failure = failure
    }

    var thumbnailsMade: Int { counter.withLock { $0 } }

    private static let info = MediaInfo(duration: 2, width: 8, height: 8, codec: "fake", container: "fake")

    func frames(of file: FilePath, sampling: FrameSampling) -> DecodeEvents {
        let image = RGBImage(width: 4, height: 4, pixels: [UInt8](repeating: 128, count: 48))
        let frames = [0.0, 0.5, 1, 1.5].map { DecodeEvent.frame(SampledFrame(time: $0, image: image)) }
        return DecodeEvents([.mediaInfo(Self.info)] + frames + [.end(DecodeSummary(duration: 2))])
    }

    func probe(_ file: FilePath) async throws -> MediaInfo { Self.info }

    func thumbnail(of file: FilePath, at time: Double, longestSide: Int) async throws -> [UInt8] {
        counter.withLock { $0 += 1 }
        if let failure { throw failure }
        return [0xFF, 0xD8, UInt8(longestSide & 0xFF)]
    }
}

/// A model to which everything looks alike.
struct ConstantModel: ClipEncoder, QueryEncoder {
    var frameSize = 4
    var framesPerClip = 8
    var dimensions = 64
    var generation = "c0ffee"

    private var vector: [Float] { [1] + [Float](repeating: 0, count: dimensions - 1) }

    func encode(clips: [[RGBImage]]) throws -> [EncodedClip] {
        clips.map { _ in EncodedClip(embedding: vector) }
    }

    func embed(query: String) throws -> [Float] { vector }
}

/// A library with one indexed file, behind the query socket's seam.
struct IndexedLibrary {
    let directory: TemporaryDirectory
    let library: Library
    let backend: LibraryBackend
    let pictures: GreyFrames
    let video: FilePath

    init(pictures: GreyFrames = GreyFrames(), in directory: TemporaryDirectory? = nil) async throws {
        self.directory = try directory ?? TemporaryDirectory()
        self.pictures = pictures
        video = try self.directory.write(Data("not really a video".utf8), to: "grey.mp4")
        let model = ConstantModel()
        let state = self.directory.path.appending("state")
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        library = try await BlockingExecutor.shared.run { [logger] in
            try Library(
                state: state, encoder: model, model: "/models/constant", source: GreyFrames(), logger: logger)
        }
        _ = try await library.index([video])
        let searchSwitch = SearchSwitch(library: library, current: served(model), logger: logger) { _ in
            served(model)
        }
        let searcher = Searcher(catalog: library.catalog, generation: try searchSwitch.generation())
        backend = LibraryBackend(
            identity: LibraryBackend.Identity(
                version: "1", pid: 1, started: Date(timeIntervalSince1970: 0),
                model: .init(name: "constant", generation: model.generation, dimensions: model.dimensions),
                engine: .init(blasCore: "none", simd: "scalar", threads: 1)
            ),
            library: library,
            searcher: searcher,
            pictures: pictures,
            settings: Configuration.Thumbnails()
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
func served(_ model: ConstantModel) -> ServedModel {
    ServedModel(name: "constant", directory: "/nowhere", clips: model, queries: model)
}
