import Catalog
import Foundation
import SystemPackage
import TestSupport
import Testing

@Suite struct CatalogCrashTests {
    /// What a power cut leaves: the database file, and the write-ahead log up to some byte of it.
    ///
    /// The log holds every write of the session in order, so cutting it at each page and inside of pages stops the
    /// program at every step of every write.
    @Test func `Stopped at any step of any write, the catalog is sound and no media is indexed by half`() throws {
        let fixture = try CatalogFixture()
        let index = try fixture.index(storesRerankFeatures: true)
        try fixture.catalog.checkpoint()
        for content in UInt8(1)...4 {
            let media = try fixture.file(FilePath("/\(content).mp4"), content: content)
            let job = try #require(try fixture.catalog.job(of: media, index: index.id))
            try fixture.catalog.begin(job)
            _ = try fixture.catalog.commit(
                [fixture.clip(media, 0, rerankFeatures: [1])], of: index, at: 2)
            _ = try fixture.catalog.commit(
                [fixture.clip(media, 1, rerankFeatures: [2]), fixture.clip(media, 2, rerankFeatures: [3])], of: index,
                finished: [media], at: 3)
        }
        let log = try Data(contentsOf: URL(filePath: Catalog.catalogFile(in: fixture.directory.path).string + "-wal"))
        #expect(log.count > 32 + 4120 * 20)
        let memories = try Data(
            contentsOf: URL(filePath: Catalog.featuresFile(in: fixture.directory.path).string + "-wal"))
        var lengths = Set(stride(from: 0, through: log.count, by: 4120).map { min($0 + 32, log.count) })
        lengths.formUnion(stride(from: 0, through: log.count, by: 9001))
        var indexed: Set<Int> = []
        for length in lengths {
            let copy = try TemporaryDirectory()
            for name in ["catalog.sqlite", "memories.sqlite"] {
                try FileManager.default.copyItem(
                    atPath: fixture.directory.path.appending(name).string, toPath: copy.path.appending(name).string)
            }
            try copy.write(log.prefix(length), to: "catalog.sqlite-wal")
            try copy.write(memories, to: "memories.sqlite-wal")
            indexed.insert(try check(copy.path, index: index.id))
        }
        #expect(indexed == [0, 1, 2, 3, 4])
    }

    /// - Returns: how many media are indexed.
    private func check(_ state: FilePath, index: IndexID) throws -> Int {
        let catalog = try Catalog(state: state, access: .readWrite)
        defer { catalog.close() }
        #expect(try catalog.quickCheck() == [])
        let vectors = try catalog.embeddings(of: index)
        #expect(try catalog.rerankFeatures(of: vectors.map(\.clip)).count == vectors.count)
        var indexed = 0
        var clips = 0
        for id in try catalog.media(where: .all) {
            let media = try #require(try catalog.media(id))
            let count = try catalog.clips(of: media.id, index: index).count
            clips += count
            #expect([0, 1, 3].contains(count))
            #expect((media.state == .indexed) == (count == 3))
            #expect(media.state == .indexed || media.state == .pending)
            if media.state == .indexed { indexed += 1 }
        }
        #expect(clips == vectors.count)
        return indexed
    }
}
