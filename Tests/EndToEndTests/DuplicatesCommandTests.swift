import Foundation
import SystemPackage
import TestSupport
import Testing

/// `saccade duplicates` on real files.
@Suite(.timeLimit(.minutes(10))) struct DuplicatesCommandTests {
    private struct Report: Decodable {
        struct Pair: Decodable {
            struct File: Decodable {
                var path: String
                var width: Int
            }
            var kind: String
            var first: File
            var second: File
            var similarity: Double
        }
        var pairs: [Pair]
        var media: Int
    }

    @Test func `a copy and a smaller one are listed, another video isn't, and nothing is deleted`() async throws {
        let home = try TemporaryDirectory()
        let folder = home.path.appending("footage")
        try FileManager.default.createDirectory(atPath: folder.string, withIntermediateDirectories: true)
        try await TestVideo(width: 320, height: 240, seconds: 6, scenes: 3).write(to: folder.appending("large.mp4"))
        try await TestVideo(width: 160, height: 120, seconds: 6, scenes: 3).write(to: folder.appending("small.mp4"))
        try FileManager.default.copyItem(
            atPath: folder.appending("large.mp4").string, toPath: folder.appending("large copy.mp4").string)
        let state = home.path.appending("state").string
        let indexed = try await saccade(["index", "footage", "--state", state], home: home.path)
        #expect(indexed.status == 0, "\(indexed.errors)")
        let before = try FileManager.default.contentsOfDirectory(atPath: folder.string).sorted()

        let listed = try await saccade(["duplicates", "--json", "--state", state], home: home.path)
        #expect(listed.status == 0, "\(listed.errors)")
        let report = try listed.decoded(Report.self)
        #expect(report.media == 2 && report.pairs.map(\.kind) == ["same_content", "whole"], "\(listed.text)")
        #expect(report.pairs.last?.first.width == 320 && report.pairs.last?.second.width == 160)
        let table = try await saccade(["duplicates", "--state", state], home: home.path)
        #expect(table.text.contains("same content") && table.text.contains("footage/small.mp4 (160×120, "))
        let strict = try await saccade(
            ["duplicates", "--min-similarity", "1", "--json", "--state", state], home: home.path)
        #expect(try strict.decoded(Report.self).pairs.map(\.kind) == ["same_content"])
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.string).sorted() == before)
    }

    @Test func `without an index there is nothing to compare, and that is said`() async throws {
        let home = try TemporaryDirectory()
        let missing = try await saccade(["duplicates", "--state", "state"], home: home.path)
        #expect(missing.status == 66 && missing.errors.contains("saccade index"))
        let wrong = try await saccade(["duplicates", "--min-similarity", "2"], home: home.path)
        #expect(wrong.status == 64)
    }
}
