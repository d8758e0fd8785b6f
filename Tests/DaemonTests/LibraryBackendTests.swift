import FolderWatch
import Basics
import Threads
import Daemon
import API
import Catalog
import DecodeProtocol
import Dispatch
import Foundation
import HTTPServer
import Library
import Search
import Synchronization
import SystemPackage
import TestSupport
import Testing

struct LibraryBackendTests {
    private func error(_ body: () async throws -> Void) async -> APIError? {
        do {
            try await body()
            return nil
        } catch {
            return error as? APIError
        }
    }

    private func code(_ body: () async throws -> Void) async -> APIError.Code? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? APIError)?.code
        }
    }

    @Test func `a search, its clip and its media tell the same story`() async throws {
        let indexed = try await IndexedLibrary()
        let answer = try await indexed.backend.search(API.SearchRequest(query: "grey"))
        let result = try #require(answer.results.first)
        #expect(answer.modelDigest == "c0ffee")
        #expect(result.media.path == API.Path(indexed.video))
        #expect(result.media.online)
        #expect(abs(result.score - 1) < 0.02)
        #expect(answer.timings.total > 0)
        let clip = try await indexed.backend.clip(result.clip)
        #expect(clip.start == result.start)
        #expect(clip.end == result.end)
        #expect(clip.media.id == result.media.id)
        let media = try await indexed.backend.media(result.media.id)
        #expect(media.state == .indexed)
        #expect(media.clips.map(\.id).contains(result.clip))
        #expect(media.clipCount == answer.clips)
        #expect(media.paths.map(\.root) == [nil])
        indexed.library.close()
    }

    @Test func `what a name says is told with its line`() async throws {
        let indexed = try await IndexedLibrary()
        let answer = try await indexed.backend.search(API.SearchRequest(query: "film", channel: .words))
        let result = try #require(answer.results.first)
        #expect(result.line == API.Line(kind: .fileName, text: "film") && result.why == .words)
        #expect(result.scores.words == 1 && answer.found == true && answer.timings.words != nil)
        let picture = try await indexed.backend.search(API.SearchRequest(query: "film", channel: .picture))
        #expect(picture.results.first?.line == nil && picture.timings.words == nil)
        indexed.library.close()
    }

    @Test func `a picture is decoded by a worker from a file of its own, which doesn't stay`() async throws {
        let seen = Mutex<[(path: FilePath, bytes: Data?, mode: Int?)]>([])
        let indexed = try await IndexedLibrary(
            pictures: GreyFrames { file in
                let attributes = try? FileManager.default.attributesOfItem(atPath: file.string)
                let mode = (attributes?[.posixPermissions] as? NSNumber)?.intValue
                seen.withLock { $0.append((file, FileManager.default.contents(atPath: file.string), mode)) }
            })
        let picture = API.Example(.image(Data("a picture".utf8)))
        let answer = try await indexed.backend.search(API.SearchRequest(query: "", like: [picture]))
        #expect(!answer.results.isEmpty && answer.stage == .fast && answer.query == "")
        var lines: [API.SearchResponse] = []
        for try await line in indexed.backend.searchStream(
            API.SearchRequest(query: "grey", like: [picture], stream: true), while: { true })
        {
            lines.append(line)
        }
        #expect(lines.last?.isFinal == true && lines.last?.results.isEmpty == false)
        let files = seen.withLock { $0 }
        #expect(files.count == 2)
        for file in files {
            #expect(file.bytes == Data("a picture".utf8) && file.mode == 0o600)
            #expect(!FileManager.default.fileExists(atPath: file.path.string))
        }
        indexed.library.close()
    }

    @Test(arguments: [
        (DecodeError.Code.damaged, APIError.Code.invalidPicture), (.workerCrashed, .invalidPicture),
        (.notMedia, .invalidPicture), (.workerUnavailable, .unavailable),
    ])
    func `a picture that can't be decoded is refused, also of a stream`(
        failure: DecodeError.Code, expected: APIError.Code
    ) async throws {
        let indexed = try await IndexedLibrary(
            pictures: GreyFrames { _ in throw DecodeError(failure, isRetryable: false, message: "It is broken.") })
        let request = API.SearchRequest(query: "grey", like: [.init(.clip(1)), .init(.image(Data([1])))])
        let error = await error { _ = try await indexed.backend.search(request) }
        #expect(error?.code == expected)
        #expect(expected != .invalidPicture || error?.message.contains("“like[1]” can't be decoded") == true)
        let streamed = await self.error {
            for try await _ in indexed.backend.searchStream(request, while: { true }) {}
        }
        #expect(streamed == error)
        indexed.library.close()
    }

    @Test func `examples that aren't there have their codes`() async throws {
        let indexed = try await IndexedLibrary()
        func search(_ source: API.Example.Source) async -> APIError.Code? {
            await code { _ = try await indexed.backend.search(API.SearchRequest(query: "", like: [.init(source)])) }
        }
        #expect(await search(.clip(999)) == .clipNotFound)
        #expect(await search(.file(API.Path("/elsewhere.mp4"), time: 0)) == .mediaNotFound)
        #expect(await search(.file(API.Path(indexed.video), time: 1)) == nil)
        indexed.library.close()
    }

    @Test func `filters reach the index`() async throws {
        let indexed = try await IndexedLibrary()
        let elsewhere = API.SearchFilters(pathPrefix: "/elsewhere/")
        let none = try await indexed.backend.search(API.SearchRequest(query: "grey", filters: elsewhere))
        #expect(none.results.isEmpty)
        let glob = API.SearchFilters(pathGlob: "f?lm.mp4")
        #expect(try await !indexed.backend.search(API.SearchRequest(query: "grey", filters: glob)).results.isEmpty)
        let bad = API.SearchFilters(pathGlob: "[")
        let error = await code { _ = try await indexed.backend.search(API.SearchRequest(query: "grey", filters: bad)) }
        #expect(error == .invalidRequest)
        let root = API.SearchFilters(root: 99)
        let away = await code { _ = try await indexed.backend.search(API.SearchRequest(query: "grey", filters: root)) }
        #expect(away == .rootNotFound)
        let empty = await code { _ = try await indexed.backend.search(API.SearchRequest(query: " ")) }
        #expect(empty == .emptyQuery)
        let long = String(repeating: "a", count: 1_001)
        let tooLong = await code { _ = try await indexed.backend.search(API.SearchRequest(query: long)) }
        #expect(tooLong == .queryTooLong)
        indexed.library.close()
    }

    @Test func `a thumbnail is made once for each size`() async throws {
        let indexed = try await IndexedLibrary()
        let clip = try await indexed.clip()
        #expect(try await indexed.backend.thumbnail(ofClip: clip, side: 64) == [0xFF, 0xD8, 64])
        #expect(try await indexed.backend.thumbnail(ofClip: clip, side: 64) == [0xFF, 0xD8, 64])
        #expect(try await indexed.backend.thumbnail(ofClip: clip, side: nil) == [0xFF, 0xD8, 64])
        #expect(indexed.pictures.thumbnailsMade == 2)
        indexed.library.close()
    }

    @Test(arguments: [
        (DecodeError.Code.notFound, APIError.Code.mediaOffline), (.unreadable, .mediaOffline),
        (.damaged, .thumbnailFailed),
    ])
    func `a picture that can't be had says why`(failure: DecodeError.Code, expected: APIError.Code) async throws {
        let error = DecodeError(failure, isRetryable: false, message: "it went wrong")
        let indexed = try await IndexedLibrary(pictures: GreyFrames(failure: error))
        let clip = try await indexed.clip()
        #expect(await code { _ = try await indexed.backend.thumbnail(ofClip: clip, side: nil) } == expected)
        indexed.library.close()
    }

    @Test func `a preview is made once, and kept on disk for when the file is away`() async throws {
        let indexed = try await IndexedLibrary()
        let clip = try await indexed.clip()
        let preview = try await indexed.backend.preview(ofClip: clip)
        #expect(preview.contentType == "video/webm" && preview.size == 5)
        #expect(try await preview.read(3, 10) == [0xA3, 2])
        _ = try await indexed.backend.preview(ofClip: clip)
        #expect(indexed.pictures.thumbnailsMade == 1)
        try FileManager.default.removeItem(atPath: indexed.video.string)
        #expect(try await indexed.backend.preview(ofClip: clip).digest == preview.digest)
        #expect(await code { _ = try await indexed.backend.preview(ofClip: 999) } == .clipNotFound)
        indexed.library.close()
    }

    @Test(arguments: [
        (DecodeError.Code.notFound, APIError.Code.mediaOffline), (.damaged, .previewFailed),
    ])
    func `a preview that can't be had says why`(failure: DecodeError.Code, expected: APIError.Code) async throws {
        let error = DecodeError(failure, isRetryable: false, message: "it went wrong")
        let indexed = try await IndexedLibrary(pictures: GreyFrames(failure: error))
        let clip = try await indexed.clip()
        #expect(await code { _ = try await indexed.backend.preview(ofClip: clip) } == expected)
        indexed.library.close()
    }

    @Test func `what isn't there has its own code`() async throws {
        let indexed = try await IndexedLibrary()
        let backend = indexed.backend
        #expect(await code { _ = try await backend.media(999) } == .mediaNotFound)
        #expect(await code { _ = try await backend.clip(999) } == .clipNotFound)
        #expect(await code { _ = try await backend.thumbnail(ofClip: 999, side: nil) } == .clipNotFound)
        #expect(await code { _ = try await backend.rescan(root: 999) } == .rootNotFound)
        #expect(await code { try await backend.removeRoot(999) } == .rootNotFound)
        indexed.library.close()
    }

    @Test func `roots are added, refused and removed`() async throws {
        let indexed = try await IndexedLibrary()
        let backend = indexed.backend
        let folder = indexed.directory.path.appending("folder")
        try FileManager.default.createDirectory(atPath: folder.string, withIntermediateDirectories: true)
        let added = try await backend.addRoot(path: API.Path(folder))
        #expect(added.isNew)
        #expect(added.root.state == .scanning)
        #expect(try await !backend.addRoot(path: API.Path(folder)).isNew)
        #expect(await code { _ = try await backend.addRoot(path: API.Path(indexed.directory.path)) } == .invalidRoot)
        #expect(await code { _ = try await backend.addRoot(path: API.Path("/nonexistent")) } == .invalidRoot)
        #expect(await code { _ = try await backend.addRoot(path: API.Path(indexed.video)) } == .invalidRoot)
        #expect(try await backend.rescan(root: nil).roots == [added.root.id])
        #expect(try await backend.status().roots.map(\.id) == [added.root.id])
        try await backend.removeRoot(added.root.id)
        #expect(try await backend.status().roots.isEmpty)
        indexed.library.close()
    }

    @Test func `the status counts what is there`() async throws {
        let indexed = try await IndexedLibrary()
        let status = try await indexed.backend.status()
        #expect(status.media == API.Status.MediaCounts(total: 1, pending: 0, indexing: 0, indexed: 1, failed: 0))
        #expect(status.index.clips == 1)
        #expect(status.queue.waiting == 0)
        #expect(status.failures.isEmpty)
        indexed.library.close()
    }

    @Test func `a path that is not UTF-8 keeps its bytes in the queue, among the failures and in events`() async throws
    {
        let (decoding, begins) = AsyncStream<Void>.makeStream()
        let (release, releases) = AsyncStream<Void>.makeStream()
        let source = GreyFrames { file in
            guard file.bytes.contains(0xFF) else { return }
            begins.finish()
            for await _ in release {}
            throw DecodeError(.damaged, isRetryable: false, message: "it is damaged")
        }
        let indexed = try await IndexedLibrary(source: source)
        let file = FilePath(bytes: indexed.directory.path.bytes + [0x2F, 0x61, 0xFF] + Array(".mp4".utf8))
        let descriptor = try FileDescriptor.open(
            file, .writeOnly, options: .create, permissions: .ownerReadWrite)
        _ = try descriptor.closeAfter { try descriptor.writeAll("damaged".utf8) }

        let events = indexed.library.events()
        async let outcomes = indexed.library.index([file])
        for await _ in decoding {}
        let working = try throughJSON(await indexed.backend.status())
        #expect(working.queue.current.map(\.path.bytes) == [file.bytes])
        releases.finish()
        _ = try await outcomes
        let status = try throughJSON(await indexed.backend.status())
        #expect(status.failures.map(\.path?.bytes) == [file.bytes])
        for await event in events {
            guard let told = API.Event(event) else { continue }
            let event = try throughJSON(told)
            if event.kind == .mediaStarted { #expect(event.path?.bytes == file.bytes) }
            guard event.kind == .mediaFailed else { continue }
            #expect(event.path?.bytes == file.bytes)
            break
        }
        indexed.library.close()
    }

    private func throughJSON<Value: Codable>(_ value: Value) throws -> Value {
        try API.decoder().decode(Value.self, from: API.encoder().encode(value))
    }

    @Test func `status and lookups don't wait for searches that hold every thread they may have`() async throws {
        let gate = DispatchSemaphore(value: 0)
        let indexed = try await IndexedLibrary(reranker: ReversingReranker(batches: 1, onBatch: { _ in gate.wait() }))
        let found = try await indexed.backend.search(API.SearchRequest(query: "grey", rerank: .off))
        let clip = try #require(found.results.first?.clip)
        let searches = 64
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<searches {
                group.addTask { _ = try await indexed.backend.search(API.SearchRequest(query: "grey")) }
            }
            #expect(try await indexed.backend.status().index.clips == 1)
            #expect(try await indexed.backend.clip(clip).id == clip)
            for _ in 0..<searches { gate.signal() }
            try await group.waitForAll()
        }
        indexed.library.close()
    }

    @Test func `events are told in the API's words`() {
        let problem = Problem(code: .decode, message: "it is damaged", retryAt: nil)
        let events: [(LibraryEvent.Kind, API.EventKind)] = [
            (.folder(.scanStarted(1)), .scanStarted), (.folder(.rootOffline(1, reason: "gone")), .rootOffline),
            (.folder(.mediaFound(2, path: "/v/a")), .mediaFound), (.mediaFailed(2, path: nil, problem), .mediaFailed),
            (.folder(.fileFailed(path: "/v/a", problem)), .mediaFailed), (.paused(reason: "full"), .paused),
            (.paused(reason: nil), .resumed),
        ]
        for (kind, expected) in events {
            #expect(API.Event(LibraryEvent(time: 5, kind: kind))?.kind == expected)
        }
        let progress = API.Event(
            LibraryEvent(time: 5, kind: .mediaProgress(2, position: 3, duration: 9, clips: 1)))
        #expect(
            progress
                == API.Event(
                    kind: .mediaProgress, time: Date(timeIntervalSince1970: 5), media: 2, position: 3, duration: 9,
                    clips: 1))
    }
}
