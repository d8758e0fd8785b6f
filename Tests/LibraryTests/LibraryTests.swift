import Basics
import Search
import Library
import Catalog
import DecodeProtocol
import DecodeWorkers
import FolderFakes
import FolderWatch
import Foundation
import GRDB
import Synchronization
import SystemPackage
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2))) struct LibraryTests {
    @Test func `Named files are indexed without a root, and a second time they are known`() async throws {
        let fixture = try LibraryFixture()
        let film = try fixture.write("25 12", to: "film")
        let copy = try fixture.write("25 12", to: "copy.mp4")
        let outcomes = try await fixture.library.index([film, copy])
        #expect(outcomes.map(\.result) == [.indexed(clips: 4), .indexed(clips: 4)])
        #expect(fixture.source.decodings.count == 1)
        let media = try #require(outcomes[0].media)
        let clips = try fixture.catalog.clips(of: media, index: fixture.library.indexRecord.id)
        #expect(clips.map(\.start) == [0, 6, 12, 18.5] && clips.map(\.end) == [6, 12, 18.5, 25])
        #expect(clips.map(\.shot) == [0, 0, 1, 1])
        #expect(fixture.library.live?.count == 4)
        #expect(try fixture.catalog.media(media)?.properties.duration == 25)
        #expect(try await fixture.library.index([film]).map(\.result) == [.known(clips: 4)])
        #expect(fixture.source.decodings.count == 1)
    }

    @Test func `A directory that is named gives its candidates, and what isn't there is a failure`() async throws {
        let fixture = try LibraryFixture()
        try fixture.write("3", to: "d/a.mp4")
        try fixture.write("4", to: "d/e/b.mkv")
        try fixture.write("5", to: "d/readme.txt")
        let outcomes = try await fixture.library.index([fixture.folder.appending("d"), "/nowhere/x.mp4"])
        #expect(outcomes.map { $0.path.lastComponent?.string } == ["a.mp4", "b.mkv", "x.mp4"])
        #expect(outcomes[0].result == .indexed(clips: 1) && outcomes[1].result == .indexed(clips: 1))
        let problem = try #require(outcomes[2].problem)
        #expect(problem.code == .unreadable)
    }

    @Test func `A media that is no video fails with its reason and isn't tried again`() async throws {
        let fixture = try LibraryFixture()
        let file = try fixture.write("hello", to: "a.mp4")
        let empty = try fixture.write("0", to: "b.mp4")
        let outcomes = try await fixture.library.index([file, empty])
        #expect(
            outcomes[0].result
                == .failed(Problem(code: .init(rawValue: "not-media"), message: "It is no video.", retryAt: nil)))
        let problem = try #require(outcomes[1].problem)
        #expect(problem.code == .noFrames && problem.retryAt == nil)
        let status = try await fixture.library.status()
        #expect(status.failures.count == 2 && status.statistics.media == [.failed: 2])
    }

    @Test func `What could be read of a broken file is found, and what may pass is tried again`() async throws {
        let fixture = try LibraryFixture()
        let broken = try fixture.write("25 12 error", to: "a.mp4")
        let shaky = try fixture.write("25 12 error retryable", to: "b.mp4")
        let outcomes = try await fixture.library.index([broken, shaky])
        let media = try outcomes.map { try #require($0.media) }
        let index = fixture.library.indexRecord.id
        #expect(try fixture.catalog.clips(of: media[0], index: index).last?.end == 24.5)
        let problem = try #require(try fixture.catalog.media(media[1])?.problem)
        #expect(problem.code.rawValue == "damaged" && problem.retryAt == fixture.clock.now + 30)
        let committed = try fixture.catalog.clips(of: media[1], index: index)
        #expect(committed.last?.end == 12)
        fixture.clock.advance(31)
        _ = try await fixture.library.index([shaky])
        #expect(fixture.source.decodings.last?.start == 12)
        #expect(try fixture.catalog.media(media[1])?.problem?.retryAt == fixture.clock.now + 60)
    }

    @Test func `A worker that dies once is replaced at once, and goes on after the last clip`() async throws {
        let fixture = try LibraryFixture(source: Self.source(deaths: Deaths(1)), batchFrames: 1000)
        let file = try fixture.write("25 12", to: "a.mp4")
        let outcomes = try await fixture.library.index([file])
        #expect(outcomes.map(\.result) == [.indexed(clips: 4)])
        #expect(fixture.source.decodings.map(\.start) == [0, 12])
        let media = try #require(outcomes[0].media)
        let clips = try fixture.catalog.clips(of: media, index: fixture.library.indexRecord.id)
        #expect(clips.map(\.end) == [6, 12, 18.5, 25])
        #expect(clips.map(\.ordinal) == [0, 1, 2, 3] && clips.map(\.shot) == [0, 0, 1, 1])
    }

    @Test func `A file on which workers keep dying waits longer each time`()
        async throws
    {
        let deaths = Deaths(100)
        let fixture = try LibraryFixture(source: Self.source(deaths: deaths))
        let file = try fixture.write("25 12", to: "a.mp4")
        let media = try #require(try await fixture.library.index([file]).first?.media)
        #expect(deaths.left == 98)
        let problem = try #require(try fixture.catalog.media(media)?.problem)
        #expect(problem.code.rawValue == "worker-crashed" && problem.message == "It crashed.")
        #expect(problem.retryAt == fixture.clock.now + 30)
        fixture.clock.advance(31)
        _ = try await fixture.library.index([file])
        #expect(deaths.left == 97)
        #expect(try fixture.catalog.media(media)?.problem?.retryAt == fixture.clock.now + 120)
        fixture.clock.advance(121)
        _ = try await fixture.library.index([file])
        #expect(deaths.left == 96)
        let last = try #require(try fixture.catalog.media(media)?.problem)
        #expect(last.code.rawValue == "worker-crashed" && last.retryAt == fixture.clock.now + 480)
    }

    @Test func `What may have ended the program is read with nothing beside it`() async throws {
        let reading = Mutex<(now: Set<FilePath>, seen: Set<Set<FilePath>>)>(([], []))
        let source = FakeSource { file, event in
            await Task.yield()
            reading.withLock { reading in
                switch event {
                case .mediaInfo: reading.now.insert(file)
                case .end: reading.now.remove(file)
                default: break
                }
                reading.seen.insert(reading.now)
            }
        }
        let fixture = try LibraryFixture(source: source, workers: 3, batchFrames: 8)
        for name in ["a", "b", "c", "d"] { try fixture.write("40", to: "\(name).mp4") }
        let database = try DatabaseQueue(path: Catalog.catalogFile(in: fixture.catalog.state).string)
        try await database.write {
            try $0.execute(
                sql:
                    "CREATE TRIGGER suspect AFTER INSERT ON jobs BEGIN UPDATE jobs SET crashes = 2 WHERE media_id = 2; END"
            )
        }
        let events = fixture.library.events()
        _ = try await fixture.library.addRoot(fixture.folder)
        try await fixture.running { _ = try await events.indexed(4) }
        let suspect = try #require(try fixture.catalog.places(of: 2).first?.path)
        #expect(reading.withLock { $0.seen }.filter { $0.contains(suspect) } == [[suspect]])
    }

    @Test func `What the catalog refuses for good fails its media item, and the others go on`() async throws {
        let fixture = try LibraryFixture()
        let refused = try fixture.write("3", to: "a.mp4")
        let database = try DatabaseQueue(path: Catalog.catalogFile(in: fixture.catalog.state).string)
        try await database.write {
            try $0.execute(
                sql: "CREATE TRIGGER no BEFORE INSERT ON clips WHEN NEW.media = 1 BEGIN SELECT RAISE(ABORT, 'no'); END")
        }
        let outcomes = try await fixture.library.index([refused, try fixture.write("5", to: "b.mp4")])
        let problem = try #require(outcomes[0].problem)
        #expect(problem.code == .catalog && problem.retryAt != nil)
        #expect(outcomes[1].result == .indexed(clips: 1) || outcomes[1].problem?.code == .catalog)
        // One by one, the second doesn't share the first one's transaction.
        try await database.write { try $0.execute(sql: "DROP TRIGGER no") }
        fixture.clock.advance(60)
        #expect(try await fixture.library.index([refused])[0].result == .indexed(clips: 1))
    }

    @Test func `A decoder that makes up an end gets a bounded number of clips, which can be found`() async throws {
        let fixture = try LibraryFixture(batchFrames: 5000)
        let file = try fixture.write("1 until 691200", to: "a.mp4")
        let outcome = try #require(try await fixture.library.index([file]).first)
        guard case .failed(let problem) = outcome.result else {
            Issue.record("it was indexed")
            return
        }
        #expect(problem.code.rawValue == "too-long" && problem.retryAt == nil)
        #expect(fixture.library.live?.count == ClipAssembler.Policy().clips)
    }

    @Test func `A library that is stopped while clips without end are sent stops`() async throws {
        let fixture = try LibraryFixture(batchFrames: 1)
        try fixture.write("1 until 150000", to: "a.mp4")
        let events = fixture.library.events()
        let run = Task { try await fixture.library.run() }
        _ = try await fixture.library.addRoot(fixture.folder)
        _ = try await events.first {
            if case .mediaProgress(_, _, _, clips: 10...) = $0 { true } else { false }
        }
        run.cancel()
        try await run.value
        #expect((10..<5000).contains(fixture.library.live?.count ?? 0))
    }

    /// Workers die on it at 22 s, as often as there are deaths left.
    private static func source(deaths: Deaths) -> FakeSource {
        FakeSource { _, event in
            guard case .frame(let frame) = event, frame.time == 22, deaths.take() else { return }
            throw DecodeError(.workerCrashed, isRetryable: true, message: "It crashed.")
        }
    }

    private final class Deaths: Sendable {
        private let count: Mutex<Int>

        init(_ count: Int) {
            self.count = Mutex(count)
        }

        var left: Int { count.withLock { $0 } }

        func take() -> Bool {
            count.withLock { count in
                guard count > 0 else { return false }
                count -= 1
                return true
            }
        }
    }

    @Test(arguments: [[Float.nan, 0, 0, 0], [1, 0, 0], []])
    func `A clip without a usable vector costs its own media only`(embedding: [Float]) async throws {
        let directory = try TemporaryDirectory()
        let fixture = try LibraryFixture(
            in: directory, encoder: FakeEncoder(spoiled: [4: embedding]), batchFrames: 1000)
        let files = try ["2", "3"].map { try fixture.write($0, to: "\($0).mp4") }
        let outcomes = try await fixture.library.index(files)
        let problem = try #require(outcomes[0].problem)
        #expect(problem.code == .model)
        #expect(outcomes[1].result == .indexed(clips: 1))
        fixture.library.close()
        let again = try Catalog(state: fixture.catalog.state, access: .readOnly)
        #expect(try again.indexChanges(of: fixture.library.indexRecord.id, after: nil)?.entered.count == 1)
    }

    @Test func `Frames of several files make one batch`() async throws {
        let fixture = try LibraryFixture(batchFrames: 1000)
        let files = try (1...6).map { try fixture.write("\($0 + 1)", to: "\($0).mp4") }
        let outcomes = try await fixture.library.index(files)
        #expect(outcomes.allSatisfy { $0.result == .indexed(clips: 1) })
        #expect(fixture.encoder.batchSizes.reduce(0, +) == 6)
    }

    @Test func `A folder is watched: new, moved, changed and deleted files are followed`() async throws {
        let fixture = try LibraryFixture()
        try fixture.write("3", to: "a.mp4")
        let events = fixture.library.events()
        try await fixture.running {
            let root = try await fixture.library.addRoot(fixture.folder)
            let first = try await events.indexed()
            #expect(fixture.library.live?.count == 1)

            try fixture.write("14", to: "sub/b.mp4")
            fixture.watcher.tell(WatchHints(directories: [fixture.folder], trees: [fixture.folder.appending("sub")]))
            let second = try await events.indexed()
            #expect(fixture.library.live?.count == 3)

            try fixture.move("a.mp4", to: "sub/c.mp4")
            fixture.watcher.tell(WatchHints(directories: [fixture.folder, fixture.folder.appending("sub")]))
            let moved = try await events.first { if case .folder(.mediaMoved) = $0 { true } else { false } }
            #expect(moved == .folder(.mediaMoved(first[0], path: fixture.folder.appending("sub/c.mp4"))))
            #expect(fixture.source.decodings.count == 2)

            try fixture.remove("sub/b.mp4")
            fixture.watcher.tell(WatchHints(overflowed: true))
            let gone = try await events.first { if case .folder(.mediaRemoved) = $0 { true } else { false } }
            #expect(gone == .folder(.mediaRemoved(second[0])))
            #expect(fixture.library.live?.count == 1)

            try await fixture.library.removeRoot(root.id)
            #expect(fixture.library.live?.count == 0)
        }
        let status = try await fixture.library.status()
        #expect(status.watcher == .stopped && status.rates.clips == 3 && status.rates.videoSeconds == 17)
    }

    @Test func `Without a folder to watch there is nothing to wait for`() async throws {
        let fixture = try LibraryFixture()
        try await fixture.running {
            try await eventually { try await fixture.library.status().watcher == .watching }
            #expect(fixture.watcher.watched.isEmpty)
        }
        #expect(try await fixture.library.status().watcher == .stopped)
    }

    @Test func `A rescan on the timer finds what nobody told`() async throws {
        let fixture = try LibraryFixture()
        let events = fixture.library.events()
        try await fixture.running {
            _ = try await fixture.library.addRoot(fixture.folder)
            _ = try await events.first(\.isScanFinished)
            try fixture.write("3", to: "a.mp4")
            async let indexed = events.indexed()
            fixture.clock.waitsForNobody()
            #expect(try await indexed.count == 1)
        }
    }

    @Test func `A file that changes while it is read is read again from its beginning`() async throws {
        let once = Mutex(true)
        let source = FakeSource { file, event in
            guard case .end = event,
                once.withLock({ once in
                    defer { once = false }; return once
                })
            else { return }
            try Data("30".utf8).write(to: URL(filePath: file.string))
        }
        let fixture = try LibraryFixture(source: source)
        try fixture.write("25 12", to: "a.mp4")
        let events = fixture.library.events()
        try await fixture.running {
            _ = try await fixture.library.addRoot(fixture.folder)
            let media = try await events.indexed()
            #expect(try fixture.catalog.media(media[0])?.properties.duration == 30)
            #expect(fixture.library.live?.count == 3)
            #expect(try fixture.catalog.places(of: media[0]).count == 1)
        }
    }

    @Test func `A stopped library keeps committed clips and goes on after the last one`() async throws {
        let directory = try TemporaryDirectory()
        let reached = AsyncStream.makeStream(of: Void.self)
        let source = FakeSource { _, event in
            guard case .frame(let frame) = event, frame.time == 22 else { return }
            reached.continuation.yield()
            try await Task.sleep(for: .seconds(3600))
        }
        let media: MediaID
        do {
            let fixture = try LibraryFixture(in: directory, source: source, batchFrames: 1)
            try fixture.write("25 12", to: "a.mp4")
            let events = fixture.library.events()
            let run = Task { try await fixture.library.run() }
            _ = try await fixture.library.addRoot(fixture.folder)
            for await _ in reached.stream { break }
            media = try #require(try await events.first { $0.progress(clips: 2) != nil }.progress(clips: 2))
            run.cancel()
            try await run.value
            #expect(try fixture.catalog.media(media)?.state == .pending)
        }
        let fixture = try LibraryFixture(in: directory)
        #expect(fixture.library.live?.count == 2)
        let events = fixture.library.events()
        try await fixture.running { _ = try await events.indexed() }
        #expect(fixture.source.decodings.map(\.start) == [12])
        let clips = try fixture.catalog.clips(of: media, index: fixture.library.indexRecord.id)
        #expect(clips.map(\.end) == [6, 12, 18.5, 25])
        #expect(clips.map(\.ordinal) == [0, 1, 2, 3])
    }

    @Test func `On a full disk ingest says so and waits, and goes on when there is room`() async throws {
        let fixture = try LibraryFixture()
        let file = try fixture.write("10000", to: "a.mp4")
        let events = fixture.library.events()
        try fixture.catalog.limitGrowth(pages: 12)
        async let outcomes = fixture.library.index([file])
        let reason = try #require(try await events.first { $0.pauseReason != nil }.pauseReason)
        #expect(reason.contains("No space"))
        #expect(try await fixture.library.status().paused == reason)
        try fixture.catalog.limitGrowth(pages: nil)
        fixture.clock.waitsForNobody()
        #expect(try await outcomes.map(\.result) == [.indexed(clips: 1000)])
        #expect(try await fixture.library.status().paused == nil)
        #expect(try fixture.catalog.quickCheck() == [])
    }

    @Test func `A stop while the disk is full is no crash of the media in work`() async throws {
        let directory = try TemporaryDirectory()
        let state: FilePath
        do {
            let fixture = try LibraryFixture(in: directory)
            state = fixture.catalog.state
            let file = try fixture.write("10000", to: "a.mp4")
            let events = fixture.library.events()
            try fixture.catalog.limitGrowth(pages: 12)
            async let outcomes = fixture.library.index([file])
            _ = try await events.first { $0.pauseReason != nil }
            fixture.library.stop()
            #expect(try await outcomes.map(\.result) == [.stopped])
        }
        // The next writer counts, when it opens.
        let catalog = try Catalog(state: state, access: .readWrite)
        defer { catalog.close() }
        let database = try DatabaseQueue(path: Catalog.catalogFile(in: state).string)
        #expect(try await database.read { try Int.fetchAll($0, sql: "SELECT crashes FROM jobs") } == [0])
    }

    @Test func `A root that comes back is scanned without being told`() async throws {
        let fixture = try LibraryFixture()
        try fixture.write("3", to: "a.mp4")
        let events = fixture.library.events()
        try await fixture.running {
            let root = try await fixture.library.addRoot(fixture.folder)
            _ = try await events.indexed()
            fixture.files.faults.withLock { $0.missing = [fixture.folder] }
            _ = try await fixture.library.rescan()
            _ = try await events.first { if case .folder(.rootOffline) = $0 { true } else { false } }
            #expect(fixture.library.live?.count == 1)
            fixture.files.faults.withLock { $0.missing = [] }
            try fixture.write("5", to: "b.mp4")
            async let back = events.first { if case .mediaIndexed = $0 { true } else { false } }
            fixture.clock.waitsForNobody()
            _ = try await back
            #expect(try fixture.catalog.root(root.id)?.state == .online)
        }
    }

    @Test func `Another model is built beside the live one, which answers until it is complete`() async throws {
        let directory = try TemporaryDirectory()
        do {
            let fixture = try LibraryFixture(in: directory)
            let file = try fixture.write("25 12", to: "a.mp4")
            _ = try await fixture.library.index([file])
        }
        let gate = DispatchSemaphore(value: 0)
        let encoder = FakeEncoder(modelDigest: "b", beforeBatch: { gate.wait() })
        let fixture = try LibraryFixture(in: directory, encoder: encoder)
        #expect(fixture.library.live?.record.digest == "a" && fixture.library.live?.count == 4)
        let events = fixture.library.events()
        try await fixture.running {
            _ = try await events.first { if case .mediaStarted = $0 { true } else { false } }
            #expect(try fixture.catalog.mediaMissing(from: fixture.library.indexRecord.id) == 1)
            #expect(fixture.library.live?.record.digest == "a")
            for _ in 0..<10 { gate.signal() }
            _ = try await events.first { if case .indexSwitched = $0 { true } else { false } }
            #expect(fixture.library.live?.record.digest == "b" && fixture.library.live?.count == 4)
        }
    }

    @Test func `Adding a root that isn't a directory says what to do`() async throws {
        let fixture = try LibraryFixture()
        let file = try fixture.write("1", to: "a.mp4")
        for path in [file, "/nowhere"] {
            do {
                _ = try await fixture.library.addRoot(path)
                Issue.record("\(path) was taken")
            } catch {
                #expect((error as? CatalogError)?.code == .notFound)
            }
        }
    }
}
