import API
import Catalog
import Foundation
import Models
import SystemPackage
import TestSupport
import Testing

/// Indexing and searching a state folder with no daemon at all.
struct WithoutDaemonTests {
    @Test func `describe takes several files and folders, and goes on after one that can't be decoded`() async throws {
        let home = try TemporaryDirectory()
        let folder = home.path.appending("folder")
        try FileManager.default.createDirectory(atPath: folder.string, withIntermediateDirectories: true)
        try await TestVideo(width: 160, height: 120, seconds: 2).write(to: folder.appending("a.mp4"))
        try await TestVideo(width: 160, height: 120, seconds: 2).write(to: home.path.appending("b.mp4"))
        try home.write(Data("no video".utf8), to: "folder/c.mp4")
        try home.write(Data("notes".utf8), to: "folder/notes.txt")
        struct Line: Decodable {
            var path: String
            var description: String
        }
        let outcome = try await saccade(["describe", "folder", "b.mp4", "--json"], home: home.path)
        let lines = try outcome.text.split(separator: "\n").map {
            try JSONDecoder().decode(Line.self, from: Data($0.utf8))
        }
        #expect(lines.map(\.path) == [folder.appending("a.mp4").string, home.path.appending("b.mp4").string])
        #expect(lines.allSatisfy { !$0.description.isEmpty })
        #expect(outcome.status == 1 && outcome.errors.contains("c.mp4") && outcome.errors.contains("1 file of 3"))
        let shown = try await saccade(["describe", "folder/a.mp4", "b.mp4"], home: home.path)
        #expect(shown.status == 0 && shown.text.contains("folder/a.mp4\n0:00"), "\(shown.text)")
        try FileManager.default.createDirectory(
            atPath: home.path.appending("empty").string, withIntermediateDirectories: true)
        let empty = try await saccade(["describe", "empty"], home: home.path)
        #expect(empty.status == 66 && empty.errors.contains("No video or picture"))
    }

    @Test func `index ends with what failed and why, each reason once`() async throws {
        let home = try TemporaryDirectory()
        try FileManager.default.createDirectory(
            atPath: home.path.appending("folder").string, withIntermediateDirectories: true)
        for name in ["a", "b", "c"] { try home.write(Data("no video \(name)".utf8), to: "folder/\(name).mp4") }
        try await TestVideo(width: 160, height: 120, seconds: 2).write(to: home.path.appending("folder/good.mp4"))
        let outcome = try await saccade(
            ["index", "folder", "--state", home.path.appending("state").string], home: home.path)
        #expect(outcome.status == 1)
        let lines = outcome.errors.split(separator: "\n").suffix(5)
        #expect(lines.first?.hasPrefix("saccade: 3 files: ") == true, "\(outcome.errors)")
        #expect(lines.dropFirst().prefix(3).map { $0.hasSuffix(".mp4") && $0.hasPrefix("  /") } == [true, true, true])
        #expect(lines.last == "saccade: 3 files of 4 could not be indexed.")
    }

    @Test func `a model's folder may be the argument`() async throws {
        let home = try TemporaryDirectory()
        let named = try await saccade(["model", "info", ModelFolder.shipped().string, "--json"], home: home.path)
        let shipped = try await saccade(["model", "info", "--json"], home: home.path)
        #expect(named.status == 0 && named.text == shipped.text, "\(named.errors)")
        #expect(try await saccade(["model", "info", "x", "--model", "y"], home: home.path).status == 64)
    }

