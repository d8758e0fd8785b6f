import Basics
import Catalog
import SystemPackage
import TestSupport
import Testing

@Suite struct CatalogFileTests {
    @Test func `The same content at two paths is one media`() throws {
        let fixture = try CatalogFixture()
        _ = try fixture.index()
        let first = try fixture.file("/a.mp4", content: 1)
        let second = try fixture.file("/b.mp4", content: 1)
        #expect(first == second)
        #expect(try fixture.catalog.paths(of: first) == ["/a.mp4", "/b.mp4"])
        let file = try #require(try fixture.catalog.file(at: "/a.mp4"))
        #expect(try fixture.catalog.removeFiles([file.id], at: 20) == [])
        #expect(try fixture.catalog.media(first)?.deletedAt == nil)
    }

    @Test func `The last file's removal makes a tombstone, which comes back with its clips`() throws {
        let fixture = try CatalogFixture()
        let index = try fixture.index()
        let media = try fixture.file("/a.mp4", content: 1)
        let ids = try fixture.catalog.commit([fixture.clip(media, 0)], of: index, finished: [media], at: 11)
        let clip = try #require(ids[0])
        let file = try #require(try fixture.catalog.file(at: "/a.mp4"))
        #expect(try fixture.catalog.removeFiles([file.id], at: 20) == [media])
        #expect(try fixture.catalog.embeddings(of: index.id).isEmpty)
        #expect(try fixture.catalog.findings(for: [clip], limit: 9, where: .all).isEmpty)
        let back = try fixture.catalog.recordFile(
            "/b.mp4", root: nil, stamp: fixture.stamp(1), identity: fixture.identity(1), at: 30)
        #expect(back.media == media && !back.isNew && back.hidden == [])
        #expect(try fixture.catalog.embeddings(of: index.id).map(\.clip) == [clip])
        #expect(try fixture.catalog.findings(for: [clip], limit: 9, where: .all).first?.place.path == "/b.mp4")
        #expect(try fixture.catalog.media(media)?.state == .indexed)
    }

    @Test func `Tombstones are purged with their clips when they are old`() throws {
        let fixture = try CatalogFixture()
        let index = try fixture.index()
        let media = try fixture.file("/a.mp4", content: 1)
        _ = try fixture.catalog.commit([fixture.clip(media, 0)], of: index, finished: [media], at: 11)
        let file = try #require(try fixture.catalog.file(at: "/a.mp4"))
        _ = try fixture.catalog.removeFiles([file.id], at: 20)
        _ = try fixture.catalog.purge(tombstonesBefore: 20)
        #expect(try fixture.catalog.media(media) != nil)
        while try fixture.catalog.purge(tombstonesBefore: 21) {}
        #expect(try fixture.catalog.media(media) == nil)
        #expect(try fixture.catalog.file(at: "/a.mp4") == nil)
    }

    @Test func `A media that comes back while it is purged is gone on with after the clips that are left`() throws {
        let fixture = try CatalogFixture()
        let index = try fixture.index()
        let media = try fixture.file("/a.mp4", content: 1)
        let clips = (0..<5).map { fixture.clip(media, $0) }
        _ = try fixture.catalog.commit(clips, of: index, finished: [media], at: 11)
        let file = try #require(try fixture.catalog.file(at: "/a.mp4"))
        _ = try fixture.catalog.removeFiles([file.id], at: 20)
        #expect(try fixture.catalog.purge(tombstonesBefore: 21, limit: 2))
        try fixture.file("/a.mp4", content: 1, at: 30)
        let job = try #require(try fixture.catalog.nextJobs(of: index.id, at: 30, limit: 5).first)
        #expect(job.media == media && job.committedClips == 3 && job.committedEnd == 3)
    }

