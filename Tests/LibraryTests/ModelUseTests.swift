import Catalog
import DecodeProtocol
import FolderFakes
import Foundation
import Library
import Models
import Search
import Synchronization
import SystemPackage
import TestSupport
import Testing
import Threads

/// Another model is used while the library answers with the one before.
struct ModelUseTests {
    private static func model(_ digest: String) -> IndexingModel {
        IndexingModel(encoder: FakeEncoder(modelDigest: digest), folder: FilePath("/models/\(digest)"))
    }

    /// A library of the model `a`, in whose folder two files are indexed.
    private func fixture(
        in directory: TemporaryDirectory, encoder: FakeEncoder = FakeEncoder(), source: FakeSource = FakeSource(),
        batchFrames: Int = 32, freeSpace: @escaping @Sendable (FilePath) -> Int64? = { _ in 1 << 40 }
    ) throws -> LibraryFixture {
        try LibraryFixture(
            in: directory, source: source, encoder: encoder, batchFrames: batchFrames,
            loadModel: { Self.model($0.digest) }, freeSpace: freeSpace)
    }

    private func indexed(_ directory: TemporaryDirectory) async throws {
        let fixture = try fixture(in: directory)
        let files = [try fixture.write("25 12", to: "a.mp4"), try fixture.write("9", to: "b.mp4")]
        _ = try await fixture.library.index(files)
        fixture.library.close()
    }

    private func isSwitched(to digest: String) -> @Sendable (LibraryEvent.Kind) -> Bool {
        { if case .indexSwitched(let index) = $0 { index.digest == digest } else { false } }
    }

    /// The clips of an index without their ids: where they are, and their vectors.
    private func content(of index: IndexID, _ catalog: Catalog) throws -> [String] {
        try catalog.timelines(of: index).flatMap { timeline in
            timeline.entries.map { "\(timeline.media) \($0.start) \($0.end) \($0.shot) \($0.vector)" }
        }
    }

