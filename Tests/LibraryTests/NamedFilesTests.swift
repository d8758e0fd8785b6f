import Basics
import Library
import Search
import Catalog
import FolderFakes
import FolderWatch
import Synchronization
import SystemPackage
import TestSupport
import Testing

/// Files that are indexed by name, outside of every root.
@Suite(.timeLimit(.minutes(2))) struct NamedFilesTests {
    @Test func `Files that were indexed by name belong to a root that is added later`() async throws {
        let fixture = try LibraryFixture()
        let file = try fixture.write("3", to: "a.mp4")
        _ = try await fixture.library.index([file])
        #expect(try fixture.catalog.file(at: file)?.root == nil)
        let next = fixture.library.events()
        try await fixture.running {
            let root = try await fixture.library.addRoot(fixture.folder)
            _ = try await next.first(\.isScanFinished)
            #expect(try fixture.catalog.file(at: file)?.root == root.id)
        }
        #expect(fixture.source.decodings.count == 1)
    }

    @Test func `A file that was indexed by name leaves the index when it is deleted`() async throws {
        let fixture = try LibraryFixture()
        let file = try fixture.write("3", to: "a.mp4")
        let other = try fixture.write("4", to: "b.mp4")
        let media = try await fixture.library.index([file, other]).map { try #require($0.media) }
        try fixture.remove("a.mp4")
        let events = fixture.library.events()
        try await fixture.running {
            let gone = try await events.first { if case .folder(.mediaRemoved) = $0 { true } else { false } }
            #expect(gone == .folder(.mediaRemoved(media[0])))
            #expect(fixture.library.live?.count == 1)
            // Also when a rescan is asked for.
            try fixture.remove("b.mp4")
            _ = try await fixture.library.rescan()
            _ = try await events.first { $0 == .folder(.mediaRemoved(media[1])) }
            #expect(fixture.library.live?.count == 0)
        }
        #expect(try fixture.catalog.media(media[0])?.deletedAt != nil)
    }

    @Test func `A deleted file is noticed when another one is indexed by name`() async throws {
        let fixture = try LibraryFixture()
        let file = try fixture.write("3", to: "a.mp4")
        let other = try fixture.write("4", to: "b.mp4")
        let moved = try fixture.write("5", to: "c.mp4")
        let media = try await fixture.library.index([file, moved]).map { try #require($0.media) }
        try fixture.remove("a.mp4")
        try fixture.move("c.mp4", to: "d.mp4")
        let outcomes = try await fixture.library.index([other, fixture.folder.appending("d.mp4")])
        #expect(outcomes.map(\.result) == [.indexed(clips: 1), .known(clips: 1)])
        #expect(try fixture.catalog.media(media[0])?.deletedAt != nil)
        #expect(try fixture.catalog.places(of: media[1]).map(\.path) == [fixture.folder.appending("d.mp4")])
        #expect(fixture.library.live?.count == 2)
    }

    enum Absence: CaseIterable {
        case folderIsMissing, otherFileSystem, folderIsUnreadable
    }

    @Test(arguments: Absence.allCases)
    func `A file that was indexed by name is kept while its folder is offline`(absence: Absence) async throws {
        let fixture = try LibraryFixture()
        let file = try fixture.write("3", to: "disk/a.mp4")
        let media = try #require(try await fixture.library.index([file]).first?.media)
        let folder = fixture.folder.appending("disk")
        switch absence {
        case .folderIsMissing: fixture.files.faults.withLock { $0.missing = [folder] }
        case .otherFileSystem:
            try fixture.remove("disk/a.mp4")
            fixture.files.faults.withLock { $0.devices = [folder: 99] }
        case .folderIsUnreadable: fixture.files.faults.withLock { $0.concealed = [file] }
        }
        let other = try fixture.write("4", to: "b.mp4")
        _ = try await fixture.library.index([other])
        #expect(try fixture.catalog.media(media)?.deletedAt == nil)
        #expect(fixture.library.live?.count == 2)
    }

    @Test func `A file that was indexed by name and is gone leaves though its disk has another number`() async throws {
        let fixture = try LibraryFixture()
        let files = [try fixture.write("3", to: "disk/a.mp4"), try fixture.write("4", to: "disk/b.mp4")]
        _ = try await fixture.library.index(files)
        try fixture.remove("disk/a.mp4")
        fixture.files.faults.withLock { $0.devices = [fixture.folder: 99] }
        _ = try await fixture.library.index([files[1]])
        #expect(try fixture.catalog.file(at: files[0])?.deletedAt != nil)
        #expect(fixture.library.live?.count == 1)
    }

    @Test func `A file that was indexed by name is followed to a file system that has another number`() async throws {
        let fixture = try LibraryFixture()
        let file = try fixture.write("3", to: "disk/a.mp4")
        let media = try #require(try await fixture.library.index([file]).first?.media)
        // Mounted again.
        fixture.files.faults.withLock { $0.devices = [fixture.folder: 99] }
        let other = try fixture.write("4", to: "b.mp4")
        _ = try await fixture.library.index([other])
        #expect(try fixture.catalog.file(at: file)?.stamp.device == 99)
        try fixture.remove("disk/a.mp4")
        _ = try await fixture.library.index([other])
        #expect(try fixture.catalog.media(media)?.deletedAt != nil)
    }
}
