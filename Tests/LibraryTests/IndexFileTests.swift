import Catalog
import FolderFakes
import Foundation
import Library
import Search
import SystemPackage
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2))) struct IndexFileTests {
    private static let eager: IndexStorage = {
        var storage = IndexStorage(kind: .ivf)
        storage.leastClips = 2
        return storage
    }()

    @Test func `While a library runs its vectors go into a file, which the next start begins with`() async throws {
        let directory = try TemporaryDirectory()
        let state: FilePath
        do {
            let fixture = try LibraryFixture(in: directory, index: Self.eager)
            state = fixture.catalog.state
            try fixture.write("25 12", to: "a.mp4")
            try await fixture.running {
                _ = try await fixture.library.addRoot(fixture.folder)
                try await eventually { fixture.library.live?.fileByteCount != nil && fixture.library.live?.count == 4 }
            }
            #expect(try await fixture.library.status().indexFileBytes == fixture.library.live?.fileByteCount)
            let mode = try FileManager.default.attributesOfItem(
                atPath: IndexFiles.path(of: fixture.library.indexRecord.id, in: state).string)[.posixPermissions]
            #expect(mode as? Int == 0o600)
        }
        do {
            let again = try LibraryFixture(in: directory, index: Self.eager)
            #expect(again.library.live?.fileByteCount != nil && again.library.live?.count == 4)
        }
        let exact = try LibraryFixture(in: directory, index: IndexStorage(kind: .exact))
        #expect(exact.library.live?.fileByteCount == nil && exact.library.live?.count == 4)
        #expect(IndexFiles.byteCount(in: state) == 0)
    }

    @Test func `Without room for a file, the vectors stay in memory and indexing goes on`() async throws {
        let fixture = try LibraryFixture(freeSpace: { _ in 1 << 20 }, index: Self.eager)
        try fixture.write("25 12", to: "a.mp4")
        try await fixture.running {
            _ = try await fixture.library.addRoot(fixture.folder)
            try await eventually { fixture.library.live?.count == 4 }
        }
        #expect(fixture.library.live?.fileByteCount == nil)
        #expect(IndexFiles.byteCount(in: fixture.catalog.state) == 0)
    }
}
