import Catalog
import Dispatch
import Foundation
import Search
import Synchronization
import SystemPackage
import TestSupport
import Testing
import VectorIndex

@Suite struct LiveIndexTests {
    /// The clips that an index finds.
    private func found(_ index: LiveIndex) throws -> Set<ClipID> {
        let list = try index.candidates(for: AxisEncoder.axis(0), limit: 100_000, where: .all, group: .clip)
        #expect(list.count == list.entries.count)
        return Set(list.entries.map(\.clip))
    }

    private func searchable(_ library: Library) throws -> Set<ClipID> {
        var clips: Set<ClipID> = []
        for media in try library.catalog.media(where: .all) {
            clips.formUnion(try library.catalog.clips(of: media, index: library.index.id).map(\.id))
        }
        return clips
    }

    @Test func itFollowsWhatEntersLeavesAndComesBack() throws {
        let library = try Library()
        let index = try LiveIndex(library.index, of: library.catalog)
        #expect(index.count == 0)
        let media = try library.add(["/v/a.mp4"], clips: [leaning(0.9), leaning(0.8)])
        try library.add(["/v/b.mp4"], clips: [leaning(0.7)])
        #expect(index.count == 0)
        try index.catchUp()
        #expect(index.count == 3)
        let file = try #require(try library.catalog.file(at: "/v/a.mp4"))
        _ = try library.catalog.removeFiles([file.id], at: 1)
        try index.catchUp()
        #expect(index.count == 1)
        _ = try library.catalog.move([MovedFile(file.id, to: "/v/c.mp4", root: nil)], at: 2)
        try index.catchUp()
        #expect(index.count == 3)
        try library.catalog.restart(media, of: library.index.id)
        try index.catchUp()
        #expect(index.count == 1)
    }

