import Basics
import Catalog
import Foundation
import GRDB
import SystemPackage
import TestSupport
import Testing

@Suite struct MendingTests {
    private static let media = 40
    private static let clips = 12

    /// A closed state of many media with clips of rerank features, lines and a saved search.
    private func closedState() throws -> (fixture: CatalogFixture, index: IndexRecord) {
        let fixture = try CatalogFixture()
        let index = try fixture.index(storesRerankFeatures: true)
        let root = try fixture.catalog.addRoot("/v", device: 1, at: 1)
        for content in 1...UInt8(Self.media) {
            let media = try fixture.file(FilePath("/v/\(content).mp4"), content: content, root: root.id)
            let clips = (0..<Self.clips).map { clip(fixture, media, $0, content: content) }
            _ = try fixture.catalog.commit(clips, of: index, finished: [media], at: 2)
        }
        _ = try fixture.catalog.save("dogs", request: "{}", command: nil, at: 3)
        while try fixture.catalog.renewNames() {}
        try fixture.catalog.checkpoint()
        fixture.catalog.close()
        return (fixture, index)
    }

    /// - Parameter content: of the media item, which may have another id later.
    private func clip(_ fixture: CatalogFixture, _ media: MediaID, _ ordinal: Int, content: UInt8) -> NewClip {
        var clip = fixture.clip(
            media, ordinal,
            rerankFeatures: (0..<9000).map { UInt8(truncatingIfNeeded: $0 / 7 + ordinal + Int(content)) })
        let length = Float(ordinal * ordinal + 1).squareRoot()
        clip.embedding = [Float(ordinal) / length, 0, 0, 1 / length]
        return clip
    }

    /// Overwrites a part of a file's pages with random bytes.
    ///
    /// - Parameter first: the first page that may be hit, from 0.
    private func damage(_ file: FilePath, share: Double, from first: Int = 0, seed: Int) throws {
        var random = SeededGenerator(state: UInt64(seed))
        let url = URL(filePath: file.string)
        var data = try Data(contentsOf: url)
        let pages = data.count / 4096
        for page in first..<pages where Double.random(in: 0..<1, using: &random) < share {
            let bytes = (0..<4096).map { _ in UInt8.random(in: 0...255, using: &random) }
            data.replaceSubrange(page * 4096..<(page + 1) * 4096, with: bytes)
        }
        try data.write(to: url)
    }

    /// Does what ingest does, until nothing is left to do.
    private func ingest(_ fixture: CatalogFixture, _ catalog: Catalog) throws {
        let index = try catalog.prepareIndex(
            digest: "a", dimensions: 4, storesRerankFeatures: true, model: FilePath("/models/a"), at: 9)
        let root = try catalog.addRoot("/v", device: 1, at: 9)
        for content in 1...UInt8(Self.media) {
            _ = try catalog.recordFile(
                FilePath("/v/\(content).mp4"), root: root.id, stamp: fixture.stamp(content),
                identity: fixture.identity(content), at: 9)
        }
        while let job = try catalog.nextJobs(of: index.id, at: .infinity, limit: 1).first {
            try catalog.begin(job)
            if job.isStale { try catalog.clear(job) }
            let content = try #require(job.identity.digest.first)
            let clips = (job.committedClips..<Self.clips).map { clip(fixture, job.media, $0, content: content) }
            _ = try catalog.commit(clips, of: index, finished: [job.media], at: 9)
        }
        while try catalog.renewNames() {}
    }

    /// Every clip of the index by its file and place.
    private func content(_ catalog: Catalog) throws -> Set<String> {
        let index = try #require(try catalog.liveIndex())
        let rows = try catalog.embeddings(of: index.id)
        let features = try catalog.rerankFeatures(of: rows.map(\.clip))
        let clips = try catalog.clips(rows.map(\.clip))
        return Set(
            try rows.map { row in
                let path = try catalog.places(of: row.media).map(\.path)
                let clip = try #require(clips[row.clip])
                return
                    "\(path) \(clip.ordinal) \(clip.start) \(clip.end) \(row.vector) \(features[row.clip]?.hashValue ?? 0)"
            })
    }

