import API
import Foundation
import SystemPackage
import TestSupport
import Testing

/// Words beside the picture, with real videos, real subtitles and the programs that people run.
struct WordsTests {
    private func subRip(_ lines: [String]) -> String {
        lines.enumerated().map { "\($0 + 1)\n00:00:0\(2 * $0),500 --> 00:00:0\(2 * $0 + 1),500\n\($1)\n\n" }.joined()
    }

    /// A film of six seconds in three shots, with a track of subtitles and a title.
    private func film(_ path: FilePath, saying lines: [String], in home: FilePath) async throws {
        let subtitles = home.appending("\(UUID().uuidString).srt")
        try Data(subRip(lines).utf8).write(to: URL(filePath: subtitles.string))
        try await TestVideo(
            width: 160, height: 120, seconds: 6, scenes: 3,
            encoding: [
                "-i", subtitles.string, "-map", "0:v", "-map", "1:s", "-c:v", "libx264", "-preset", "ultrafast",
                "-pix_fmt", "yuv420p", "-c:s", "mov_text", "-metadata:s:s:0", "language=eng", "-metadata",
                "title=The keeper of the light",
            ]
        ).write(to: path)
        try FileManager.default.removeItem(atPath: subtitles.string)
    }

    @Test func `without a daemon, subtitles in and beside a film are found with their moment`() async throws {
        let home = try TemporaryDirectory()
        try await film(
            home.path.appending("sea.mp4"), saying: ["The storm is coming", "Light the lamp!", "Too late, captain"],
            in: home.path)
        try home.write(Data(subRip(["Le phare s'éteint", "灯台が見える", "Fin"]).utf8), to: "sea.fr.srt")
        try await TestVideo(width: 160, height: 120, seconds: 3).write(to: home.path.appending("other.mp4"))
        let state = home.path.appending("state").string
        let indexed = try await saccade(["index", "sea.mp4", "other.mp4", "--state", state], home: home.path)
        #expect(indexed.status == 0, "\(indexed.errors)")

        func search(_ arguments: [String]) async throws -> API.SearchResponse {
            let outcome = try await saccade(
                ["search"] + arguments + ["--state", state, "--json"], home: home.path)
            #expect(outcome.status == 0, "\(outcome.errors)")
            return try API.decoder().decode(API.SearchResponse.self, from: outcome.output)
        }
        for (query, start, text, language) in [
            ("\"light the lamp\"", 2.0, "Light the lamp!", "eng"), ("\"phare\"", 0, "Le phare s'éteint", "fr"),
            ("\"灯台\"", 2, "灯台が見える", "fr"),
        ] {
            let answer = try await search([query])
            #expect(answer.results.count == 1 && answer.found == true, "\(query)")
            let best = try #require(answer.results.first)
            #expect(best.why == .words && best.line?.text == text && best.line?.language == language)
            #expect(abs(best.start - start) < 0.3 && best.media.path.text == home.path.appending("sea.mp4").string)
            #expect((best.line?.start ?? -1) >= best.start && (best.line?.end ?? 99) <= best.end)
        }
        let both = try await search(["captain"])
        #expect(both.results.first?.line?.text == "Too late, captain" && both.results.count == 4)
        let picture = try await search(["captain", "--picture"])
        #expect(picture.results.allSatisfy { $0.why == .picture && $0.line == nil })
        let title = try await search(["keeper", "--text"])
        #expect(title.results.first?.line?.kind == .title && title.results.count == 1)
        let nothing = try await saccade(["search", "\"no such words\"", "--state", state], home: home.path)
        #expect(nothing.status == 0 && nothing.text.isEmpty && nothing.errors.contains("No text has these words"))
        let table = try await saccade(["search", "captain", "--state", state], home: home.path)
        #expect(table.text.contains("“Too late, captain” (at 0:04, eng)"), "\(table.text)")
    }

    @Test func `the daemon notices subtitles that come, change and go, and answers any query`() async throws {
        let home = try TemporaryDirectory()
        let daemon = try await RunningDaemon(in: home.path)
        try await TestVideo(width: 160, height: 120, seconds: 6, scenes: 3).write(
            to: daemon.footage.appending("quiet.mp4"))
        try await daemon.waitUntilIndexed(1)
        #expect(try await daemon.search("\"lighthouse\"").results.isEmpty)
        let subtitles = daemon.footage.appending("quiet.en.srt")
        for words in ["a lighthouse", "a windmill"] {
            try Data(subRip(["nothing", words]).utf8).write(to: URL(filePath: subtitles.string))
            let answer = try await daemon.answer(to: "\"\(words)\"") { !$0.results.isEmpty }
            #expect(answer.results.first?.line?.language == "en" && answer.results.count == 1)
        }
        #expect(try await daemon.search("\"a lighthouse\"").results.isEmpty)
        for query in ["\"a\" OR *", "NEAR(x", "^\"windmill\"", "text:\"windmill\" -x", "\"\"\"", "'; DROP TABLE lines"]
        {
            _ = try await daemon.search(query)
        }
        try FileManager.default.removeItem(atPath: subtitles.string)
        _ = try await daemon.answer(to: "\"a windmill\"") { $0.results.isEmpty }
        // One that is no such file is a failure with its reason, and the film stays indexed.
        try Data(repeating: 0, count: 40 << 20).write(to: URL(filePath: subtitles.string))
        let status = try await daemon.wait("the failure") { $0.failures.contains { $0.path?.text == subtitles.string } }
        #expect(status.media.indexed == 1 && status.media.failed == 0)
        #expect(status.failures.first?.reason.contains("MiB") == true)
    }
}

extension RunningDaemon {
    /// Asks until the answer is as wanted.
    fileprivate func answer(
        to query: String, until isAsWanted: @escaping (API.SearchResponse) -> Bool
    ) async throws -> API.SearchResponse {
        var last: API.SearchResponse?
        let deadline = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < deadline {
            let answer = try await search(query)
            if isAsWanted(answer) { return answer }
            last = answer
            try await Task.sleep(for: .milliseconds(20))
        }
        throw Impatient(description: "\(query) was answered by \(String(describing: last))")
    }
}