    @Test func itBeginsAnewWhenTheCatalogHasForgottenWhatLeft() throws {
        let library = try Library()
        for number in 0..<5 { try library.add(["/v/\(number).mp4"], clips: [leaning(0.5)]) }
        let index = try LiveIndex(library.index, of: library.catalog)
        let files = try (0..<3).map { try #require(try library.catalog.file(at: FilePath("/v/\($0).mp4"))).id }
        _ = try library.catalog.removeFiles(files, at: 1)
        while try library.catalog.purge(tombstonesBefore: 2, keepingChanges: 1) {}
        try index.catchUp()
        #expect(try found(index) == searchable(library))
        #expect(index.count == 2)
    }

    @Test func aDamagedVectorCostsItsOwnClip() throws {
        let library = try Library()
        try library.add(["/v/a.mp4"], clips: [[1, 0, 0], leaning(0.8), [.nan, 0, 0, 0, 0, 0, 0, 0]])
        #expect(try LiveIndex(library.index, of: library.catalog).count == 1)
    }

    /// Files as soon as there are a few clips, and of few changes.
    private static let eager: IndexStorage = {
        var storage = IndexStorage(kind: .ivf, recall: 1, writes: true)
        storage.leastClips = 2
        storage.leastTail = 2
        storage.mostTail = 4
        storage.loadedAtOnce = 3
        return storage
    }()

    @Test func aFileAnswersAsMemoryDidAndAStartFollowsFromIt() throws {
        let library = try Library()
        let index = try LiveIndex(library.index, of: library.catalog, storage: Self.eager)
        #expect(!index.isFileDue)
        for number in 0..<20 { try library.add(["/v/\(number).mp4"], clips: [leaning(0.5), leaning(0.4)]) }
        try index.catchUp()
        let bytes = index.byteCount
        #expect(index.isFileDue && index.fileByteCount == nil)
        #expect(try index.write())
        #expect(!index.isFileDue && index.fileByteCount != nil && index.byteCount < bytes && index.count == 40)
        #expect(try found(index) == searchable(library))
        #expect(try !index.write())
        // A second process reads it, and both follow what comes and goes.
        let reader = try LiveIndex(library.index, of: library.catalog)
        #expect(reader.fileByteCount == index.fileByteCount && reader.byteCount == 0)
        let file = try #require(try library.catalog.file(at: "/v/3.mp4"))
        _ = try library.catalog.removeFiles([file.id], at: 1)
        try library.add(["/v/new.mp4"], clips: [leaning(0.9)])
        for index in [index, reader, try LiveIndex(library.index, of: library.catalog, storage: Self.eager)] {
            try index.catchUp()
            #expect(index.count == 39)
            #expect(try found(index) == searchable(library))
        }
    }

    @Test func whatIsReadWithoutAFileGoesIntoOneAsItComes() throws {
        let library = try Library()
        for number in 0..<45 {
            try library.add(["/v/\(number).mp4"], clips: (0..<200).map { leaning(Float(number * 200 + $0) / 10_000) })
        }
        // What no file can be made of stays in memory, and is tried once.
        let obstacle = FilePath(IndexFiles.path(of: library.index.id, in: library.folder.path).string + ".new")
        try FileManager.default.createDirectory(atPath: obstacle.string, withIntermediateDirectories: false)
        let inMemory = try LiveIndex(library.index, of: library.catalog, storage: Self.eager)
        #expect(inMemory.fileByteCount == nil && inMemory.count == 9_000)
        #expect(try found(inMemory) == searchable(library))
        try FileManager.default.removeItem(atPath: obstacle.string)
        let index = try LiveIndex(library.index, of: library.catalog, storage: Self.eager)
        #expect(index.fileByteCount != nil && index.count == 9_000)
        #expect(try found(index) == searchable(library))
    }

    @Test func aDamagedFileIsMadeAgain() throws {
        let library = try Library()
        for number in 0..<40 { try library.add(["/v/\(number).mp4"], clips: [leaning(Float(number) / 50)]) }
        let path = IndexFiles.path(of: library.index.id, in: library.folder.path)
        let made = try LiveIndex(library.index, of: library.catalog, storage: Self.eager)
        try made.write()
        var bytes = try Data(contentsOf: URL(filePath: path.string))
        for place in 8_000..<bytes.count { bytes[place] ^= 0x55 }
        try bytes.write(to: URL(filePath: path.string), options: .atomic)
        let notices = Mutex(0)
        let index = try LiveIndex(library.index, of: library.catalog, storage: Self.eager) {
            notices.withLock { $0 += 1 }
        }
        #expect(try index.candidates(for: AxisEncoder.axis(0), limit: 50, where: .all, group: .clip).entries.count < 40)
        #expect(notices.withLock { $0 } > 0)
        #expect(index.isFileDue)
        while index.isFileDue { try index.write() }
        #expect(try found(index) == searchable(library))
        #expect(try found(try LiveIndex(library.index, of: library.catalog)) == searchable(library))
        // One that can't even be opened is as good as none.
        try Data("SACCADIV".utf8).write(to: URL(filePath: path.string), options: .atomic)
        #expect(try found(try LiveIndex(library.index, of: library.catalog)) == searchable(library))
    }

    @Test func aFileOfAnotherCatalogOrALaterStateIsNotUsed() throws {
        let (library, other) = (try Library(), try Library())
        for library in [library, other] {
            for number in 0..<8 { try library.add(["/v/\(number).mp4"], clips: [leaning(0.5)]) }
        }
        try LiveIndex(library.index, of: library.catalog, storage: Self.eager).write()
        let path = IndexFiles.path(of: library.index.id, in: library.folder.path)
        let vectors = try Data(contentsOf: URL(filePath: path.string))
        try vectors.write(to: URL(filePath: IndexFiles.path(of: other.index.id, in: other.folder.path).string))
        #expect(try LiveIndex(other.index, of: other.catalog).fileByteCount == nil)
        // A power loss took the newest commits with it: the cursor is ahead of the catalog.
        let cursor = IndexCursor(clip: 1_000, change: 0)
        #expect(try library.catalog.indexChanges(of: library.index.id, after: cursor) == nil)
        #expect(
            try library.catalog.indexChanges(of: library.index.id, after: IndexCursor(clip: 0, change: 1_000)) == nil)
    }