    /// A large catalog is used before it is checked whole.
    @Test(arguments: 0..<8, [Catalog.checkedAtOnce, 0])
    func `A damaged catalog is mended at the next start, and comes to the same index`(
        seed: Int, checkedAtOnce: Int64
    ) throws {
        let (fixture, _) = try closedState()
        let state = fixture.directory.path
        let whole = try Catalog(state: state, access: .readWrite)
        let before = try content(whole)
        try whole.checkpoint()
        whole.close()
        #expect(before.count == Self.media * Self.clips)
        try damage(Catalog.catalogFile(in: state), share: 0.2, seed: seed)

        let catalog = try Catalog(state: state, access: .readWrite, checkedAtOnce: checkedAtOnce)
        defer { catalog.close() }
        try catalog.checkWhole()
        #expect(!catalog.isUnchecked)
        let notice = try #require(catalog.notices.first)
        #expect(notice.contains("is now") && notice.contains(".damaged-"), "\(notice)")
        let names = try FileManager.default.contentsOfDirectory(atPath: state.string)
        #expect(names.contains { $0.hasPrefix("catalog.sqlite.damaged-") })
        #expect(!names.contains { $0.hasSuffix(".mending") || $0.hasSuffix(".mended") })
        #expect(try catalog.quickCheck() == [])
        // Whatever was lost, what people have said was not.
        #expect(try catalog.roots().map(\.path) == ["/v"] && catalog.savedSearches().map(\.name) == ["dogs"])
        try ingest(fixture, catalog)
        #expect(try content(catalog) == before)
        while try catalog.purge(tombstonesBefore: .infinity) {}
        #expect(try catalog.crossCheck() == [])
    }

    @Test func `A large catalog is opened without being read whole, and is checked later`() throws {
        let (fixture, index) = try closedState()
        let state = fixture.directory.path
        try breakLeaf(of: "embeddings", state)
        let catalog = try Catalog(state: state, access: .readWrite, checkedAtOnce: 0)
        defer { catalog.close() }
        #expect(catalog.notices.isEmpty && catalog.isUnchecked)
        let told = Observed(0)
        catalog.onNotice { told.change { $0 += 1 } }
        try catalog.checkWhole()
        #expect(told.value == 1 && catalog.notices.count == 1 && !catalog.isUnchecked)
        #expect(try catalog.quickCheck() == [])
        #expect(try catalog.embeddings(of: index.id).count > Self.media * Self.clips / 2)
        try catalog.checkWhole()
        #expect(catalog.notices.count == 1)
    }

    @Test func `A check that is ended changes nothing and is due again at the next start`() throws {
        let (fixture, _) = try closedState()
        let state = fixture.directory.path
        try breakLeaf(of: "embeddings", state)
        let catalog = try Catalog(state: state, access: .readWrite, checkedAtOnce: 0)
        catalog.endMaintenance()
        try catalog.checkWhole()
        #expect(catalog.notices.isEmpty && catalog.isUnchecked)
        catalog.close()
        let again = try Catalog(state: state, access: .readWrite, checkedAtOnce: 0)
        defer { again.close() }
        try again.checkWhole()
        #expect(again.notices.count == 1)
    }

