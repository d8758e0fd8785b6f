import Client
import API
import Foundation
import SystemPackage
import TestSupport
import Testing

/// The daemon with everything real: programs, worker, SQLite, socket, videos.
@Suite(.timeLimit(.minutes(10))) struct DaemonTests {
    private func video(_ path: FilePath, seconds: Double = 4, scenes: Int = 2, size: Int = 160) async throws {
        try await TestVideo(width: size, height: 120, seconds: seconds, scenes: scenes).write(to: path)
    }

    private func paths(_ answer: API.SearchResponse) -> Set<String> {
        Set(answer.results.map(\.media.path.text))
    }

    @Test func `a file is found, and followed when it is renamed, replaced and deleted`() async throws {
        let home = try TemporaryDirectory()
        let daemon = try await RunningDaemon(in: home.path)
        // Another one that stays: a folder that is suddenly empty counts as offline, not as emptied.
        let other = daemon.footage.appending("other.mp4")
        try await video(other, seconds: 3, scenes: 1)
        let first = daemon.footage.appending("first.mp4")
        try await video(first)
        try await daemon.waitUntilIndexed(2)

        let found = try await daemon.search("coloured bars")
        #expect(paths(found) == [first.string, other.string])
        let result = try #require(found.results.first { $0.media.path.text == first.string })
        let before = try await daemon.media(result.media.id)
        #expect(before.clips.first?.start == 0)

        // A rename: the same media, the same clips, so nothing was decoded.
        let renamed = daemon.footage.appending("renamed.mp4")
        try FileManager.default.moveItem(atPath: first.string, toPath: renamed.string)
        var after = before
        try await eventually {
            after = try await daemon.media(result.media.id)
            return after.paths.map(\.path.text) == [renamed.string]
        }
        #expect(after.clips == before.clips)
        #expect(try await paths(daemon.search("coloured bars")) == [renamed.string, other.string])

        // Other content under the same name is another media item.
        let replacement = home.path.appending("replacement.mp4")
        try await video(replacement, seconds: 5, scenes: 3)
        #expect(rename(replacement.string, renamed.string) == 0)
        try await daemon.wait("the replacement") { $0.media.indexed == 2 && $0.index.clips > found.clips }
        let replaced = try await daemon.search("coloured bars")
        #expect(paths(replaced) == [renamed.string, other.string])
        #expect(replaced.results.allSatisfy { $0.media.id != result.media.id })

        try FileManager.default.removeItem(atPath: renamed.string)
        try await daemon.wait("the deletion") { $0.media.total == 1 }
        #expect(try await paths(daemon.search("coloured bars")) == [other.string])
    }

    @Test func `the best clips are read again from the index, with their media gone, and described`() async throws {
        let home = try TemporaryDirectory()
        let daemon = try await RunningDaemon(in: home.path)
        try await video(daemon.footage.appending("one.mp4"), seconds: 6, scenes: 3)
        try await video(daemon.footage.appending("two.mp4"), seconds: 4, scenes: 2)
        try await daemon.waitUntilIndexed(2)
        // Offline: the folder is away, and only the index can answer.
        let away = home.path.appending("away")
        try FileManager.default.moveItem(atPath: daemon.footage.string, toPath: away.string)

        let query = "coloured bars on a screen"
        let slow = try await daemon.search(query)
        #expect(slow.stage == .slow)
        #expect(slow.reranked == slow.results.count && slow.reranked == slow.clips)
        for result in slow.results {
            let (scores, probability) = (try #require(result.scores.slow), try #require(result.probability))
            #expect(scores < 0 && (0...1).contains(probability))
            #expect(result.score != result.scores.fast && result.score != scores)
        }
        #expect(slow.results.map(\.score) == slow.results.map(\.score).sorted(by: >))
        let fast = try await daemon.search(query, rerank: .off)
        #expect(fast.stage == .fast && fast.reranked == 0)
        #expect(Set(fast.results.map(\.clip)) == Set(slow.results.map(\.clip)))
        let late = try await daemon.search(query, rerank: .on(.init(deadline: 0)))
        #expect(late.stage == .fast && late.results.map(\.clip) == fast.results.map(\.clip))

        struct Description: Decodable {
            var description: String
            var score: Double
        }
        let clip = try #require(slow.results.first?.clip)
        let answer = try await daemon.client.send(.get, "/v1/clips/\(clip)/description")
        let described = try JSONDecoder().decode(Description.self, from: Data(answer))
        #expect(!described.description.isEmpty && described.score < 0)
    }

    @Test func `SIGTERM ends it within seconds, and a restart answers at once without decoding`() async throws {
        let home = try TemporaryDirectory()
        var daemon = try await RunningDaemon(in: home.path)
        try await video(daemon.footage.appending("one.mp4"))
        try await video(daemon.footage.appending("two.mkv"), scenes: 3)
        try await daemon.waitUntilIndexed(2)
        let before = try await daemon.search("a test picture")
        let end = try await daemon.terminate()
        #expect(end.status == 0)
        #expect(end.seconds < 10)

        daemon = try await RunningDaemon(in: home.path)
        let after = try await daemon.search("a test picture")
        #expect(after.results.map(\.clip) == before.results.map(\.clip))
        #expect(after.results.map(\.score) == before.results.map(\.score))
        let settled = try await daemon.wait("the first scan") { $0.watcher.lastScan != nil }
        #expect(settled.media.indexed == 2)
        #expect(daemon.workers.isEmpty)
    }

    @Test func `a worker that dies in the middle costs nothing but time`() async throws {
        let home = try TemporaryDirectory()
        let daemon = try await RunningDaemon(in: home.path)
        try await video(daemon.footage.appending("long.mp4"), seconds: 60, scenes: 6, size: 640)
        try await daemon.wait("a worker at work") { !$0.queue.current.isEmpty && !daemon.workers.isEmpty }
        for worker in daemon.workers { kill(worker, SIGKILL) }
        // The vectors follow the transaction that makes the media indexed by a moment.
        try await daemon.wait("all of its clips") { status in
            #expect(status.media.failed == 0)
            return status.media.indexed == 1 && status.index.clips >= 6
        }
    }

    @Test func `a file that is no video is kept with its reason, and the others are taken`() async throws {
        let home = try TemporaryDirectory()
        let daemon = try await RunningDaemon(in: home.path)
        try Data("this is not a film".utf8).write(to: URL(filePath: daemon.footage.appending("broken.mp4").string))
        try await video(daemon.footage.appending("good.mp4"))
        let status = try await daemon.wait("one good and one failed") { $0.media.indexed == 1 && !$0.failures.isEmpty }
        #expect(status.failures.first?.path?.text.hasSuffix("broken.mp4") == true)
        #expect(status.failures.first?.reason.isEmpty == false)
    }

    @Test func `the command line speaks to it`() async throws {
        let home = try TemporaryDirectory()
        let daemon = try await RunningDaemon(in: home.path)
        let more = home.path.appending("more")
        try FileManager.default.createDirectory(atPath: more.string, withIntermediateDirectories: true)
        try await video(more.appending("clip.mp4"))
        let places = ["--state", daemon.state.string]

        let added = try await saccade(["watch", "add", "more"] + places, home: home.path)
        #expect(added.status == 0, "\(added.errors)")
        let waited = try await saccade(["status", "--wait"] + places, home: home.path)
        #expect(waited.status == 0, "\(waited.errors)")
        let list = try await saccade(["watch", "list"] + places, home: home.path)
        #expect(list.text.contains(more.string))

        let table = try await saccade(["search", "coloured", "bars"] + places, home: home.path)
        #expect(table.status == 0, "\(table.errors)")
        #expect(table.text.contains("more/clip.mp4"))
        #expect(table.text.contains("0:00–0:0"))

        let json = try await saccade(["search", "coloured bars", "--limit", "1", "--json"] + places, home: home.path)
        let answer = try API.decoder().decode(API.SearchResponse.self, from: json.output)
        #expect(answer.results.count == 1)
        #expect(answer.results.first?.media.path.text == more.appending("clip.mp4").string)

        let grouped = try await saccade(
            ["search", "coloured bars", "--by-video", "--fast", "--json"] + places, home: home.path)
        #expect(
            try API.decoder().decode(API.SearchResponse.self, from: grouped.output).results.map(\.media.path.text)
                == [more.appending("clip.mp4").string])
        let unlikely = try await saccade(
            ["search", "coloured bars", "--min-probability", "0.999"] + places, home: home.path)
        #expect(unlikely.status == 0 && unlikely.text.isEmpty)
        #expect(unlikely.errors.contains("likely enough"))

        let status = try await saccade(["status"] + places, home: home.path)
        #expect(status.text.contains("1 indexed"))
        let second = try await saccade(["serve"] + places, home: home.path)
        #expect(second.status != 0)
        #expect(second.errors.split(separator: "\n").last?.hasPrefix("saccade: ") == true)

        let removed = try await saccade(["watch", "remove", "more"] + places, home: home.path)
        #expect(removed.status == 0, "\(removed.errors)")
        try await daemon.wait("the folder's media are gone") { $0.media.total == 0 }
    }
}