    @Test func `index, then search: the answer names path, span and score`() async throws {
        let home = try TemporaryDirectory()
        let file = home.path.appending("bars.mp4")
        try await TestVideo(width: 160, height: 120, seconds: 6, scenes: 2).write(to: file)
        let state = home.path.appending("state").string

        let indexed = try await saccade(["index", "bars.mp4", "--state", state], home: home.path)
        #expect(indexed.status == 0, "\(indexed.errors)")

        struct Answer: Decodable {
            struct Result: Decodable {
                struct Media: Decodable {
                    var path: String
                }
                var media: Media
                var start: Double
                var end: Double
                var score: Double
            }
            var results: [Result]
        }
        let searched = try await saccade(["search", "coloured bars", "--state", state, "--json"], home: home.path)
        #expect(searched.status == 0, "\(searched.errors)")
        let answer = try searched.decoded(Answer.self)
        #expect(!answer.results.isEmpty)
        for result in answer.results {
            #expect(result.media.path == file.string)
            #expect(result.start < result.end)
            #expect(result.score.isFinite)
        }
        #expect(answer.results.map(\.score) == answer.results.map(\.score).sorted(by: >))

        // The same options as with a daemon, and the same refusals.
        let options = ["--fast", "--by-video", "--limit", "5"]
        let grouped = try await saccade(
            ["search", "coloured bars", "--state", state, "--json"] + options, home: home.path)
        #expect(try grouped.decoded(Answer.self).results.count == 1)
        let unlikely = try await saccade(
            ["search", "coloured bars", "--state", state, "--min-probability", "0.999"], home: home.path)
        #expect(unlikely.status == 0 && unlikely.text.isEmpty)
        #expect(unlikely.errors.contains("likely enough"))

        let fast = try await saccade(
            ["search", "coloured bars", "--state", state, "--json", "--fast"], home: home.path)
        for result in try fast.decoded(Answer.self).results { #expect((-1...1).contains(result.score)) }

        let again = try await saccade(["index", "bars.mp4", "--state", state], home: home.path)
        #expect(again.status == 0, "\(again.errors)")
    }

    @Test func `a model that can tell says whether anything is found`() async throws {
        let home = try TemporaryDirectory()
        try await TestVideo(width: 160, height: 120, seconds: 2, scenes: 1).write(to: home.path.appending("bars.mp4"))
        let model = home.path.appending("model")
        let shipped = try ModelFolder.shipped()
        try FileManager.default.createDirectory(atPath: model.string, withIntermediateDirectories: true)
        for file in try FileManager.default.contentsOfDirectory(atPath: shipped.string) where file != "reranking.json" {
            try FileManager.default.createSymbolicLink(
                atPath: model.appending(file).string, withDestinationPath: shipped.appending(file).string)
        }
        func search(_ options: [String], bias: Double) async throws -> Outcome {
            // The same index: what combines the scores is no part of the model's digest.
            let sure = Relevance.Logistic(bias: bias, fast: 0)
            let relevance = Relevance(fastOnly: sure, both: sure, threshold: 0.5)
            try Reranking(depth: 8, beta: 1, endWeight: 0.5, relevance: relevance).write(
                to: model.appending("reranking.json"))
            let outcome = try await saccade(
                ["search", "coloured bars", "--state", "state"] + options, home: home.path,
                environment: ["SACCADE_MODEL": model.string])
            #expect(outcome.status == 0, "\(outcome.errors)")
            return outcome
        }
        let indexed = try await saccade(
            ["index", "bars.mp4", "--state", "state"], home: home.path, environment: ["SACCADE_MODEL": model.string])
        #expect(indexed.status == 0, "\(indexed.errors)")

        struct Answer: Decodable {
            var found: Bool
        }
        for options in [[], ["--fast"]] {
            let nothing = try await search(options, bias: -5)
            #expect(nothing.errors.hasPrefix("Nothing looks like that; the nearest are:"))
            #expect(nothing.text.contains("bars.mp4") && nothing.text.contains("likely"))
            #expect(try await search(options + ["--json"], bias: -5).decoded(Answer.self).found == false)
            let something = try await search(options, bias: 5)
            #expect(!something.errors.contains("Nothing looks like that"))
            #expect(something.text.contains("likely") && something.text.contains("99 %"))
            #expect(try await search(options + ["--json"], bias: 5).decoded(Answer.self).found)
        }
    }

    @Test func `a file that was deleted is not found any more, and one whose folder is away is`() async throws {
        let home = try TemporaryDirectory()
        for (name, scenes) in [("kept/a.mp4", 1), ("away/b.mp4", 2), ("kept/c.mp4", 3)] {
            let path = home.path.appending(name)
            try FileManager.default.createDirectory(
                atPath: path.removingLastComponent().string, withIntermediateDirectories: true)
            try await TestVideo(width: 160, height: 120, seconds: 3, scenes: scenes).write(to: path)
        }
        let state = home.path.appending("state").string
        let indexed = try await saccade(["index", "kept", "away", "--state", state], home: home.path)
        #expect(indexed.status == 0, "\(indexed.errors)")

        try FileManager.default.removeItem(atPath: home.path.appending("kept/c.mp4").string)
        try FileManager.default.removeItem(atPath: home.path.appending("away").string)
        let searched = try await saccade(["search", "coloured bars", "--state", state, "--json"], home: home.path)
        #expect(searched.status == 0, "\(searched.errors)")
        let answer = try API.decoder().decode(API.SearchResponse.self, from: searched.output)
        #expect(
            Set(answer.results.map(\.media.path.text))
                == Set(["kept/a.mp4", "away/b.mp4"].map { home.path.appending($0).string }))
    }