    @Test func `A file that is set aside has a name of its own, and the last few of them are kept`() throws {
        let (fixture, _) = try closedState()
        let state = fixture.directory.path
        let file = Catalog.catalogFile(in: state)
        func aside() throws -> Set<String> {
            Set(
                try FileManager.default.contentsOfDirectory(atPath: state.string).filter {
                    $0.hasPrefix("catalog.sqlite.damaged-") && !$0.hasSuffix("-wal") && !$0.hasSuffix("-shm")
                })
        }
        var named: [String] = []
        for byte in UInt8(1)...5 {
            try Data(repeating: byte, count: 40_000).write(to: URL(filePath: file.string))
            let catalog = try Catalog(state: state, access: .readWrite)
            let notice = try #require(catalog.notices.first)
            catalog.close()
            // Each is another one, though all are of about the same moment.
            let name = try #require(try aside().subtracting(named).first)
            #expect(notice.contains(state.appending(name).string))
            #expect(try Data(contentsOf: URL(filePath: state.appending(name).string)).first == byte)
            named.append(name)
            #expect(try aside() == Set(named.suffix(3)))
        }
    }

    /// Overwrites one leaf of a table of the catalog.
    private func breakLeaf(of table: String, _ state: FilePath) throws {
        let file = Catalog.catalogFile(in: state)
        let queue = try DatabaseQueue(path: file.string)
        let page = try queue.read {
            try #require(
                try Int.fetchOne(
                    $0, sql: "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' LIMIT 1",
                    arguments: [table]))
        }
        try queue.close()
        let url = URL(filePath: file.string)
        var data = try Data(contentsOf: url)
        data.replaceSubrange((page - 1) * 4096..<page * 4096, with: repeatElement(0x5a, count: 4096))
        try data.write(to: url)
    }

    @Test func `What can be read of a damaged catalog isn't indexed again`() throws {
        let (fixture, index) = try closedState()
        let state = fixture.directory.path
        try breakLeaf(of: "embeddings", state)
        // Made of what is about to be another catalog.
        let vectors = IndexFiles.path(of: index.id, in: state)
        try Data("vectors".utf8).write(to: URL(filePath: vectors.string))

        let catalog = try Catalog(state: state, access: .readWrite)
        defer { catalog.close() }
        #expect(!FileManager.default.fileExists(atPath: vectors.string))
        let waiting = try catalog.nextJobs(of: index.id, at: 9, limit: 100)
        #expect(!waiting.isEmpty && waiting.count < Self.media / 2 && waiting.allSatisfy(\.isStale))
        #expect(try catalog.roots().map(\.path) == ["/v"] && catalog.savedSearches().map(\.name) == ["dogs"])
        #expect(try catalog.media(1)?.identity == fixture.identity(1))
        #expect(try catalog.embeddings(of: index.id).count > Self.media * Self.clips / 2)
    }

    @Test func `A catalog that is damaged while it is used is mended under those who use it`() throws {
        let (fixture, index) = try closedState()
        let state = fixture.directory.path
        let catalog = try Catalog(state: state, access: .readWrite)
        defer { catalog.close() }
        var cursor: IndexCursor?
        while let step = try catalog.indexChanges(of: index.id, after: cursor, limit: 100) {
            cursor = step.cursor
            if step.isLevel { break }
        }
        let told = Observed(0)
        catalog.onNotice { told.change { $0 += 1 } }
        // Another writer has every connection forget the pages that it has in memory.
        let other = try DatabaseQueue(path: Catalog.catalogFile(in: state).string)
        try other.write { try $0.execute(sql: "UPDATE roots SET reason = NULL") }
        _ = try other.writeWithoutTransaction { try $0.checkpoint(.truncate) }
        try damage(Catalog.catalogFile(in: state), share: 0.9, from: 12, seed: 3)
        for media in 1...Int64(Self.media) {
            _ = try catalog.clips(of: media, index: index.id)
            _ = try catalog.media(media)
        }
        // The index itself may be lost.
        _ = try? catalog.embeddings(of: index.id)
        try other.close()
        #expect(told.value == 1 && catalog.notices.count == 1)
        #expect(try catalog.quickCheck() == [])
        // Who follows the index has to begin anew.
        try catalog.reinstate([index], live: index.id)
        #expect(try catalog.indexChanges(of: index.id, after: cursor) == nil)
        try ingest(fixture, catalog)
        #expect(try content(catalog).count == Self.media * Self.clips)
    }

    @Test(arguments: 0..<4)
    func `Damaged rerank features are mended, and those that were lost are made again`(seed: Int) throws {
        let (fixture, index) = try closedState()
        let state = fixture.directory.path
        let whole = try Catalog(state: state, access: .readWrite)
        let before = try content(whole)
        try whole.checkpoint()
        whole.close()
        try damage(Catalog.featuresFile(in: state), share: 0.2, from: 2, seed: seed)
        let catalog = try Catalog(state: state, access: .readWrite)
        defer { catalog.close() }
        let clips = try catalog.embeddings(of: index.id).map(\.clip)
        let read = try catalog.rerankFeatures(of: clips)
        #expect(read.count < clips.count && catalog.areFeaturesDamaged)
        try catalog.mendFeatures()
        #expect(!catalog.areFeaturesDamaged && catalog.notices.last?.contains("has been mended") == true)
        #expect(try catalog.quickCheck() == [])
        let waiting = try catalog.nextJobs(of: index.id, at: 9, limit: 100)
        #expect(!waiting.isEmpty && waiting.allSatisfy(\.isStale))
        // Clips answer until their turn comes.
        #expect(try catalog.embeddings(of: index.id).count == clips.count)
        try ingest(fixture, catalog)
        #expect(try content(catalog) == before)
        while try catalog.purge(tombstonesBefore: .infinity) {}
        #expect(try catalog.crossCheck() == [])
        #expect(
            try !FileManager.default.contentsOfDirectory(atPath: state.string).contains { $0.contains("mending") })
    }

    @Test func `A write that meets damaged rerank features mends them and is kept`() throws {
        let (fixture, index) = try closedState()
        let state = fixture.directory.path
        try damage(Catalog.featuresFile(in: state), share: 1, from: 2, seed: 1)
        let catalog = try Catalog(state: state, access: .readWrite)
        defer { catalog.close() }
        let media = try catalog.recordFile(
            "/v/new.mp4", root: nil, stamp: fixture.stamp(99), identity: fixture.identity(99), at: 5
        ).media
        let ids = try catalog.commit([clip(fixture, media, 0, content: 99)], of: index, finished: [media], at: 5)
            .compactMap { $0 }
        #expect(try catalog.rerankFeatures(of: ids).count == 1)
        #expect(try catalog.media(media)?.state == .indexed && catalog.media(1)?.state == .pending)
    }

    @Test func `Content that changed unnoticed by SQLite is found by its digest`() throws {
        let (fixture, _) = try closedState()
        let file = Catalog.featuresFile(in: fixture.directory.path)
        let queue = try DatabaseQueue(path: file.string)
        try queue.write { try $0.execute(sql: "UPDATE memories SET memory = zeroblob(9000) WHERE clip_id = 7") }
        try queue.close()
        let catalog = try Catalog(state: fixture.directory.path, access: .readWrite)
        defer { catalog.close() }
        #expect(try catalog.quickCheck() == [])
        #expect(try catalog.crossCheck() == ["the rerank features of 1 clips are not what was written"])
        try catalog.mendFeatures()
        #expect(try catalog.media(1)?.state == .pending && catalog.media(2)?.state == .indexed)
    }

    @Test func `The databases' files are soon about as small as what they hold`() throws {
        let fixture = try CatalogFixture()
        let catalog = fixture.catalog
        let index = try fixture.index(storesRerankFeatures: true)
        func add(_ contents: ClosedRange<UInt8>) throws {
            for content in contents {
                let media = try fixture.file(FilePath("/v/\(content).mp4"), content: content)
                _ = try catalog.commit(
                    (0..<20).map { clip(fixture, media, $0, content: content) }, of: index, finished: [media], at: 2)
            }
        }
        try add(1...200)
        for content in 1...200 as ClosedRange<UInt8> where content % 8 != 0 {
            let file = try #require(try catalog.file(at: FilePath("/v/\(content).mp4")))
            _ = try catalog.removeFiles([file.id], at: 10)
        }
        try catalog.checkpoint()
        let full = try catalog.statistics()
        #expect(full.deletedClips == 175 * 20 && full.deletedBytes > (full.featuresBytes / 8) * 6)
        while try catalog.purge(tombstonesBefore: 11) {}
        let purged = try catalog.statistics()
        #expect(purged.deletedClips == 0 && purged.freeBytes > full.featuresBytes / 2)
        try catalog.giveSpaceBack(isQuiet: true, freeBytes: 1 << 40)
        try catalog.checkpoint()
        let small = try catalog.statistics()
        #expect(small.catalogBytes + small.featuresBytes < (full.catalogBytes + full.featuresBytes) / 4)
        for file in [Catalog.catalogFile(in: catalog.state), Catalog.featuresFile(in: catalog.state)] {
            let copy = fixture.directory.path.appending("copy")
            let queue = try DatabaseQueue(path: file.string)
            try queue.vacuum(into: copy.string)
            try queue.close()
            let sizes = try [file, copy].map { path in
                let size = try FileManager.default.attributesOfItem(atPath: path.string)[.size] as? NSNumber
                return size?.doubleValue ?? 0
            }
            try FileManager.default.removeItem(atPath: copy.string)
            // Less than a megabyte is nothing to save.
            #expect(sizes[0] <= sizes[1] * 1.3 + 1_048_576, "\(file): \(sizes)")
        }
        #expect(try catalog.quickCheck() == [])
    }

    @Test func `What waits to be tried again waits less by what the clock was set back`() throws {
        let fixture = try CatalogFixture()
        let index = try fixture.index()
        let media = try fixture.file("/a.mp4", content: 1)
        try fixture.catalog.fail(
            media, of: index.id, Problem(code: .decode, message: "", retryAt: 1030), at: 1000)
        try fixture.catalog.bringRetriesForward(by: 900)
        #expect(try fixture.catalog.nextJobs(of: index.id, at: 129, limit: 9).isEmpty)
        #expect(try fixture.catalog.nextJobs(of: index.id, at: 130, limit: 9).map(\.media) == [media])
    }

    @Test(arguments: [2, 3])
    func `A catalog of an earlier schema knows after its upgrade how many clips each job made`(version: Int) throws {
        let directory = try TemporaryDirectory()
        try EarlierCatalog.write(version, to: directory.path)
        try Catalog(state: directory.path, access: .readWrite).close()
        let queue = try DatabaseQueue(path: Catalog.catalogFile(in: directory.path).string)
        let counts = try queue.read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT clips, (SELECT count(*) FROM clips
                        WHERE clips.media_id = jobs.media_id AND clips.generation_id = jobs.generation_id)
                    FROM jobs WHERE state = 'indexed'
                    """
            ).map { [$0[0] as Int?, $0[1] as Int?] }
        }
        #expect(!counts.isEmpty && counts.allSatisfy { $0[0] == $0[1] })
    }

    @Test func `What people have said outlives a catalog of which nothing can be read`() throws {
        let (fixture, _) = try closedState()
        let state = fixture.directory.path
        try Data(repeating: 0x5a, count: 40_000).write(to: URL(filePath: Catalog.catalogFile(in: state).string))
        let catalog = try Catalog(state: state, access: .readWrite)
        #expect(try catalog.roots().map(\.path) == ["/v"] && catalog.savedSearches().map(\.name) == ["dogs"])
        try catalog.removeSavedSearch(named: "dogs")
        try catalog.removeRoot(1, at: 9)
        catalog.close()
        try Data(repeating: 0x5a, count: 40_000).write(to: URL(filePath: Catalog.catalogFile(in: state).string))
        let again = try Catalog(state: state, access: .readWrite)
        defer { again.close() }
        #expect(try again.roots().isEmpty && again.savedSearches().isEmpty)
    }
}