    @Test func `The old index answers until the new one is complete, and is kept then`() async throws {
        let directory = try TemporaryDirectory()
        try await indexed(directory)
        let fixture = try fixture(in: directory)
        let events = fixture.library.events()
        try await fixture.running {
            let use = try await fixture.library.use(Self.model("b"), choosing: .folder("/models/b"))
            #expect(use == .building)
            _ = try await events.first(isSwitched(to: "b"))
            #expect(fixture.library.live?.record.digest == "b" && fixture.library.live?.count == 5)
            #expect(try fixture.catalog.index(.previous)?.digest == "a")
            #expect(try fixture.catalog.index(.building) == nil)
            #expect(try fixture.catalog.chosenModel() == "/models/b")
        }
        #expect(
            try content(of: try #require(try fixture.catalog.index(.live)).id, fixture.catalog)
                == content(of: try #require(try fixture.catalog.index(.previous)).id, fixture.catalog))
    }

    @Test func `What is built for a model that can't be loaded is kept while another stands in`() async throws {
        let directory = try TemporaryDirectory()
        try await indexed(directory)
        let begun = try fixture(in: directory)
        let next = try begun.catalog.prepareIndex(
            digest: "b", dimensions: 4, storesRerankFeatures: false, model: "/models/b", at: 1)
        let media = try #require(try begun.catalog.media(where: .all).first)
        let clip = NewClip(
            media: media, ordinal: 0, start: 0, end: 1, shot: 0, embedding: [1, 0, 0, 0], rerankFeatures: nil)
        _ = try begun.catalog.commit([clip], of: next, finished: [], at: 2)
        begun.library.close()

        let standIn = try LibraryFixture(in: directory, keepsNext: true)
        #expect(standIn.library.indexRecord.digest == "a" && standIn.library.live?.count == 5)
        #expect(try standIn.catalog.index(.building)?.id == next.id)
        // What comes meanwhile is indexed, and waits for the other.
        _ = try await standIn.library.index([try standIn.write("5", to: "c.mp4")])
        #expect(standIn.library.live?.count == 6)
        standIn.library.close()

        let again = try LibraryFixture(
            in: directory, encoder: FakeEncoder(modelDigest: "b"), loadModel: { _ in Self.model("a") })
        #expect(again.library.indexRecord.id == next.id)
        #expect(try again.catalog.clips(of: media, index: next.id).count == 1)
        #expect(try again.catalog.mediaMissing(from: next.id) == 3)
    }

    @Test func `New media are found in the live index while another is built, which doesn't hold them up`() async throws
    {
        let directory = try TemporaryDirectory()
        try await indexed(directory)
        let next = FakeEncoder(modelDigest: "b")
        let (isHeld, batches) = (Observed(true), Observed<Int?>(nil))
        let source = FakeSource { file, event in
            guard file.lastComponent == "new.mp4", case .end = event else { return }
            try await isHeld.wait { !$0 }
            batches.change { $0 = $0 ?? next.batchSizes.count }
        }
        let fixture = try fixture(in: directory, source: source, batchFrames: 1)
        let events = fixture.library.events()
        try await fixture.running {
            _ = try await fixture.library.addRoot(fixture.folder)
            try fixture.write("30", to: "new.mp4")
            _ = try await fixture.library.rescan()
            _ = try await events.first { if case .mediaStarted = $0 { true } else { false } }
            _ = try await fixture.library.use(IndexingModel(encoder: next), choosing: .configured)
            async let found = events.first { if case .mediaIndexed = $0 { true } else { false } }
            // After one batch the build rests: no time passes, and the new file isn't done.
            try await next.hasEncoded(batches: 2)
            isHeld.change { $0 = false }
            guard case .mediaIndexed(let media, let clips) = try await found else { return }
            #expect(batches.value == 2)
            #expect(try fixture.catalog.media(media)?.state == .indexed && clips == 3)
            _ = try await events.first(isSwitched(to: "b"))
            #expect(fixture.library.live?.count == 8)
        }
    }

    @Test func `The previous index answers again at once, and is caught up with what came since`() async throws {
        let directory = try TemporaryDirectory()
        try await indexed(directory)
        let fixture = try fixture(in: directory)
        let events = fixture.library.events()
        try await fixture.running {
            _ = try await fixture.library.addRoot(fixture.folder)
            _ = try await fixture.library.use(Self.model("b"), choosing: .folder("/models/b"))
            _ = try await events.first(isSwitched(to: "b"))
            try fixture.write("12", to: "new.mp4")
            _ = try await fixture.library.rescan()
            _ = try await events.first { if case .mediaIndexed = $0 { true } else { false } }
            let live = try #require(fixture.library.live)
            #expect(live.count == 7)

            async let caughtUp = events.first { if case .mediaIndexed = $0 { true } else { false } }
            #expect(try await fixture.library.usePrevious(Self.model("a")) == .switched)
            #expect(fixture.library.live?.record.digest == "a")
            _ = try await caughtUp
            #expect(fixture.library.live?.count == 7)
            #expect(try fixture.catalog.index(.previous)?.digest == "b")
            #expect(try fixture.catalog.chosenModel() == "/models/a")
        }
    }

    @Test func `A model whose index has no room is refused with figures, and nothing changes`() async throws {
        let directory = try TemporaryDirectory()
        try await indexed(directory)
        let fixture = try fixture(in: directory, freeSpace: { _ in 1_000_000 })
        let error = await #expect(throws: ModelUseError.self) {
            try await fixture.library.use(Self.model("b"), choosing: .folder("/models/b"))
        }
        #expect(error?.code == .noSpace)
        let message = try #require(error?.message)
        #expect(
            message.contains("5 clips") && message.contains("free") && message.contains("forget previous"), "\(message)"
        )
        #expect(try fixture.catalog.index(.building) == nil && fixture.catalog.chosenModel() == nil)
    }

