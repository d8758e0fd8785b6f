import Catalog
import Daemon
import DecodeProtocol
import Foundation
import Library
import SystemPackage
import TestSupport
import Testing

struct ThumbnailStoreTests {
    private func key(_ number: UInt8, time: Double = 1, side: Int = 64) -> ThumbnailStore.Key {
        .init(content: ContentIdentity(size: 5, digest: [UInt8](repeating: number, count: 16)), time: time, side: side)
    }

    private func picture(_ count: Int, _ value: UInt8 = 0) -> [UInt8] {
        [0xFF, 0xD8] + [UInt8](repeating: value, count: count - 2)
    }

    @Test func `a picture outlives the daemon, and is only given for what it shows`() throws {
        let directory = try TemporaryDirectory()
        let folder = directory.path.appending("thumbnails")
        let store = ThumbnailStore(folder: folder, capacity: 1000)
        #expect(store.picture(for: key(1)) == nil)
        store.keep(picture(10, 7), for: key(1))
        #expect(store.picture(for: key(1)) == picture(10, 7))
        for other in [key(2), key(1, time: 2), key(1, side: 65)] { #expect(store.picture(for: other) == nil) }
        #expect(ThumbnailStore(folder: folder, capacity: 1000).picture(for: key(1)) == picture(10, 7))
    }

    @Test func `the least recently used leave when there are too many bytes, those of earlier runs too`() throws {
        let directory = try TemporaryDirectory()
        let first = ThumbnailStore(folder: directory.path, capacity: 1000)
        for number in 0..<5 { first.keep(picture(100), for: key(UInt8(number))) }
        let second = ThumbnailStore(folder: directory.path, capacity: 1000)
        #expect(second.picture(for: key(0)) != nil)
        for number in 5..<11 { second.keep(picture(100), for: key(UInt8(number))) }
        let left = (0..<11).filter { second.picture(for: key(UInt8($0))) != nil }
        #expect(left.count == 9 && left.contains(0) && left.contains(10))
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path.string).count == 9)
    }

    @Test func `what can't be kept, or was damaged, is as if it weren't there`() throws {
        let directory = try TemporaryDirectory()
        let blocked = ThumbnailStore(folder: try directory.write(Data(), to: "file"), capacity: 1000)
        blocked.keep(picture(10), for: key(1))
        #expect(blocked.picture(for: key(1)) == nil)

        let folder = directory.path.appending("thumbnails")
        let store = ThumbnailStore(folder: folder, capacity: 1000)
        store.keep(picture(2000), for: key(1))
        #expect(!FileManager.default.fileExists(atPath: folder.string))
        store.keep(picture(10), for: key(1))
        let name = try #require(try FileManager.default.contentsOfDirectory(atPath: folder.string).first)
        try Data("<html>".utf8).write(to: URL(filePath: folder.appending(name).string))
        #expect(store.picture(for: key(1)) == nil)
        ThumbnailStore(folder: folder, capacity: 0).keep(picture(10), for: key(2))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.string).count == 1)
    }

    @Test func `a clip whose media item has gone offline still has its picture after a restart`() async throws {
        let directory = try TemporaryDirectory()
        let before = try await IndexedLibrary(in: directory)
        let clip = try await before.clip()
        let picture = try await before.backend.thumbnail(ofClip: clip, side: 100)
        before.library.close()
        try FileManager.default.moveItem(
            atPath: before.video.string, toPath: directory.path.appending("away.mp4").string)

        let gone = DecodeError(.notFound, isRetryable: false, message: "it is not there")
        let after = try await IndexedLibrary(pictures: GreyFrames(failure: gone), in: directory)
        #expect(try await after.backend.thumbnail(ofClip: clip, side: 100) == picture)
        after.library.close()
    }
}
