import FolderWatch
import Basics
import Catalog
import FolderFakes
import Foundation
import Library
import Logging
import Search
import Synchronization
import SystemPackage
import TestSupport
import Testing
import Threads

/// A library over a real folder, with fakes for all that is slow or moody.
final class LibraryFixture: Sendable {
    let directory: TemporaryDirectory
    let folder: FilePath
    let clock: ManualClock
    let files = FaultyFileSystem()
    let watcher: FakeWatcher
    let source: FakeSource
    let encoder: FakeEncoder
    let library: Library

    init(
        in directory: TemporaryDirectory? = nil, ahead: Double = 1000, watches: Int = .max,
        source: FakeSource = FakeSource(), encoder: FakeEncoder = FakeEncoder(), workers: Int = 1,
        batchFrames: Int = 32, storesRerankFeatures: Bool = false, minFreeBytes: Int64 = 0,
        keepsNext: Bool = false, loadModel: ((IndexRecord) throws -> IndexingModel)? = nil,
        freeSpace: @escaping @Sendable (FilePath) -> Int64? = { _ in 1 << 40 },
        rest: RestSettings = RestSettings(), machine: FakeMachine = FakeMachine(),
        checkedAtOnce: Int64 = Catalog.checkedAtOnce, index: IndexStorage = IndexStorage(),
        shared: (any SharedContents)? = nil
    ) throws {
        self.directory = try directory ?? TemporaryDirectory()
        let resolved = try FilePath.realPath(of: self.directory.path)
        folder = resolved.appending("videos")
        try FileManager.default.createDirectory(atPath: folder.string, withIntermediateDirectories: true)
        clock = ManualClock(ahead: ahead)
        watcher = FakeWatcher(limit: watches)
        self.source = source
        self.encoder = encoder
        let settings = IngestSettings(
            decodeWorkers: workers, batchFrames: batchFrames, batchWait: 0, queuedFrames: max(64, batchFrames),
            minFreeBytes: minFreeBytes, rest: rest, checkedAtOnce: checkedAtOnce, index: index)
        library = try Library(
            state: resolved.appending("state"),
            model: IndexingModel(
                encoder: encoder, storesRerankFeatures: storesRerankFeatures,
                folder: FilePath("/models/\(encoder.modelDigest)")),
            keepsNext: keepsNext, loadModel: loadModel,
            source: source, settings: settings,
            surroundings: .init(
                files: files, watcher: watcher, clock: clock, freeSpace: freeSpace, systemFiles: machine,
                secondOfDay: { [clock] in Int($0 - clock.start) }, shared: shared), logger: Self.logger
        )
    }

    private static var logger: Logger {
        var logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        logger.logLevel = .critical
        return logger
    }

    deinit { library.close() }

    var catalog: Catalog { library.catalog }

    @discardableResult
    func write(_ text: String, to name: String) throws -> FilePath {
        let path = folder.appending(name)
        try FileManager.default.createDirectory(
            atPath: path.removingLastComponent().string, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(filePath: path.string))
        return path
    }

    func remove(_ name: String) throws {
        try FileManager.default.removeItem(atPath: folder.appending(name).string)
    }

    func move(_ name: String, to other: String) throws {
        try FileManager.default.moveItem(
            atPath: folder.appending(name).string, toPath: folder.appending(other).string)
    }

    /// Runs the library beside `body`, and ends it afterwards.
    func running<Value: Sendable>(_ body: @Sendable () async throws -> Value) async throws -> Value {
        async let run: Void = library.run()
        let result: Result<Value, any Error>
        do {
            result = .success(try await body())
        } catch {
            result = .failure(error)
        }
        library.stop()
        try await run
        return try result.get()
    }
}

extension Broadcast<LibraryEvent>.Subscription {
    /// The first event that `isWanted`, waiting for it.
    func first(_ isWanted: @Sendable (LibraryEvent.Kind) -> Bool) async throws -> LibraryEvent.Kind {
        for await event in self where isWanted(event.kind) { return event.kind }
        throw CancellationError()
    }

    /// Waits for `count` media to be indexed.
    func indexed(_ count: Int = 1) async throws -> [MediaID] {
        var media: [MediaID] = []
        for await event in self {
            if case .mediaIndexed(let id, _) = event.kind { media.append(id) }
            if media.count == count { return media }
        }
        throw CancellationError()
    }
}

extension FileOutcome {
    /// Why the file failed; nil when it didn't.
    var problem: Problem? { if case .failed(let problem) = result { problem } else { nil } }
}

extension LibraryEvent.Kind {
    /// Why a media item failed; nil for every other event.
    var problem: Problem? { if case .mediaFailed(_, _, let problem) = self { problem } else { nil } }

    /// The media that gets on, when it has this many clips.
    func progress(clips count: Int) -> MediaID? {
        if case .mediaProgress(let media, _, _, count) = self { media } else { nil }
    }

    /// Why ingest paused; nil for every other event.
    var pauseReason: String? { if case .paused(let reason) = self { reason } else { nil } }

    var isScanFinished: Bool { if case .folder(.scanFinished) = self { true } else { false } }
}
