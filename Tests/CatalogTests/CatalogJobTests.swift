import Catalog
import Foundation
import GRDB
import SystemPackage
import TestSupport
import Testing

@Suite struct CatalogJobTests {
    @Test func `A media is indexed with its last clip, and begun work is pending again after a crash`() throws {
        var fixture = try CatalogFixture()
        let index = try fixture.index()
        let media = try fixture.file("/a.mp4", content: 1)
        let job = try #require(try fixture.catalog.nextJobs(of: index.id, at: 2, limit: 5).first)
        #expect(job.media == media && job.committedEnd == nil && job.files.map(\.path) == ["/a.mp4"])
        try fixture.catalog.begin(job)
        _ = try fixture.catalog.commit([fixture.clip(media, 0), fixture.clip(media, 1)], of: index, at: 3)
        #expect(try fixture.catalog.media(media)?.state == .running)
        try fixture.reopen()
        let resumed = try #require(try fixture.catalog.nextJobs(of: index.id, at: 2, limit: 5).first)
        #expect(resumed.committedClips == 2 && resumed.committedEnd == 2 && resumed.attempts == 0)
        _ = try fixture.catalog.commit([fixture.clip(media, 2)], of: index, finished: [media], at: 4)
        #expect(try fixture.catalog.media(media)?.state == .indexed)
        #expect(try fixture.catalog.clips(of: media, index: index.id).map(\.ordinal) == [0, 1, 2])
        #expect(try fixture.catalog.nextJobs(of: index.id, at: 2, limit: 5).isEmpty)
    }

