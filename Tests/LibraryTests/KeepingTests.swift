import Basics
import Catalog
import FolderFakes
import Foundation
import Library
import Search
import Synchronization
import SystemPackage
import TestSupport
import Testing
import Threads

@Suite(.timeLimit(.minutes(2))) struct KeepingTests {
    private static let files = 20

    private func fixture(
        in directory: TemporaryDirectory? = nil, checkedAtOnce: Int64 = Catalog.checkedAtOnce
    ) throws -> LibraryFixture {
        let encoder = FakeEncoder(featureBytes: 9000)
        return try LibraryFixture(
            in: directory, encoder: encoder, storesRerankFeatures: true, checkedAtOnce: checkedAtOnce)
    }

    /// Every clip of the live index by its file and place, from the catalog and from memory.
    private func content(_ fixture: LibraryFixture) throws -> Set<String> {
        let catalog = fixture.catalog
        let index = try #require(try catalog.liveIndex())
        var content: Set<String> = []
        for number in 0..<Self.files {
            let file = try #require(try catalog.file(at: fixture.folder.appending("\(number).mp4")))
            let media = try #require(file.media)
            let clips = try catalog.clips(of: media, index: index.id)
            let features = try catalog.rerankFeatures(of: clips.map(\.id))
            for clip in clips {
                content.insert("\(number) \(clip.ordinal) \(clip.start) \(clip.end) \(features[clip.id] ?? [])")
            }
        }
        #expect(fixture.library.live?.count == content.count)
        return content
    }

    /// Overwrites a fifth of a file's pages.
    private func damage(_ file: FilePath, seed: Int) throws {
        var random = SeededGenerator(state: UInt64(seed))
        let url = URL(filePath: file.string)
        var data = try Data(contentsOf: url)
        for page in 0..<(data.count / 4096) where Int.random(in: 0..<5, using: &random) == 0 {
            let bytes = (0..<4096).map { _ in UInt8.random(in: 0...255, using: &random) }
            data.replaceSubrange(page * 4096..<(page + 1) * 4096, with: bytes)
        }
        try data.write(to: url)
    }

    /// A large catalog is in use before it is checked whole.
    @Test(
        arguments: [
            ("catalog.sqlite", Catalog.checkedAtOnce), ("catalog.sqlite", 0),
            ("memories.sqlite", Catalog.checkedAtOnce),
        ], 0..<3)
    func `A library with a damaged database starts, answers, and comes to the index that it had`(
        database: (name: String, checkedAtOnce: Int64), seed: Int
    ) async throws {
        let directory = try TemporaryDirectory()
        let before: Set<String>
        do {
            let fixture = try fixture(in: directory)
            for number in 0..<Self.files { try fixture.write("\(20 + number)", to: "\(number).mp4") }
            let events = fixture.library.events()
            try await fixture.running {
                _ = try await fixture.library.addRoot(fixture.folder)
                _ = try await events.indexed(Self.files)
            }
            before = try content(fixture)
        }
        try damage(directory.path.appending("state").appending(database.name), seed: seed)
        let fixture = try fixture(in: directory, checkedAtOnce: database.checkedAtOnce)
        let live = try #require(fixture.library.live)
        #expect(live.count <= before.count)
        // As a search does.
        _ = try fixture.catalog.rerankFeatures(of: Array(1...ClipID(before.count)))
        try await fixture.running {
            // What has to be looked at again later is, a little at a time: a clock that runs as fast as it can leaves other tests none of theirs.
            try await eventually {
                fixture.clock.advance(2)
                guard !fixture.catalog.areFeaturesDamaged, !fixture.catalog.isUnchecked else { return false }
                let status = try await fixture.library.status()
                return status.statistics.media == [.indexed: Self.files] && status.queueDepth == 0
                    && status.scannedAt != nil
            }
            let status = try await fixture.library.status()
            #expect(status.notices.contains { $0.contains("damaged") }, "\(status.notices)")
        }
        #expect(try content(fixture) == before)
        #expect(try fixture.catalog.quickCheck() == [])
        while try fixture.catalog.purge(tombstonesBefore: 0) {}
        #expect(try fixture.catalog.crossCheck() == [])
    }

    @Test func `Below the least free space ingest waits and says so, and goes on by itself`() async throws {
        let free = Mutex<Int64>(50)
        let fixture = try LibraryFixture(minFreeBytes: 100, freeSpace: { _ in free.withLock { $0 } })
        let file = try fixture.write("25 12", to: "a.mp4")
        let events = fixture.library.events()
        async let outcomes = fixture.library.index([file])
        let reason = try #require(try await events.first { $0.pauseReason != nil }.pauseReason)
        #expect(reason.contains("ingest.min_free_bytes"))
        #expect(try await fixture.library.status().paused == reason)
        #expect(fixture.source.decodings.isEmpty)
        free.withLock { $0 = 100 }
        fixture.clock.waitsForNobody()
        #expect(try await outcomes.map(\.result) == [.indexed(clips: 4)])
        #expect(try await fixture.library.status().paused == nil)
    }

    @Test func `Too little free space holds no stop up`() async throws {
        let fixture = try LibraryFixture(minFreeBytes: 100, freeSpace: { _ in 50 })
        try fixture.write("25", to: "a.mp4")
        let events = fixture.library.events()
        try await fixture.running {
            _ = try await fixture.library.addRoot(fixture.folder)
            _ = try await events.first { $0.pauseReason != nil }
        }
        #expect(try fixture.catalog.statistics().media == [.pending: 1])
    }

    private static let month = 30 * 86_400.0

    @Test func `A clock that is set back by a month holds neither rescans nor what waits to be tried again up`()
        async throws
    {
        let fixture = try LibraryFixture()
        try fixture.write("25 error retryable", to: "a.mp4")
        let events = fixture.library.events()
        try await fixture.running {
            _ = try await fixture.library.addRoot(fixture.folder)
            _ = try await events.first { $0.problem != nil }
            try await eventually { try !fixture.catalog.failures().isEmpty }
            fixture.clock.set(-Self.month)
            try fixture.write("25", to: "b.mp4")
            // No hint comes of the file: only a full scan finds it.
            try await eventually {
                fixture.clock.advance(20)
                let isTriedAgain = fixture.source.decodings.count { $0.file.lastComponent == "a.mp4" } > 1
                return try isTriedAgain && fixture.catalog.statistics().media[.indexed] == 1
            }
        }
    }
}
