import Basics
import Catalog
import Foundation
import GRDB
import SystemPackage
import TestSupport
import Testing

@Suite struct BackupTests {
    /// A catalog of two media with three clips, a root and a saved search.
    private struct Library {
        let fixture: CatalogFixture
        let index: IndexRecord
        var catalog: Catalog { fixture.catalog }

        init() throws {
            fixture = try CatalogFixture()
            index = try fixture.index(storesRerankFeatures: true)
            let root = try fixture.catalog.addRoot("/v", device: 1, at: 1)
            for content in 1...2 as ClosedRange<UInt8> {
                let media = try fixture.file(FilePath("/v/\(content).mp4"), content: content, root: root.id)
                let clips = (0..<Int(content)).map { clip(media, $0) }
                _ = try fixture.catalog.commit(clips, of: index, finished: [media], at: 2)
            }
            _ = try fixture.catalog.save("dogs", request: "{}", command: nil, at: 3)
        }

        func clip(_ media: MediaID, _ ordinal: Int) -> NewClip {
            var clip = fixture.clip(
                media, ordinal, rerankFeatures: (0..<9000).map { UInt8(truncatingIfNeeded: $0 + ordinal) })
            let length = Float(ordinal * ordinal + 1).squareRoot()
            clip.embedding = [Float(ordinal) / length, 0, 0, 1 / length]
            return clip
        }

        func backUp(withRerankFeatures hasFeatures: Bool = true, to file: FilePath) throws {
            try write(try catalog.backup(withRerankFeatures: hasFeatures, program: "1.2", at: 86_400), to: file)
        }

        func write(_ backup: CatalogBackup, to file: FilePath) throws {
            var data = Data()
            while let bytes = try backup.next() { data += bytes }
            try data.write(to: URL(filePath: file.string))
        }
    }

    /// What an index holds and what else can't be made again.
    private struct Content: Equatable {
        var vectors: [EmbeddingRow]
        var features: [ClipID: [UInt8]]
        var roots: [FilePath]
        var searches: [String]

        init(_ catalog: Catalog) throws {
            let index = try #require(try catalog.liveIndex())
            vectors = try catalog.embeddings(of: index.id)
            features = try catalog.rerankFeatures(of: vectors.map(\.clip))
            roots = try catalog.roots().map(\.path)
            searches = try catalog.savedSearches().map(\.name)
        }
    }

    private func code(_ body: () throws -> Void) -> CatalogError.Code? {
        do {
            try body()
            return nil
        } catch {
            return (error as? CatalogError)?.code
        }
    }

    private func names(_ folder: FilePath) throws -> Set<String> {
        Set(try FileManager.default.contentsOfDirectory(atPath: folder.string))
    }

    @Test func `What is restored is what was there when the backup began, whatever was written meanwhile`() throws {
        let library = try Library()
        let directory = try TemporaryDirectory()
        let file = directory.path.appending("backup.tar")
        let before = try Content(library.catalog)
        #expect(before.vectors.count == 3 && before.features.count == 3)

        let backup = try library.catalog.backup(withRerankFeatures: true, program: "1.2", at: 86_400)
        var data = Data(try backup.next() ?? [])
        let media = try library.fixture.file("/v/later.mp4", content: 9)
        _ = try library.catalog.commit(
            (0..<50).map { library.clip(media, $0) }, of: library.index, finished: [media], at: 4)
        #expect(try Content(library.catalog).vectors.count == 53)
        while let bytes = try backup.next() { data += bytes }
        try data.write(to: URL(filePath: file.string))
        // The logs can be written back again.
        try library.catalog.checkpoint()
        #expect(try library.catalog.quickCheck() == [] && library.catalog.crossCheck() == [])

        let description = try CatalogRestore.check(file)
        #expect(description.program == "1.2" && description.created == Date(timeIntervalSince1970: 86_400))
        #expect(description.files.map(\.name) == ["catalog.sqlite", "memories.sqlite"])
        let state = directory.path.appending("state")
        #expect(try CatalogRestore(from: file, to: state).run(replacing: false) == description)
        #expect(try names(state) == ["catalog.sqlite", "memories.sqlite", "lock"])
        let restored = try Catalog(state: state, access: .readWrite)
        defer { restored.close() }
        #expect(restored.notices.isEmpty)
        #expect(try Content(restored) == before)
        #expect(try restored.quickCheck() == [] && restored.crossCheck() == [])
    }

    @Test func `Without rerank features everything else is there, and they are due to be made again`() throws {
        let library = try Library()
        let directory = try TemporaryDirectory()
        let (large, small) = (directory.path.appending("large"), directory.path.appending("small"))
        try library.backUp(to: large)
        try library.backUp(withRerankFeatures: false, to: small)
        #expect(try !CatalogRestore.check(small).hasRerankFeatures)
        // Over a state of the same catalog, whose features are of other clips by now.
        let state = directory.path.appending("state")
        _ = try CatalogRestore(from: large, to: state).run(replacing: false)
        _ = try CatalogRestore(from: small, to: state).run(replacing: true)
        let restored = try Catalog(state: state, access: .readWrite)
        defer { restored.close() }
        let content = try Content(restored)
        #expect(content.vectors.count == 3 && content.features.isEmpty && content.roots == ["/v"])
        #expect(try restored.media(1)?.state == .pending)
    }

    @Test func `A state that is in use, or has an index already, stays what it is`() throws {
        let library = try Library()
        let directory = try TemporaryDirectory()
        let file = directory.path.appending("backup")
        try library.backUp(to: file)
        let restore = CatalogRestore(from: file, to: library.fixture.directory.path)
        #expect(code { _ = try restore.run(replacing: true) } == .locked)
        #expect(try Content(library.catalog).vectors.count == 3)
        library.catalog.close()
        let before = try names(library.fixture.directory.path)
        let error = #expect(throws: CatalogError.self) { try restore.run(replacing: false) }
        #expect(error?.code == .nameTaken && error?.message.contains("--replace") == true)
        #expect(try names(library.fixture.directory.path) == before)
        _ = try restore.run(replacing: true)
    }