    @Test func `Memories go with their clips, also when that was cut short`() throws {
        var fixture = try CatalogFixture()
        var index = try fixture.index("a", storesRerankFeatures: true)
        let media = try fixture.file("/a.mp4", content: 1)
        let ids = try fixture.catalog.commit(
            [fixture.clip(media, 0, rerankFeatures: [7]), fixture.clip(media, 1, rerankFeatures: [8])], of: index,
            finished: [media], at: 11)
        // Another model, and back before anything was purged: the clips of before are gone at once.
        let other = try fixture.index("b", storesRerankFeatures: true)
        try fixture.catalog.switchLive(to: other.id)
        try fixture.catalog.retire(index.id)
        index = try fixture.index("a", storesRerankFeatures: true)
        #expect(try fixture.catalog.clips(of: media, index: index.id).isEmpty)
        try fixture.reopen()
        #expect(try fixture.catalog.rerankFeatures(of: ids.compactMap { $0 }).count == 2)
        while try fixture.catalog.purge(tombstonesBefore: 0, limit: 1) {}
        #expect(try fixture.catalog.rerankFeatures(of: ids.compactMap { $0 }).isEmpty)
    }

    @Test func `Another content at a path is another media`() throws {
        let fixture = try CatalogFixture()
        let first = try fixture.file("/a.mp4", content: 1)
        let replaced = try fixture.catalog.recordFile(
            "/a.mp4", root: nil, stamp: fixture.stamp(2), identity: fixture.identity(2), at: 12)
        #expect(replaced.media != first && replaced.hidden == [first])
    }

    @Test func `A move changes one row`() throws {
        let fixture = try CatalogFixture()
        let media = try fixture.file("/a.mp4", content: 1)
        let file = try #require(try fixture.catalog.files(stamped: fixture.stamp(1)).first)
        #expect(try fixture.catalog.move([MovedFile(file.id, to: "/d/b.mp4", root: nil)], at: 12) == [])
        #expect(try fixture.catalog.file(at: "/a.mp4") == nil)
        #expect(try fixture.catalog.files(inDirectory: "/d").map(\.media) == [media])
    }

    @Test func `Paths keep bytes that are no UTF-8`() throws {
        let fixture = try CatalogFixture()
        let path = FilePath(bytes: Array("/v/".utf8) + [0xff, 0xfe, 0xc3] + Array(".mp4".utf8))
        let media = try fixture.file(path, content: 1)
        #expect(try fixture.catalog.paths(of: media).first?.bytes == path.bytes)
        #expect(try fixture.catalog.file(at: path)?.media == media)
    }

    @Test func `Overlapping roots are refused`() throws {
        let fixture = try CatalogFixture()
        let root = try fixture.catalog.addRoot("/v/a", device: 1, at: 1)
        #expect(try fixture.catalog.addRoot("/v/a", device: 1, at: 2).id == root.id)
        for path: FilePath in ["/v", "/v/a/b"] {
            do {
                _ = try fixture.catalog.addRoot(path, device: 1, at: 2)
                Issue.record("\(path) was taken")
            } catch {
                #expect(error.code == .overlappingRoot)
            }
        }
        #expect(try fixture.catalog.addRoot("/v/ab", device: 1, at: 2).id != root.id)
    }

    @Test func `Media in roots that are offline wait, and stay searchable`() throws {
        let fixture = try CatalogFixture()
        let index = try fixture.index()
        let root = try fixture.catalog.addRoot("/v", device: 1, at: 1)
        let media = try fixture.file("/v/a.mp4", content: 1, root: root.id)
        _ = try fixture.catalog.commit([fixture.clip(media, 0)], of: index, at: 2)
        try fixture.catalog.setRoot(root.id, state: .offline, reason: "gone", device: nil)
        #expect(try fixture.catalog.nextJobs(of: index.id, at: 3, limit: 5).isEmpty)
        #expect(try fixture.catalog.embeddings(of: index.id).count == 1)
        try fixture.catalog.removeRoot(root.id, at: 4)
        #expect(try fixture.catalog.embeddings(of: index.id).isEmpty)
        #expect(try fixture.catalog.roots().isEmpty)
    }
}