    @Test func `A model that gives no unit vectors is refused`() async throws {
        let directory = try TemporaryDirectory()
        try await indexed(directory)
        let fixture = try fixture(in: directory)
        let broken = FakeEncoder(modelDigest: "b", spoiled: [8: [.nan, 0, 0, 0]])
        let error = await #expect(throws: ModelUseError.self) {
            try await fixture.library.use(IndexingModel(encoder: broken), choosing: .configured)
        }
        #expect(error?.code == .unusable)
        #expect(try fixture.catalog.index(.building) == nil)
    }

    @Test func `An index that disagrees with its model doesn't take over`() async throws {
        let directory = try TemporaryDirectory()
        try await indexed(directory)
        let fixture = try fixture(in: directory)
        let events = fixture.library.events()
        try await fixture.running {
            _ = try await fixture.library.use(IndexingModel(encoder: DriftingEncoder()), choosing: .configured)
            let refused = try await events.first {
                if case .modelChanged(_, let what) = $0 { what.contains("can't take over") } else { false }
            }
            guard case .modelChanged(_, let what) = refused else { return }
            #expect(what.contains("encoded again") && what.contains("forget next"), "\(what)")
            #expect(fixture.library.live?.record.digest == "a")
            #expect(try await fixture.library.status().build?.problem != nil)
            try await fixture.library.forget(.next)
            #expect(try await fixture.library.status().build == nil)
        }
        #expect(try fixture.catalog.index(.building) == nil)
        #expect(try fixture.catalog.chosenModel() == "/models/a")
    }

    @Test func `A build that was cut short goes on at the next start, and comes to the same index`() async throws {
        let directory = try TemporaryDirectory()
        try await indexed(directory)
        do {
            let isReached = Observed(false)
            let source = FakeSource { file, _ in
                guard file.lastComponent == "b.mp4" else { return }
                isReached.change { $0 = true }
                try await Task.sleep(for: .seconds(600))
            }
            let fixture = try fixture(in: directory, source: source)
            _ = try await fixture.library.use(Self.model("b"), choosing: .folder("/models/b"))
            try await fixture.running { try await isReached.wait { $0 } }
            let building = try #require(try fixture.catalog.index(.building))
            let made = try fixture.catalog.progress(of: building.id).clips
            #expect(made == 4)
            fixture.library.close()
        }
        let encoder = FakeEncoder(modelDigest: "b")
        let fixture = try fixture(in: directory, encoder: encoder)
        #expect(fixture.library.live?.record.digest == "a")
        let events = fixture.library.events()
        try await fixture.running { _ = try await events.first(isSwitched(to: "b")) }
        // One, and those of the check: what was committed before isn't encoded again.
        #expect(encoder.batchSizes.reduce(0, +) == 1 + 2)
        let catalog = fixture.catalog
        #expect(
            try content(of: try #require(try catalog.index(.live)).id, catalog)
                == content(of: try #require(try catalog.index(.previous)).id, catalog))
    }

    @Test(.timeLimit(.minutes(2)))
    func `A clock that is set back by a month doesn't hold a build up while new media wait`() async throws {
        let directory = try TemporaryDirectory()
        try await indexed(directory)
        let mayRead = Observed(false)
        let source = FakeSource { file, _ in
            if file.lastComponent == "new.mp4" { try await mayRead.wait { $0 } }
        }
        let fixture = try fixture(in: directory, source: source, batchFrames: 1)
        let next = FakeEncoder(modelDigest: "b")
        let events = fixture.library.events()
        try await fixture.running {
            _ = try await fixture.library.addRoot(fixture.folder)
            try fixture.write("30", to: "new.mp4")
            _ = try await fixture.library.rescan()
            _ = try await events.first {
                if case .mediaStarted(_, let path) = $0 { path.lastComponent == "new.mp4" } else { false }
            }
            _ = try await fixture.library.use(
                IndexingModel(encoder: next, folder: "/models/b"), choosing: .folder("/models/b"))
            let tried = next.batchSizes.count
            // Its first batch is encoded at once, and then it rests for as long as that took.
            try await next.hasEncoded(batches: tried + 1)
            fixture.clock.set(-30 * 86_400)
            try await eventually {
                fixture.clock.advance(1)
                return next.batchSizes.count >= tried + 4
            }
            mayRead.change { $0 = true }
        }
    }

    @Test func `One previous index is kept, and given up on request`() async throws {
        let directory = try TemporaryDirectory()
        try await indexed(directory)
        let fixture = try fixture(in: directory)
        let events = fixture.library.events()
        try await fixture.running {
            for digest in ["b", "c"] {
                _ = try await fixture.library.use(Self.model(digest), choosing: .configured)
                _ = try await events.first(isSwitched(to: digest))
            }
            #expect(try fixture.catalog.index(.previous)?.digest == "b")
            try await fixture.library.forget(.previous)
            #expect(try fixture.catalog.index(.previous) == nil)
            for other in [Library.OtherIndex.previous, .next] {
                let error = await #expect(throws: ModelUseError.self) { try await fixture.library.forget(other) }
                #expect(error?.code == .notFound)
            }
            let error = await #expect(throws: ModelUseError.self) {
                try await fixture.library.usePrevious(Self.model("b"))
            }
            #expect(error?.code == .notFound)
        }
    }

    @Test func `The model in use is used on, and what was built beside it given up`() async throws {
        let directory = try TemporaryDirectory()
        try await indexed(directory)
        let gate = DispatchSemaphore(value: 0)
        let fixture = try fixture(in: directory)
        try await fixture.running {
            let slow = FakeEncoder(modelDigest: "b", beforeBatch: { gate.wait() })
            gate.signal()
            _ = try await fixture.library.use(IndexingModel(encoder: slow), choosing: .configured)
            for _ in 0..<100 { gate.signal() }
            #expect(try await fixture.library.use(Self.model("a"), choosing: .configured) == .live)
            #expect(try fixture.catalog.indexes().filter { $0.state != .retired }.map(\.digest).contains("a"))
            #expect(fixture.library.live?.record.digest == "a")
        }
    }
}

/// Never says the same of a clip twice.
private final class DriftingEncoder: ClipEncoder {
    let input = FrameInput(geometry: FrameGeometry(side: 8), mean: .zero, deviation: SIMD3(repeating: 1))
    let framesPerClip = 8
    let dimensions = 4
    let modelDigest = "drifting"
    private let count = Mutex(0)

    func encode(clips: [[RGBImage]]) throws -> [EncodedClip] {
        clips.map { _ in
            let place = count.withLock { count in
                count += 1
                return count % 4
            }
            return EncodedClip(embedding: (0..<4).map { $0 == place ? 1 : 0 })
        }
    }
}
