import API
import Daemon
import DecodeProtocol
import Foundation
import HTTPServer
import Library
import SystemPackage
import TestSupport
import Testing

struct IndexedFileTests {
    private func code(_ body: () async throws -> Void) async -> APIError.Code? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? APIError)?.code
        }
    }

    private func media(_ indexed: IndexedLibrary) async throws -> Int64 {
        try await indexed.backend.clip(indexed.clip()).media.id
    }

    @Test func `a file that was indexed is read in parts, also while its name is gone`() async throws {
        let indexed = try await IndexedLibrary()
        let file = try await indexed.backend.file(ofMedia: media(indexed))
        let content = Array("not really a video".utf8)
        #expect(file.size == Int64(content.count) && file.contentType == "video/mp4" && file.digest.count == 32)
        try FileManager.default.removeItem(atPath: indexed.video.string)
        #expect(try await file.read(0, 100) == content)
        #expect(try await file.read(4, 6) == Array("really".utf8))
        #expect(try await file.read(100, 6).isEmpty)
        indexed.library.close()
    }

    @Test(arguments: ["other content", "a link", "a folder", "nothing", "a pipe"])
    func `what has taken the place of an indexed file is never served`(replacement: String) async throws {
        let indexed = try await IndexedLibrary()
        let (id, path) = (try await media(indexed), indexed.video.string)
        let files = FileManager.default
        try files.removeItem(atPath: path)
        switch replacement {
        // Of the same length.
        case "other content": try indexed.directory.write(Data("not really a vide0".utf8), to: "film.mp4")
        case "a link":
            let secret = try indexed.directory.write(Data("a private file".utf8), to: "secret")
            try files.createSymbolicLink(atPath: path, withDestinationPath: secret.string)
        case "a folder": try files.createDirectory(atPath: path, withIntermediateDirectories: false)
        case "a pipe": #expect(mkfifo(path, 0o600) == 0)
        default: break
        }
        #expect(await code { _ = try await indexed.backend.file(ofMedia: id) } == .mediaOffline)
        indexed.library.close()
    }

    @Test func `a copy elsewhere is served when the first place is gone`() async throws {
        let indexed = try await IndexedLibrary()
        let id = try await media(indexed)
        let copy = try indexed.directory.write(Data("not really a video".utf8), to: "copy.webm")
        _ = try await indexed.library.index([copy])
        try FileManager.default.removeItem(atPath: indexed.video.string)
        let file = try await indexed.backend.file(ofMedia: id)
        #expect(file.contentType == "video/webm")
        indexed.library.close()
    }

    @Test func `a file that could not be decoded is not served, whatever it is called`() async throws {
        let source = GreyFrames { file in
            guard file.lastComponent?.stem != "film" else { return }
            throw DecodeError(.damaged, isRetryable: false, message: "it is no video")
        }
        let indexed = try await IndexedLibrary(source: source)
        let secret = try indexed.directory.write(Data("a private file".utf8), to: "secret")
        let link = indexed.directory.path.appending("holiday.mp4")
        try FileManager.default.createSymbolicLink(atPath: link.string, withDestinationPath: secret.string)
        _ = try await indexed.library.index([link])
        let failed = try #require(try await indexed.backend.status().failures.first?.media)
        #expect(try await indexed.backend.media(failed).state == .failed)
        #expect(await code { _ = try await indexed.backend.file(ofMedia: failed) } == .mediaNotFound)
        #expect(await code { _ = try await indexed.backend.file(ofMedia: 999) } == .mediaNotFound)
        indexed.library.close()
    }
}