    @Test func `a path through symbolic links means what the system means by it`() async throws {
        let home = try TemporaryDirectory()
        let manager = FileManager.default
        for name in ["real/inner", "other"] {
            try manager.createDirectory(
                atPath: home.path.pushing(FilePath(name)).string, withIntermediateDirectories: true)
        }
        try await TestVideo(width: 160, height: 120, seconds: 3, scenes: 1).write(
            to: home.path.appending("real").appending("a.mp4"))
        try manager.createSymbolicLink(
            atPath: home.path.appending("other").appending("link").string,
            withDestinationPath: home.path.appending("real").appending("inner").string)
        try manager.createSymbolicLink(
            atPath: home.path.appending("videos").string, withDestinationPath: home.path.appending("real").string)
        let state = home.path.appending("state").string
        // Up from where the link leads: real/a.mp4.
        let indexed = try await saccade(["index", "other/link/../a.mp4", "--state", state], home: home.path)
        #expect(indexed.status == 0, "\(indexed.errors)")
        let searched = try await saccade(
            ["search", "bars", "--state", state, "--json", "--under", "videos"], home: home.path)
        #expect(searched.status == 0, "\(searched.errors)")
        let answer = try API.decoder().decode(API.SearchResponse.self, from: searched.output)
        #expect(answer.results.map(\.media.path.text) == [home.path.appending("real").appending("a.mp4").string])
        let past = try await saccade(["search", "bars", "--state", state, "--offset", "5"], home: home.path)
        #expect(past.errors.contains("nothing after the first 5"))
        for wrong in [["--min-duration", "nan"], ["--offset", "4", "--number", "3"], ["--after", "2026-02-30"]] {
            #expect(try await saccade(["search", "bars", "--state", state] + wrong, home: home.path).status == 64)
        }
    }

    @Test func `with the memories damaged, a search still has the Fast answer`() async throws {
        let home = try TemporaryDirectory()
        try await TestVideo(width: 160, height: 120, seconds: 4, scenes: 2).write(to: home.path.appending("bars.mp4"))
        let state = home.path.appending("state").string
        let indexed = try await saccade(["index", "bars.mp4", "--state", state], home: home.path)
        #expect(indexed.status == 0, "\(indexed.errors)")
        for suffix in ["-wal", "-shm"] {
            try? FileManager.default.removeItem(atPath: "\(state)/memories.sqlite\(suffix)")
        }
        try Data(repeating: 0x5A, count: 40_000).write(to: URL(filePath: "\(state)/memories.sqlite"))
        let searched = try await saccade(["search", "coloured bars", "--state", state, "--json"], home: home.path)
        #expect(searched.status == 0, "\(searched.errors)")
        let answer = try API.decoder().decode(API.SearchResponse.self, from: searched.output)
        #expect(answer.stage == .fast && answer.reranked == 0 && answer.results.count == 2)
        #expect(searched.errors.contains("memories.sqlite"), "\(searched.errors)")
    }

    @Test func `a file that can't be indexed is named with its reason`() async throws {
        let home = try TemporaryDirectory()
        try home.write(Data("not a film".utf8), to: "broken.mp4")
        let state = home.path.appending("state").string
        let outcome = try await saccade(["index", "broken.mp4", "--state", state], home: home.path)
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("broken.mp4"))
        let missing = try await saccade(["index", "missing.mp4", "--state", state], home: home.path)
        #expect(missing.status == 66)
        #expect(missing.errors.contains("missing.mp4"))
    }
}