    @Test(arguments: 0..<24)
    func `A backup that is cut or altered anywhere changes nothing`(seed: Int) throws {
        let library = try Library()
        let directory = try TemporaryDirectory()
        let file = directory.path.appending("backup")
        try library.backUp(to: file)
        var random = SeededGenerator(state: UInt64(seed))
        var data = try Data(contentsOf: URL(filePath: file.string))
        let place = Int.random(in: 0..<data.count, using: &random)
        if seed.isMultiple(of: 2) {
            data = data[..<place]
        } else {
            data[place] ^= UInt8(1 << Int.random(in: 0..<8, using: &random))
        }
        try data.write(to: URL(filePath: file.string))
        let state = directory.path.appending("state")
        let found = code { _ = try CatalogRestore(from: file, to: state).run(replacing: false) }
        // A bit of a header that means nothing, such as an owner's name, may be another one.
        if found == nil {
            let restored = try Catalog(state: state, access: .readWrite)
            defer { restored.close() }
            #expect(try Content(restored) == Content(library.catalog))
        } else {
            #expect([.damaged, .foreign, .newerSchema].contains(found), "byte \(place)")
            #expect(try !FileManager.default.fileExists(atPath: state.string) || names(state).isSubset(of: ["lock"]))
        }
    }

    @Test func `Other files, and backups of later versions, are refused by name`() throws {
        let library = try Library()
        let directory = try TemporaryDirectory()
        let file = try directory.write(Data("no backup".utf8), to: "backup")
        func restore() throws {
            _ = try CatalogRestore(from: file, to: directory.path.appending("state")).run(replacing: false)
        }
        #expect(code(restore) == .foreign)
        try directory.write(Data(repeating: 0, count: 9000), to: "backup")
        #expect(code(restore) == .foreign)
        try library.backUp(to: file)
        let data = try Data(contentsOf: URL(filePath: file.string))
        for (text, other) in [("\"format\" : 1", "\"format\" : 9"), ("\"schema\" : 7", "\"schema\" : 8")] {
            let range = try #require(data.range(of: Data(text.utf8)), "\(text)")
            try data.replacing(range, with: other).write(to: URL(filePath: file.string))
            #expect(code(restore) == .newerSchema)
        }
        let missing = CatalogRestore(from: "/nowhere/backup", to: directory.path.appending("state"))
        #expect(code { _ = try missing.run(replacing: false) } == .unreadable)
    }

    @Test func `A restore that was cut short after its end began is finished by who opens the state next`() throws {
        let library = try Library()
        let directory = try TemporaryDirectory()
        let file = directory.path.appending("backup")
        try library.backUp(to: file)
        let (other, state) = (directory.path.appending("other"), directory.path.appending("state"))
        _ = try CatalogRestore(from: file, to: other).run(replacing: false)
        try Catalog(state: state, access: .readWrite).close()
        // As it is when one of the two files has been moved.
        let files = FileManager.default
        try files.removeItem(atPath: other.appending("lock").string)
        for name in ["memories.sqlite", "catalog.sqlite"] {
            for suffix in ["", "-wal", "-shm"] {
                try? files.removeItem(atPath: state.appending(name).string + suffix)
            }
        }
        try files.moveItem(atPath: other.string, toPath: state.appending("restored").string)
        try files.moveItem(
            atPath: state.appending("restored/memories.sqlite").string,
            toPath: state.appending("memories.sqlite").string)
        try files.createDirectory(atPath: state.appending("restoring").string, withIntermediateDirectories: true)
        try Data().write(to: URL(filePath: state.appending("catalog.sqlite").string))
        // Of the vectors that were there before.
        let vectors = [IndexFiles.path(of: 1, in: state), FilePath(IndexFiles.path(of: 2, in: state).string + ".new")]
        for path in vectors { try Data("vectors".utf8).write(to: URL(filePath: path.string)) }
        #expect(IndexFiles.byteCount(in: state) == 14)
        #expect(code { _ = try Catalog(state: state, access: .readOnly) } == .busy)
        let restored = try Catalog(state: state, access: .readWrite)
        defer { restored.close() }
        #expect(try Content(restored) == Content(library.catalog))
        #expect(try names(state).isDisjoint(with: ["restored", "restoring"]))
        #expect(IndexFiles.byteCount(in: state) == 0)
    }

    @Test func `Tar and sha256sum can unpack and check a backup`() throws {
        let library = try Library()
        let directory = try TemporaryDirectory()
        try library.backUp(to: directory.path.appending("backup.tar"))
        func run(_ arguments: String...) throws -> Int32 {
            let process = Process()
            process.executableURL = URL(filePath: "/usr/bin/env")
            process.arguments = arguments
            process.currentDirectoryURL = directory.url
            process.standardOutput = FileHandle.nullDevice
            try process.run()
            process.waitUntilExit()
            return process.terminationStatus
        }
        #expect(try run("tar", "-xf", "backup.tar") == 0)
        #expect(try run("sha256sum", "-c", "SHA256SUMS") == 0)
        #expect(try names(directory.path).isSuperset(of: ["backup.json", "catalog.sqlite", "memories.sqlite"]))
    }
}

extension Data {
    fileprivate func replacing(_ range: Range<Int>, with text: String) -> Data {
        var data = self
        data.replaceSubrange(range, with: Data(text.utf8))
        // The header's sum is of the header alone.
        return data
    }
}
