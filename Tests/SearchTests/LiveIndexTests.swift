import Catalog
import Dispatch
import Search
import Synchronization
import SystemPackage
import TestSupport
import Testing

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
        _ = try library.catalog.moveFile(file.id, to: "/v/c.mp4", root: nil, at: 2)
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
                        _ = try library.catalog.moveFile(file.id, to: FilePath(path + ".mkv"), root: nil, at: 2)
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
