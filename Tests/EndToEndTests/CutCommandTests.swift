import Foundation
import SystemPackage
import TestSupport
import Testing

/// Keeping what a search found.
struct CutCommandTests {
    private let home = Result { try TemporaryDirectory() }

    private func run(_ arguments: [String]) async throws -> Outcome {
        try await saccade(arguments, home: home.get().path)
    }

    @Test func `a result of the last search is cut by its number, and the results are exported`() async throws {
        let folder = try home.get().path
        try await TestVideo(width: 160, height: 120, seconds: 6, scenes: 2).write(to: folder.appending("bars.mp4"))
        #expect(try await run(["index", "bars.mp4", "--state", "state"]).status == 0)
        let early = try await run(["cut", "1", "-o", "part.mp4"])
        #expect(early.status == 66 && early.errors.contains("search first"), "\(early.errors)")

        let search = ["search", "coloured bars", "--state", "state"]
        #expect(try await run(search).status == 0)
        let cut = try await run(["cut", "1", "-o", "part.mp4", "--exact"])
        #expect(cut.status == 0 && cut.text.hasPrefix("Wrote part.mp4: 0:0"), "\(cut.errors)")
        #expect(FileManager.default.fileExists(atPath: folder.appending("part.mp4").string))
        let again = try await run(["cut", "1", "-o", "part.mp4"])
        #expect(again.status == 74 && again.errors.contains("exists already"), "\(again.errors)")
        let none = try await run(["cut", "99", "-o", "other.mp4"])
        #expect(none.status == 66 && none.errors.contains("no number 99"), "\(none.errors)")

        let table = try await run(search + ["--format", "csv"])
        #expect(
            table.status == 0
                && table.text.hasPrefix("number,path,start,end,score,probability\r\n1,\(folder)/bars.mp4,"))
        for format in ["m3u", "edl", "otio", "ffconcat"] {
            let list = try await run(search + ["--format", format])
            #expect(list.status == 0 && list.text.contains("bars.mp4"), "\(format)")
            guard format == "ffconcat" else { continue }
            // FFmpeg itself reads it.
            try Data(list.output).write(to: URL(filePath: folder.appending("list.ffconcat").string))
            try await TestVideo.ffmpeg([
                "-f", "concat", "-safe", "0", "-i", folder.appending("list.ffconcat").string, "-f", "null", "-",
            ])
        }
    }

    @Test func `a part of a file is cut without any search`() async throws {
        let folder = try home.get().path
        try await TestVideo(width: 160, height: 120, seconds: 4).write(to: folder.appending("a@b.mp4"))
        let cut = try await run(["cut", "a@b.mp4@0:01-3.5", "-o", "part.mkv", "--copy"])
        #expect(cut.status == 0, "\(cut.errors)")
        #expect(
            cut.text.hasPrefix("Wrote part.mkv: 0:00.0–0:03.5") && cut.errors.contains("1.0 s early"), "\(cut.text)")
    }

    @Test(arguments: [
        ["cut", "film.mp4", "-o", "x.mp4"], ["cut", "film.mp4@3-1", "-o", "x.mp4"],
        ["cut", "film.mp4@1-0x5", "-o", "x.mp4"],
        ["cut", "film.mp4@1:75-1:80", "-o", "x.mp4"], ["cut", "@1-2", "-o", "x.mp4"], ["cut", "1"],
        ["cut", "1", "-o", "x.mp4", "--copy", "--exact"], ["search", "a dog", "--format", "avi"],
        ["search", "a dog", "--format", "csv", "--json"], ["search", "a dog", "--frame-rate", "30"],
        ["search", "a dog", "--format", "edl", "--frame-rate", "0"],
    ])
    func `what can't be is wrong usage`(arguments: [String]) async throws {
        let outcome = try await run(arguments)
        #expect(outcome.status == 64, "\(outcome.errors)")
    }
}
