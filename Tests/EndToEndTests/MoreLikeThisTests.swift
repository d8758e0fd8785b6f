import API
import Client
import Foundation
import SystemPackage
import TestSupport
import Testing

/// Searches by example, with a real model and a real decode worker.
struct MoreLikeThisTests {
    /// A video of four different scenes, and a picture like its third.
    private func footage(in home: FilePath) async throws -> (video: FilePath, picture: FilePath) {
        let folder = home.appending("footage")
        try FileManager.default.createDirectory(atPath: folder.string, withIntermediateDirectories: true)
        let video = folder.appending("scenes.mp4")
        try await TestVideo(width: 160, height: 120, seconds: 12, scenes: 4).write(to: video)
        let picture = home.appending("third.png")
        try await TestVideo.ffmpeg(["-ss", "7.5", "-i", video.string, "-frames:v", "1", picture.string])
        return (video, picture)
    }

    private func failure(_ body: () async throws -> Void) async -> String? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? ClientError).map { "\($0.code) \($0.message)" } ?? "\(error)"
        }
    }

    @Test func `a daemon finds what is like a clip, a moment of a file, and a picture`() async throws {
        let home = try TemporaryDirectory()
        let (video, picture) = try await footage(in: home.path)
        let daemon = try await RunningDaemon(in: home.path)
        try await daemon.waitUntilIndexed(1)
        func search(_ request: API.SearchRequest) async throws -> API.SearchResponse {
            try await daemon.client.request(.post, "/v1/search", body: request, as: API.SearchResponse.self)
        }
        let bytes = try Data(contentsOf: URL(filePath: picture.string))
        let found = try await search(.init(query: "", like: [.init(.image(bytes))]))
        let first = try #require(found.results.first)
        #expect(first.start <= 7.5 && 7.5 < first.end && first.scores.fast > 0.8)
        #expect(found.stage == .fast && found.found == nil && first.probability == nil)
        // Its own clip is left out, by whichever name.
        for source in [API.Example.Source.clip(first.clip), .file(API.Path(video.string), time: 7.5)] {
            let others = try await search(.init(query: "", like: [.init(source)]))
            #expect(others.results.count == found.results.count - 1)
            #expect(!others.results.contains { $0.clip == first.clip })
        }
        let both = try await search(
            .init(query: "coloured bars", like: [.init(.image(bytes))], not: [.init("a dog")], fold: true))
        #expect(both.stage == .slow && both.results.allSatisfy { $0.scores.excluded != nil })

        let script = home.path.appending("bad.png")
        for bad in [
            Data("not a picture".utf8), bytes.prefix(bytes.count / 8),
            Data("#EXTM3U\n#EXTINF:1,\n\(picture.string)\n".utf8),
            Data("ffconcat version 1.0\nfile \(picture.string)\n".utf8),
            Data([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 13]) + Data("IHDR".utf8)
                + Data(repeating: 0xFF, count: 8) + Data([8, 2, 0, 0, 0, 0, 0, 0, 0]),
        ] {
            let error = await failure { _ = try await search(.init(query: "", like: [.init(.image(bad))])) }
            #expect(error?.contains("can't be decoded as a picture") == true, "\(error ?? "none")")
            try bad.write(to: URL(filePath: script.string))
            let shown = try await saccade(
                ["search", "--like", script.string, "--state", daemon.state.string], home: home.path)
            #expect(shown.status != 0 && shown.errors.contains("can't be decoded as a picture"))
        }
        #expect(try await search(.init(query: "coloured bars")).results.count > 1, "the daemon goes on")
        _ = try await daemon.terminate()
    }

    @Test func `without a daemon the same is found, and results are named by their numbers`() async throws {
        let home = try TemporaryDirectory()
        let (video, picture) = try await footage(in: home.path)
        let state = home.path.appending("state").string
        #expect(try await saccade(["index", video.string, "--state", state], home: home.path).status == 0)
        func search(_ arguments: [String]) async throws -> API.SearchResponse {
            let outcome = try await saccade(["search", "--json", "--state", state] + arguments, home: home.path)
            #expect(outcome.status == 0, "\(outcome.errors)")
            return try outcome.decoded(API.SearchResponse.self, with: API.decoder())
        }
        let found = try await search(["--like", picture.string])
        let first = try #require(found.results.first)
        #expect(first.start <= 7.5 && 7.5 < first.end)
        let named = try await search(["--like", "\(video.string)@0:07.5"])
        let shown = try await saccade(
            ["search", "--like", picture.string, "--no-fold", "--state", state], home: home.path)
        #expect(shown.status == 0, "\(shown.errors)")
        #expect(try await search(["--like", "1"]).results.map(\.clip) == named.results.map(\.clip))
        #expect(try await search(["bars", "--like", "1", "--not", "dog"]).stage == .slow)

        let away = try await saccade(["search", "--like", "nowhere.jpg", "--state", state], home: home.path)
        #expect(away.status == 66 && away.errors.contains("There is no file"))
        let other = try await saccade(["search", "--like", "/v/other.mp4@3", "--state", state], home: home.path)
        #expect(other.status != 0 && other.errors.contains("of which nothing is indexed"))
        #expect(try await saccade(["search", "--state", state], home: home.path).status == 64)
    }

    @Test func `a watched search shows what new clips bring, and pictures; a shell completes what the daemon has`()
        async throws
    {
        let home = try TemporaryDirectory()
        let (_, picture) = try await footage(in: home.path)
        let daemon = try await RunningDaemon(in: home.path)
        try await daemon.waitUntilIndexed(1)
        let output = try home.write(Data(), to: "watched.txt")
        let watching = Process()
        watching.executableURL = URL(filePath: Installation.saccade.string)
        watching.arguments = ["search", "coloured bars", "--watch", "--no-fold", "--state", daemon.state.string]
        watching.environment = cleanEnvironment(home: home.path)
        watching.standardInput = FileHandle.nullDevice
        let handle = try FileHandle(forWritingTo: URL(filePath: output.string))
        watching.standardOutput = handle
        watching.standardError = FileHandle.nullDevice
        try watching.run()
        defer { watching.terminate() }
        func shown() -> String { (try? String(contentsOfFile: output.string, encoding: .utf8)) ?? "" }
        try await daemon.wait("the first answer is shown") { _ in shown().contains("scenes.mp4") }
        let first = shown()
        try FileManager.default.copyItem(atPath: picture.string, toPath: daemon.footage.appending("new.png").string)
        try await daemon.wait("what is new is shown") { _ in shown().contains("new.png") }
        let news = shown().dropFirst(first.count)
        #expect(!news.contains("scenes.mp4"), "what was shown is not shown again")

        let arguments = [
            "search", "bars", "--preview", "--preview-format", "blocks", "--limit", "2", "--state", daemon.state.string,
        ]
        let previewed = try await saccade(arguments, home: home.path)
        #expect(previewed.status == 0 && previewed.text.filter { $0 == "▀" }.count > 100, "\(previewed.errors)")

        let completed = try await saccade(
            [
                "---completion", "search", "--", "--root", "5", "0", "saccade", "search", "--state",
                daemon.state.string, "--root", "",
            ],
            home: home.path, environment: ["SAP_SHELL": "bash"])
        let roots = try await daemon.status().roots
        #expect(completed.text.split(separator: "\n").map { String($0) } == roots.map { "\($0.id)" }, "\(completed)")
        _ = try await daemon.terminate()
    }
}