    @Test func aFileWhoseChangesAreForgottenIsNotFollowedFrom() throws {
        let library = try Library()
        for number in 0..<8 { try library.add(["/v/\(number).mp4"], clips: [leaning(0.5)]) }
        try LiveIndex(library.index, of: library.catalog, storage: Self.eager).write()
        let files = try (0..<3).map { try #require(try library.catalog.file(at: FilePath("/v/\($0).mp4"))).id }
        _ = try library.catalog.removeFiles(files, at: 1)
        while try library.catalog.purge(tombstonesBefore: 2, keepingChanges: 1) {}
        let index = try LiveIndex(library.index, of: library.catalog)
        #expect(index.fileByteCount == nil)
        #expect(try found(index) == searchable(library))
    }

    @Test func whereAllIsToBeInMemoryTheFileGoes() throws {
        let library = try Library()
        for number in 0..<8 { try library.add(["/v/\(number).mp4"], clips: [leaning(0.5)]) }
        try LiveIndex(library.index, of: library.catalog, storage: Self.eager).write()
        #expect(IndexFiles.byteCount(in: library.folder.path) > 0)
        let index = try LiveIndex(
            library.index, of: library.catalog, storage: IndexStorage(kind: .exact, writes: true))
        #expect(index.fileByteCount == nil && index.count == 8 && !index.isFileDue)
        #expect(IndexFiles.byteCount(in: library.folder.path) == 0)
    }

    @Test func aFullDiskChangesNothing() throws {
        let library = try Library()
        for number in 0..<8 { try library.add(["/v/\(number).mp4"], clips: [leaning(0.5)]) }
        let index = try LiveIndex(library.index, of: library.catalog, storage: Self.eager)
        #expect(throws: InvertedFileError.unwritable(.noSpace)) { try index.write(freeBytes: 1_000) }
        #expect(index.fileByteCount == nil)
        #expect(try found(index) == searchable(library))
    }

    @Test func recallIsMeasuredBesideASearchOfEverything() throws {
        let library = try Library()
        for number in 0..<40 { try library.add(["/v/\(number).mp4"], clips: [leaning(Float(number) / 50)]) }
        let index = try LiveIndex(library.index, of: library.catalog, storage: Self.eager)
        let queries = (0..<3).map { AxisEncoder.axis($0) }
        let inMemory = try index.measureRecall(with: queries, limit: 10)
        #expect(!inMemory.isInFile && inMemory.recall == 1 && inMemory.clips == 40)
        try index.write()
        let inFile = try index.measureRecall(with: queries, limit: 10)
        #expect(inFile.isInFile && inFile.recall == 1 && inFile.leastRecall == 1 && inFile.queries == 3)
        #expect(inFile.median > 0 && inFile.slow >= inFile.median && inFile.exactMedian > 0)
        #expect(throws: SearchError.self) { try index.measureRecall(with: [[1, 0]]) }
    }

    //  writer:       commit · catch up · hide · catch up · commit …
    //  file writer:  write · write · write …
    //  at the end    the index, and one that begins with the last file, hold what can be found
    @Test func filesAreWrittenBesideWritersAndNothingIsLost() throws {
        let library = try Library()
        let index = try LiveIndex(library.index, of: library.catalog, storage: Self.eager)
        let failures = Mutex<[String]>([])
        let isDone = Mutex(false)
        DispatchQueue.concurrentPerform(iterations: 2) { worker in
            do {
                guard worker == 0 else {
                    while !isDone.withLock({ $0 }) { try index.write() }
                    return
                }
                defer { isDone.withLock { $0 = true } }
                for round in 0..<40 {
                    try library.add(["/v/\(round).mp4"], clips: [leaning(0.1), leaning(0.2)])
                    try index.catchUp()
                    guard round % 3 == 2 else { continue }
                    let file = try #require(try library.catalog.file(at: FilePath("/v/\(round - 1).mp4")))
                    _ = try library.catalog.removeFiles([file.id], at: 1)
                    try index.catchUp()
                }
            } catch {
                failures.withLock { $0.append("\(error)") }
            }
        }
        #expect(failures.withLock { $0 } == [])
        let expected = try searchable(library)
        #expect(try found(index) == expected)
        #expect(try found(try LiveIndex(library.index, of: library.catalog)) == expected)
    }

    //  writer 1, 2:  commit · catch up · hide · catch up · show · catch up …
    //  loader:       load anew, again and again, and catch up
    //  at the end    every index holds what can be found
    @Test func writersAndLoadersInAnyOrderEndWithWhatCanBeFound() throws {
        let library = try Library()
        let shared = try LiveIndex(library.index, of: library.catalog)
        let loaded = Mutex<[LiveIndex]>([])
        let failures = Mutex<[String]>([])
        DispatchQueue.concurrentPerform(iterations: 3) { worker in
            do {
                for round in 0..<25 {
                    guard worker < 2 else {
                        let index = try LiveIndex(library.index, of: library.catalog)
                        loaded.withLock { $0.append(index) }
                        continue
                    }
                    let path = "/v/\(worker)-\(round).mp4"
                    try library.add([path], clips: [leaning(0.1), leaning(0.2)])
                    try shared.catchUp()
                    let file = try library.catalog.file(at: FilePath(path))
                    if round % 3 > 0, let file { _ = try library.catalog.removeFiles([file.id], at: 1) }
                    try shared.catchUp()
                    if round % 3 > 1, let file {
                        _ = try library.catalog.move(
                            [MovedFile(file.id, to: FilePath(path + ".mkv"), root: nil)], at: 2)
                    }
                    try shared.catchUp()
                }
            } catch {
                failures.withLock { $0.append("\(error)") }
            }
        }
        #expect(failures.withLock { $0 } == [])
        let expected = try searchable(library)
        #expect(try found(shared) == expected)
        for index in loaded.withLock({ $0 }) {
            try index.catchUp()
            #expect(try found(index) == expected)
        }
    }
}
