import Catalog
import Foundation
import SystemPackage
import TestSupport
import Testing

@Suite struct CatalogOpeningTests {
    private func code(_ body: () throws -> Void) -> CatalogError.Code? {
        do {
            try body()
            return nil
        } catch {
            return (error as? CatalogError)?.code
        }
    }

    /// Changes one of the header's big-endian numbers: 60 is `user_version`, 68 `application_id` (SQLite file format, 1.3).
    private func setHeader(_ offset: Int, to value: UInt32, in file: FilePath) throws {
        let url = URL(filePath: file.string)
        var data = try Data(contentsOf: url)
        for byte in 0..<4 { data[offset + byte] = UInt8(truncatingIfNeeded: value >> (24 - 8 * UInt32(byte))) }
        try data.write(to: url)
    }

    private func header(_ offset: Int, of file: FilePath) throws -> UInt32 {
        let data = try Data(contentsOf: URL(filePath: file.string))
        return (0..<4).reduce(0) { $0 << 8 | UInt32(data[offset + $1]) }
    }

    /// A state folder that is closed.
    private func closedState() throws -> TemporaryDirectory {
        let fixture = try CatalogFixture()
        try fixture.catalog.checkpoint()
        fixture.catalog.close()
        return fixture.directory
    }

    @Test func `Nobody but the owner may read the files, whatever they were before`() throws {
        var fixture = try CatalogFixture()
        let files = FileManager.default
        func modes() throws -> [String: Int] {
            var modes: [String: Int] = [:]
            for name in try files.contentsOfDirectory(atPath: fixture.directory.path.string) {
                let attributes = try files.attributesOfItem(atPath: fixture.directory.path.appending(name).string)
                modes[name] = (attributes[.posixPermissions] as? NSNumber)?.intValue
            }
            return modes
        }
        let made = try modes()
        #expect(made.count >= 5 && made.values.allSatisfy { $0 == 0o600 }, "\(made)")
        for name in made.keys {
            try files.setAttributes(
                [.posixPermissions: 0o666], ofItemAtPath: fixture.directory.path.appending(name).string)
        }
        try fixture.reopen(crash: false)
        #expect(try modes().values.allSatisfy { $0 == 0o600 })
    }

    @Test(arguments: ["catalog.sqlite", "memories.sqlite", "lock"], [Catalog.Access.readWrite, .readOnly])
    func `What is no file is named at once`(name: String, access: Catalog.Access) throws {
        let folder = try TemporaryDirectory()
        try Catalog(state: folder.path, access: .readWrite).close()
        let path = folder.path.appending(name)
        try FileManager.default.removeItem(atPath: path.string)
        #expect(path.withPlatformString { mkfifo($0, 0o600) } == 0)
        if name == "lock", access == .readOnly { return }
        let error = #expect(throws: CatalogError.self) { try Catalog(state: folder.path, access: access) }
        #expect(error?.message.contains("\(name) is a named pipe") == true)
    }

    @Test func `The second writer is refused with the process that holds the state folder`() throws {
        let fixture = try CatalogFixture()
        do {
            _ = try Catalog(state: fixture.directory.path, access: .readWrite)
            Issue.record("two writers")
        } catch {
            #expect(error.code == .locked)
            #expect(error.message.contains("process \(ProcessInfo.processInfo.processIdentifier)"))
        }
    }

    @Test func `A reader opens beside the writer and sees what is committed`() throws {
        let fixture = try CatalogFixture()
        let media = try fixture.file("/a.mp4", content: 1)
        let reader = try Catalog(state: fixture.directory.path, access: .readOnly)
        #expect(try reader.paths(of: media) == ["/a.mp4"])
        #expect(code { try reader.recordScan(of: 1, at: 0) } == .readOnly)
    }

    @Test func `A folder without an index can't be opened to be read`() throws {
        let directory = try TemporaryDirectory()
        #expect(code { _ = try Catalog(state: directory.path, access: .readOnly) } == .notFound)
    }

    @Test func `A newer schema is refused and left as it is`() throws {
        let directory = try closedState()
        let file = Catalog.catalogFile(in: directory.path)
        try setHeader(60, to: 999, in: file)
        let before = try Data(contentsOf: URL(filePath: file.string))
        #expect(code { _ = try Catalog(state: directory.path, access: .readWrite) } == .newerSchema)
        #expect(code { _ = try Catalog(state: directory.path, access: .readOnly) } == .newerSchema)
        #expect(try Data(contentsOf: URL(filePath: file.string)) == before)
    }

    private let oldVectors: [ClipID: [Float]] = [3: [1, 0, 0, 0], 4: [0, 1, 0, 0]]

    private func vectors(_ catalog: Catalog, _ index: IndexID) throws -> [ClipID: [Float]] {
        Dictionary(uniqueKeysWithValues: try catalog.embeddings(of: index).map { ($0.clip, $0.vector) })
    }