    @Test
    func
        `A media that is in work when the program ends again and again is tried alone, ever later, and never given up`()
        throws
    {
        var fixture = try CatalogFixture()
        let index = try fixture.index()
        let media = try fixture.file("/a.mp4", content: 1)
        let other = try fixture.file("/b.mp4", content: 2)
        func next(at now: Timestamp) throws -> [Job] { try fixture.catalog.nextJobs(of: index.id, at: now, limit: 5) }
        var now = 100.0
        for delay in [0.0, 30, 60, 120, 240, 480] {
            let due = now + delay
            if delay > 0 { #expect(try next(at: due - 1).map(\.media) == [other]) }
            let jobs = try next(at: due)
            // A suspect comes last.
            #expect(jobs.map(\.media) == (delay > 0 ? [other, media] : [media, other]))
            #expect(jobs.map(\.isSuspect) == [false, delay > 0])
            now = due
            let job = try #require(jobs.first { $0.media == media })
            #expect(job.attempts == 0)
            try fixture.catalog.begin(job)
            // The first end proves nothing at all.
            try fixture.reopen(at: now)
            if delay == 0 {
                #expect(try next(at: now).allSatisfy { !$0.isSuspect })
                try fixture.catalog.begin(try #require(try next(at: now).first))
                try fixture.reopen(at: now)
            }
        }
        // Nor does it hold another index back for which it waits.
        try fixture.catalog.begin(try #require(try next(at: now).first { $0.media == other }))
        _ = try fixture.catalog.commit([fixture.clip(other, 0)], of: index, finished: [other], at: now)
        #expect(try fixture.catalog.mediaMissing(from: index.id) == 0)
        try fixture.catalog.begin(try #require(try fixture.catalog.job(of: media, index: index.id)))
        _ = try fixture.catalog.commit([fixture.clip(media, 0)], of: index, at: now)
        #expect(try fixture.catalog.job(of: media, index: index.id)?.isSuspect == false)
    }

    @Test func `What an earlier version gave up is tried again`() throws {
        var fixture = try CatalogFixture()
        let index = try fixture.index()
        let media = try fixture.file("/a.mp4", content: 1)
        try fixture.catalog.fail(
            media, of: index.id, Problem(code: .init(rawValue: "crash"), message: "", retryAt: nil), at: 3)
        try fixture.reopen(at: 4)
        let job = try #require(try fixture.catalog.nextJobs(of: index.id, at: 4, limit: 5).first)
        #expect(job.media == media && job.isSuspect)
    }

    @Test func `Work that an orderly end left begun is pending again, and never a crash`() throws {
        var fixture = try CatalogFixture()
        let index = try fixture.index()
        try fixture.file("/a.mp4", content: 1)
        for _ in 0..<20 {
            try fixture.catalog.begin(
                try #require(try fixture.catalog.nextJobs(of: index.id, at: 2, limit: 5).first))
            try fixture.reopen(crash: false)
        }
        let job = try #require(try fixture.catalog.nextJobs(of: index.id, at: 2, limit: 5).first)
        #expect(job.attempts == 0)
    }

    @Test func `A failure that can pass is due at its time, another never`() throws {
        let fixture = try CatalogFixture()
        let index = try fixture.index()
        let (passing, lasting) = (try fixture.file("/a.mp4", content: 1), try fixture.file("/b.mp4", content: 2))
        try fixture.catalog.fail(
            passing, of: index.id, Problem(code: .decode, message: "later", retryAt: 50), at: 3)
        try fixture.catalog.fail(
            lasting, of: index.id, Problem(code: .decode, message: "never", retryAt: nil), at: 3)
        #expect(try fixture.catalog.nextJobs(of: index.id, at: 49, limit: 5).isEmpty)
        #expect(try fixture.catalog.nextJobs(of: index.id, at: 50, limit: 5).map(\.media) == [passing])
        #expect(try fixture.catalog.nextRetry(of: index.id, after: 49) == 50)
        #expect(Set(try fixture.catalog.failures().map(\.problem.message)) == ["later", "never"])
        #expect(try fixture.catalog.statistics().media == [.failed: 2])
    }

    @Test func `What can't be tried again doesn't wake anybody`() throws {
        let fixture = try CatalogFixture()
        let index = try fixture.index()
        let root = try fixture.catalog.addRoot("/r", device: 1, at: 0)
        let media = try fixture.file("/r/a.mp4", content: 1, root: root.id)
        let later = Problem(code: .decode, message: "later", retryAt: 50)
        try fixture.catalog.fail(media, of: index.id, later, at: 3)
        _ = try fixture.catalog.recordProblem(
            "/r/b.mp4", root: root.id, stamp: fixture.stamp(2), problem: later, at: 3)
        _ = try fixture.catalog.recordProblem("/n/c.mp4", root: nil, stamp: fixture.stamp(3), problem: later, at: 3)
        func next(after now: Timestamp) throws -> Timestamp? {
            try fixture.catalog.nextRetry(of: index.id, after: now)
        }
        #expect(try next(after: 3) == 50)
        #expect(try fixture.catalog.filesToRetry(at: 50).map(\.path) == ["/r/b.mp4"])
        // Its time has come: whoever is free takes it.
        #expect(try next(after: 50) == nil)
        try fixture.catalog.begin(try #require(try fixture.catalog.nextJobs(of: index.id, at: 50, limit: 1).first))
        try fixture.catalog.release(media, of: index.id)
        #expect(try fixture.catalog.nextJobs(of: index.id, at: 3, limit: 1).count == 1)
        try fixture.catalog.fail(media, of: index.id, later, at: 3)
        try fixture.catalog.setRoot(root.id, state: .offline, reason: "away", device: nil)
        #expect(try next(after: 3) == nil)
        #expect(try fixture.catalog.filesToRetry(at: 50).isEmpty)
    }

    @Test func `The queue holds what is begun and what could be begun now`() throws {
        let fixture = try CatalogFixture()
        let index = try fixture.index()
        let root = try fixture.catalog.addRoot("/v", device: 1, at: 1)
        let media = try (1...4).map { content in
            try fixture.file(
                FilePath("/\(content == 4 ? "v/" : "")\(content).mp4"), content: UInt8(content),
                root: content == 4 ? root.id : nil)
        }
        func depth(at now: Timestamp) throws -> Int { try fixture.catalog.queueDepth(of: index.id, at: now) }
        #expect(try depth(at: 3) == 4)
        let later = Problem(code: .decode, message: "later", retryAt: 50)
        try fixture.catalog.fail(media[0], of: index.id, later, at: 3)
        #expect(try depth(at: 49) == 3)
        #expect(try depth(at: 50) == 4)
        try fixture.catalog.setRoot(root.id, state: .offline, reason: "away", device: nil)
        #expect(try depth(at: 50) == 3)
        let job = try #require(try fixture.catalog.job(of: media[1], index: index.id))
        try fixture.catalog.begin(job)
        #expect(try depth(at: 49) == 2)
        _ = try fixture.catalog.commit([fixture.clip(media[1], 0)], of: index, finished: [media[1]], at: 5)
        #expect(try depth(at: 49) == 1)
    }

    /// The clips that `memories.sqlite` has something of, read beside the catalog.
    private func remembered(_ fixture: CatalogFixture) throws -> [ClipID] {
        let file = Catalog.featuresFile(in: fixture.directory.path)
        return try DatabaseQueue(path: file.string).read {
            try ClipID.fetchAll($0, sql: "SELECT clip_id FROM memories ORDER BY clip_id")
        }
    }

    @Test func `A clip that is dropped leaves nothing for re-ranking behind`() throws {
        let fixture = try CatalogFixture()
        let index = try fixture.index(storesRerankFeatures: true)
        let media = try fixture.file("/a.mp4", content: 1)
        let ids = try fixture.catalog.commit(
            [
                fixture.clip(media, 0, rerankFeatures: [1]), fixture.clip(999, 0, rerankFeatures: [2]),
                fixture.clip(media, 0, rerankFeatures: [3]), fixture.clip(media, 1, rerankFeatures: [4]),
            ], of: index, at: 2)
        let (first, last) = (try #require(ids[0]), try #require(ids[3]))
        #expect(ids == [first, nil, nil, last])
        #expect(try fixture.catalog.rerankFeatures(of: [first, last]) == [first: [1], last: [4]])
        #expect(try remembered(fixture) == [first, last])
    }

    @Test func `A commit that fails leaves nothing that a later clip could be taken for`() throws {
        let fixture = try CatalogFixture()
        let index = try fixture.index(storesRerankFeatures: true)
        let media = try fixture.file("/a.mp4", content: 1)
        try fixture.catalog.limitGrowth(pages: 0)
        let clips = (0..<400).map { fixture.clip(media, $0, rerankFeatures: [1]) }
        #expect(throws: CatalogError.self) { try fixture.catalog.commit(clips, of: index, at: 2) }
        try fixture.catalog.limitGrowth(pages: nil)
        let ids = try fixture.catalog.commit([fixture.clip(media, 0)], of: index, at: 3)
        #expect(ids.count == 1 && ids[0] != nil)
        #expect(try remembered(fixture) == [])
    }

    @Test func `A media that gets on between the program's ends is not given up`() throws {
        var fixture = try CatalogFixture()
        let index = try fixture.index()
        let media = try fixture.file("/a.mp4", content: 1)
        for turn in 0..<12 {
            let job = try #require(try fixture.catalog.nextJobs(of: index.id, at: 2, limit: 5).first)
            #expect(job.committedClips == turn)
            try fixture.catalog.begin(job)
            _ = try fixture.catalog.commit([fixture.clip(media, turn)], of: index, at: 2)
            try fixture.reopen()
        }
    }

    @Test func `Only the program's own ends are counted as crashes`() throws {
        var fixture = try CatalogFixture()
        let index = try fixture.index()
        let media = try fixture.file("/a.mp4", content: 1)
        for turn in 0..<20 {
            try fixture.catalog.begin(
                try #require(try fixture.catalog.nextJobs(of: index.id, at: 1e9, limit: 5).first))
            let away = Problem(code: .vanished, message: "", retryAt: 5)
            try fixture.catalog.fail(media, of: index.id, away, isAttempt: false, at: Double(turn))
        }
        try fixture.catalog.begin(
            try #require(try fixture.catalog.nextJobs(of: index.id, at: 1e9, limit: 5).first))
        try fixture.reopen()
        let job = try #require(try fixture.catalog.nextJobs(of: index.id, at: 1e9, limit: 5).first)
        #expect(job.attempts == 0)
    }

    @Test func `Committing a clip twice keeps the first`() throws {
        let fixture = try CatalogFixture()
        let index = try fixture.index()
        let media = try fixture.file("/a.mp4", content: 1)
        let first = try fixture.catalog.commit([fixture.clip(media, 0)], of: index, at: 3)
        let second = try fixture.catalog.commit(
            [fixture.clip(media, 0), fixture.clip(media, 1)], of: index, at: 3)
        #expect(second[0] == nil && second[1] != nil && first[0] != second[1])
        let rows = try fixture.catalog.embeddings(of: index.id)
        #expect(rows.map(\.vector) == [[0, 0, 0, 1], [1, 0, 0, 1]])
    }

    @Test func `A media that can't be searched yet counts as running though it has committed`() throws {
        let fixture = try CatalogFixture()
        let index = try fixture.index()
        let media = try (1...3).map { try fixture.file(FilePath("/\($0).mp4"), content: UInt8($0)) }
        _ = try fixture.catalog.commit(
            [fixture.clip(media[0], 0)], of: index, finished: [media[0], media[1]], at: 3)
        #expect(try fixture.catalog.statistics().media == [.indexed: 2, .pending: 1])
        let unfinished = try fixture.catalog.statistics(unfinished: [media[1], media[2]])
        #expect(unfinished.media == [.indexed: 1, .running: 1, .pending: 1])
    }

    @Test func `A full disk is a typed error that changes nothing, and work goes on when there is room`() throws {
        let fixture = try CatalogFixture()
        try fixture.catalog.limitGrowth(pages: 10)
        let index = try fixture.index()
        let media = try fixture.file("/a.mp4", content: 1)
        var committed = 0
        var failure: CatalogError?
        while failure == nil, committed < 100_000 {
            let clips = (committed..<(committed + 50)).map { fixture.clip(media, $0) }
            do {
                _ = try fixture.catalog.commit(clips, of: index, at: 3)
                committed += 50
            } catch {
                failure = error
            }
        }
        #expect(failure?.code == .diskFull && failure?.mayPass == true)
        #expect(try fixture.catalog.quickCheck() == [])
        #expect(try fixture.catalog.clips(of: media, index: index.id).count == committed)
        try fixture.catalog.restart(media, of: index.id)
        _ = try fixture.catalog.commit([fixture.clip(media, 0)], of: index, finished: [media], at: 3)
        #expect(try fixture.catalog.media(media)?.state == .indexed)
    }

    @Test
    func `A new model is built beside the live one, then takes over, and the old one is kept until it is given up`()
        throws
    {
        let fixture = try CatalogFixture()
        let old = try fixture.index("old")
        #expect(old.state == .live)
        let media = try fixture.file("/a.mp4", content: 1)
        _ = try fixture.catalog.commit([fixture.clip(media, 0)], of: old, finished: [media], at: 2)
        let new = try fixture.index("new")
        #expect(new.state == .building)
        #expect(try fixture.catalog.liveIndex()?.digest == "old")
        #expect(try fixture.catalog.mediaMissing(from: new.id) == 1)
        _ = try fixture.catalog.commit([fixture.clip(media, 0)], of: new, finished: [media], at: 3)
        #expect(try fixture.catalog.mediaMissing(from: new.id) == 0)
        try fixture.catalog.switchLive(to: new.id)
        #expect(try fixture.catalog.liveIndex()?.digest == "new")
        #expect(try fixture.catalog.index(.previous)?.digest == "old")
        while try fixture.catalog.purge(tombstonesBefore: 0) {}
        #expect(try fixture.catalog.clips(of: media, index: old.id).count == 1)
        try fixture.catalog.retire(old.id)
        while try fixture.catalog.purge(tombstonesBefore: 0) {}
        #expect(try fixture.catalog.clips(of: media, index: old.id).isEmpty)
        #expect(try fixture.catalog.clips(of: media, index: new.id).count == 1)
        let again = try fixture.index("old")
        #expect(again.state == .building && again.id != old.id)
        #expect(try fixture.catalog.mediaMissing(from: again.id) == 1)
    }

    @Test func `A job that somebody else has done since it was looked up isn't begun again`() throws {
        let fixture = try CatalogFixture()
        let index = try fixture.index()
        let media = try fixture.file("/a.mp4", content: 1)
        let job = try #require(try fixture.catalog.nextJobs(of: index.id, at: 1, limit: 1).first)
        let other = job
        #expect(try fixture.catalog.begin(other))
        #expect(try !fixture.catalog.begin(job))
        _ = try fixture.catalog.commit([fixture.clip(media, 0)], of: index, finished: [media], at: 2)
        #expect(try !fixture.catalog.begin(job))
        #expect(try fixture.catalog.job(of: media, index: index.id)?.state == .indexed)
    }

    @Test func `Exactly one previous index is kept, and it can be the live one again or be built on`() throws {
        let fixture = try CatalogFixture()
        let media = try fixture.file("/a.mp4", content: 1)
        let indexes = try ["a", "b", "c"].map { digest in
            let index = try fixture.index(digest)
            _ = try fixture.catalog.commit([fixture.clip(media, 0)], of: index, finished: [media], at: 2)
            try fixture.catalog.switchLive(to: index.id, choosing: .folder(FilePath("/models/\(digest)")))
            return index
        }
        func states() throws -> [IndexRecord.State] { try fixture.catalog.indexes().map(\.state) }
        #expect(try states() == [.retired, .previous, .live])
        #expect(try fixture.catalog.chosenModel() == "/models/c")
        #expect(throws: CatalogError.self) { try fixture.catalog.switchLive(to: indexes[0].id) }

        // What comes now is a job of both.
        let other = try fixture.file("/b.mp4", content: 2)
        try fixture.catalog.switchLive(to: indexes[1].id, choosing: .configured)
        #expect(try states() == [.retired, .live, .previous])
        #expect(try fixture.catalog.chosenModel() == nil)
        #expect(try fixture.catalog.nextJobs(of: indexes[1].id, at: 9, limit: 9).map(\.media) == [other])

        let again = try fixture.index("c")
        #expect(again.id == indexes[2].id && again.state == .building)
        #expect(try fixture.catalog.clips(of: media, index: again.id).count == 1)
        #expect(throws: CatalogError.self) { try fixture.catalog.retire(indexes[1].id) }
    }

    @Test func `An index has a gap where a media item is neither in it nor failed with a reason`() throws {
        let fixture = try CatalogFixture()
        let old = try fixture.index("old")
        let media = try (1...3).map { try fixture.file(FilePath("/\($0).mp4"), content: UInt8($0)) }
        for id in media { _ = try fixture.catalog.commit([fixture.clip(id, 0)], of: old, finished: [id], at: 2) }
        let new = try fixture.index("new")
        #expect(try fixture.catalog.gaps(in: new.id) == 3)
        _ = try fixture.catalog.commit([fixture.clip(media[0], 0)], of: new, finished: [media[0]], at: 3)
        try fixture.catalog.fail(media[1], of: new.id, Problem(code: .model, message: "no", retryAt: nil), at: 3)
        // Said to be indexed, and without a clip.
        _ = try fixture.catalog.commit([], of: new, finished: [media[2]], at: 3)
        #expect(try fixture.catalog.mediaMissing(from: new.id) == 0)
        #expect(try fixture.catalog.gaps(in: new.id) == 1)
        let progress = try fixture.catalog.progress(of: new.id)
        #expect(progress.media == 3 && progress.indexed == 2 && progress.failed == 1 && progress.clips == 1)
    }

    @Test func `What a clip takes is estimated within a fifth`() throws {
        let fixture = try CatalogFixture()
        let index = try fixture.index("a", storesRerankFeatures: true)
        let media = try fixture.file("/a.mp4", content: 1)
        let before = try fixture.catalog.statistics()
        let features = [UInt8](repeating: 7, count: 31_000)
        let clips = (0..<500).map { fixture.clip(media, $0, rerankFeatures: features) }
        _ = try fixture.catalog.commit(clips, of: index, finished: [media], at: 2)
        try fixture.catalog.checkpoint()
        let after = try fixture.catalog.statistics()
        let bytes = after.featuresBytes - before.featuresBytes
        let estimate = try fixture.catalog.size(of: index)
        #expect(estimate.clips == 500 && abs(Double(estimate.bytes) / Double(bytes) - 1) < 0.2, "\(estimate) \(bytes)")
    }
}