    @Test(arguments: [2, 3])
    func `A catalog of an earlier schema is upgraded, answers the same and tells what leaves`(version: Int) throws {
        let directory = try TemporaryDirectory()
        try EarlierCatalog.write(version, to: directory.path)
        let catalog = try Catalog(state: directory.path, access: .readWrite)
        defer { catalog.close() }
        #expect(catalog.notices == [])
        let live = try #require(try catalog.liveIndex())
        #expect(live.digest == "old")
        #expect(try vectors(catalog, live.id) == oldVectors)
        #expect(
            try catalog.findings(for: [3, 4, 5], limit: 9, where: .all).map(\.place.path) == ["/v/a.mp4", "/v/a.mp4"])
        #expect(try catalog.rerankFeatures(of: [3, 4]) == [3: [7, 8]])
        let loaded = try #require(try catalog.indexChanges(of: live.id, after: nil))
        let file = try #require(try catalog.file(at: "/v/a.mp4"))
        #expect(try catalog.removeFiles([file.id], at: 9) == [1])
        #expect(try catalog.indexChanges(of: live.id, after: loaded.cursor)?.left == [1])
    }

    @Test(arguments: [2, 3])
    func `A catalog of an earlier schema answers the same to who may only read it`(version: Int) throws {
        let directory = try TemporaryDirectory()
        try EarlierCatalog.write(version, to: directory.path)
        let catalog = try Catalog(state: directory.path, access: .readOnly)
        defer { catalog.close() }
        let live = try #require(try catalog.liveIndex())
        #expect(try vectors(catalog, live.id) == oldVectors)
        #expect(try catalog.media(where: MediaFilter(root: 1)) == [1])
        #expect(try catalog.chosenModel() == nil)
    }

    @Test func `An index under an earlier digest of its model is adopted`() throws {
        let directory = try TemporaryDirectory()
        try EarlierCatalog.write(2, to: directory.path)
        let catalog = try Catalog(state: directory.path, access: .readWrite)
        defer { catalog.close() }
        let adopted = try catalog.prepareIndex(
            digest: "new", earlierDigests: ["older", "old"], dimensions: 4, storesRerankFeatures: true, model: nil,
            at: 9)
        #expect(adopted.id == 1 && adopted.digest == "new" && adopted.state == .live)
        #expect(try vectors(catalog, adopted.id) == oldVectors)
        #expect(try catalog.media(1)?.state == .indexed)
        // Once more under its digest of now, and then another model altogether.
        let again = try catalog.prepareIndex(
            digest: "new", earlierDigests: ["old"], dimensions: 4, storesRerankFeatures: true, model: nil, at: 10)
        #expect(again.id == 1 && again.state == .live)
        let other = try catalog.prepareIndex(
            digest: "x", earlierDigests: ["y"], dimensions: 4, storesRerankFeatures: true, model: nil, at: 11)
        #expect(other.state == .building)
    }

    @Test func `An index that was retired under the model's digest gives way to a live one under an earlier`() throws {
        let fixture = try CatalogFixture()
        let new = try fixture.index("new")
        let old = try fixture.index("old")
        try fixture.catalog.switchLive(to: old.id)
        try fixture.catalog.retire(new.id)
        let adopted = try fixture.index("new", earlierDigests: ["old"])
        #expect(adopted.id == old.id && adopted.state == .live)
        #expect(try fixture.catalog.indexes().map(\.digest) == ["new"])
    }

    @Test func `A live index under an earlier digest is kept, not one that was begun beside it`() throws {
        let fixture = try CatalogFixture()
        let old = try fixture.index("old")
        let media = try fixture.file("/a.mp4", content: 1)
        _ = try fixture.catalog.commit([fixture.clip(media, 0)], of: old, finished: [media], at: 2)
        #expect(try fixture.index("new").state == .building)
        let adopted = try fixture.index("new", earlierDigests: ["old"])
        #expect(adopted.id == old.id && adopted.state == .live)
        #expect(try fixture.catalog.embeddings(of: adopted.id).count == 1)
    }

    @Test func `The database of another program is refused`() throws {
        let directory = try closedState()
        try setHeader(68, to: 0x1234, in: Catalog.catalogFile(in: directory.path))
        #expect(code { _ = try Catalog(state: directory.path, access: .readWrite) } == .foreign)
    }

    @Test func `The files say what they are`() throws {
        let directory = try closedState()
        for (file, version, application) in [
            (Catalog.catalogFile(in: directory.path), UInt32(7), UInt32(0x5343_4354)),
            (Catalog.featuresFile(in: directory.path), 2, 0x5343_4d45),
        ] {
            #expect(try header(60, of: file) == version)
            #expect(try header(68, of: file) == application)
        }
    }

    @Test(arguments: [0, 100, 5000])
    func `What is no database is set aside by who writes, and an error for who reads`(length: Int) throws {
        let directory = try TemporaryDirectory()
        let bytes = Data((0..<(length + 600)).map { UInt8(truncatingIfNeeded: $0 &* 31) })
        try directory.write(bytes, to: "catalog.sqlite")
        let error = #expect(throws: CatalogError.self) { try Catalog(state: directory.path, access: .readOnly) }
        #expect(error?.code == .damaged && error?.message.contains("mends it") == true)
        let catalog = try Catalog(state: directory.path, access: .readWrite)
        defer { catalog.close() }
        #expect(catalog.notices.count == 1)
        let aside = try FileManager.default.contentsOfDirectory(atPath: directory.path.string)
            .filter { $0.hasPrefix("catalog.sqlite.damaged-") }
        #expect(aside.count == 1)
        #expect(try aside.first.map { try Data(contentsOf: directory.url.appending(path: $0)) } == bytes)
    }

    @Test func `Damage in the middle is found by the quick check`() throws {
        var fixture: CatalogFixture? = try CatalogFixture()
        let directory = try #require(fixture?.directory)
        for content in 1...200 { try fixture?.file(FilePath("/\(content).mp4"), content: UInt8(content)) }
        #expect(try fixture?.catalog.quickCheck() == [])
        try fixture?.catalog.checkpoint()
        fixture?.catalog.close()
        fixture = nil
        let url = URL(filePath: Catalog.catalogFile(in: directory.path).string)
        var bytes = try Data(contentsOf: url)
        for offset in stride(from: 8192, to: bytes.count - 64, by: 4096) {
            bytes.replaceSubrange(offset..<(offset + 64), with: repeatElement(0xa5, count: 64))
        }
        try bytes.write(to: url)
        let reader = try? Catalog(state: directory.path, access: .readOnly)
        #expect(try reader?.quickCheck().isEmpty != true)
    }

    @Test func `Without the memories' file the media with memories are made again`() throws {
        var fixture = try CatalogFixture()
        let index = try fixture.index(storesRerankFeatures: true)
        let media = try fixture.file("/a.mp4", content: 1)
        let ids = try fixture.catalog.commit(
            [fixture.clip(media, 0, rerankFeatures: [7, 8])], of: index, finished: [media], at: 2)
        let clip = try #require(ids[0])
        #expect(try fixture.catalog.rerankFeatures(of: [clip]) == [clip: [7, 8]])
        fixture.catalog.close()
        for suffix in ["", "-wal", "-shm"] {
            try? FileManager.default.removeItem(
                atPath: Catalog.featuresFile(in: fixture.directory.path).string + suffix)
        }
        try fixture.reopen()
        #expect(fixture.catalog.notices.count == 1)
        #expect(try fixture.catalog.media(media)?.state == .pending)
        // They answer, without re-ranking, until their turn comes.
        #expect(try fixture.catalog.embeddings(of: index.id).count == 1)
        let job = try #require(try fixture.catalog.nextJobs(of: index.id, at: 3, limit: 9).first)
        #expect(job.isStale && job.committedClips == 0)
        try fixture.catalog.begin(job)
        try fixture.catalog.clear(job)
        #expect(try fixture.catalog.clips(of: media, index: index.id).isEmpty)
        let again = try fixture.catalog.commit(
            [fixture.clip(media, 0, rerankFeatures: [9])], of: index, finished: [media], at: 4)
        #expect(try fixture.catalog.rerankFeatures(of: again.compactMap { $0 }).count == 1)
        #expect(try fixture.catalog.job(of: media, index: index.id)?.isStale == false)
    }

    @Test func `Without the memories' file a media that failed half way is made again too`() throws {
        var fixture = try CatalogFixture()
        let index = try fixture.index(storesRerankFeatures: true)
        let media = try fixture.file("/a.mp4", content: 1)
        _ = try fixture.catalog.commit([fixture.clip(media, 0, rerankFeatures: [7])], of: index, at: 2)
        try fixture.catalog.fail(media, of: index.id, Problem(code: .decode, message: "", retryAt: nil), at: 3)
        fixture.catalog.close()
        for suffix in ["", "-wal", "-shm"] {
            try? FileManager.default.removeItem(
                atPath: Catalog.featuresFile(in: fixture.directory.path).string + suffix)
        }
        try fixture.reopen()
        #expect(try fixture.catalog.nextJobs(of: index.id, at: 3, limit: 9).map(\.media) == [media])
    }

    @Test func `Damaged memories are set aside and made again`() throws {
        var fixture = try CatalogFixture()
        fixture.catalog.close()
        try fixture.directory.write(Data(repeating: 0x5a, count: 9000), to: "memories.sqlite")
        for suffix in ["-wal", "-shm"] {
            try? FileManager.default.removeItem(
                atPath: Catalog.featuresFile(in: fixture.directory.path).string + suffix)
        }
        try fixture.reopen()
        #expect(fixture.catalog.notices.first?.contains("damaged") == true)
        #expect(try fixture.catalog.quickCheck() == [])
    }

    @Test func `Memories of another catalog are not taken for this one's`() throws {
        var fixture = try CatalogFixture()
        let index = try fixture.index(storesRerankFeatures: true)
        let media = try fixture.file("/a.mp4", content: 1)
        _ = try fixture.catalog.commit([fixture.clip(media, 0, rerankFeatures: [7])], of: index, at: 2)
        fixture.catalog.close()
        for suffix in ["", "-wal", "-shm"] {
            try? FileManager.default.removeItem(
                atPath: Catalog.catalogFile(in: fixture.directory.path).string + suffix)
        }
        try fixture.reopen()
        #expect(try fixture.catalog.rerankFeatures(of: [1]).isEmpty)
    }
}
