import API
import Client
import Foundation
import SystemPackage
import TestSupport
import Testing

/// Pausing, confirming and measuring, with a real daemon and real videos.
@Suite(.timeLimit(.minutes(10))) struct IngestControlTests {
    private func video(_ path: FilePath, seconds: Double = 2, scenes: Int = 1) async throws {
        try await TestVideo(width: 160, height: 120, seconds: seconds, scenes: scenes).write(to: path)
    }

    @Test func `a daemon that is paused indexes nothing, answers, and goes on when it is told to`() async throws {
        let home = try TemporaryDirectory()
        var daemon = try await RunningDaemon(in: home.path)
        try await video(daemon.footage.appending("one.mp4"))
        try await daemon.waitUntilIndexed(1)
        func run(_ words: String...) async throws -> Outcome {
            try await saccade(words + ["--state", daemon.state.string], home: home.path)
        }
        let paused = try await run("pause", "--for", "1d")
        #expect(paused.status == 0 && paused.text.contains("Nothing is indexed until"), "\(paused)")
        try await video(daemon.footage.appending("two.mp4"), seconds: 3)
        try await daemon.wait("the second is found") { $0.media.pending == 1 && $0.queue.rest?.cause == .paused }
        #expect(try await daemon.search("coloured bars").results.count == 1)
        let report = try await run("status")
        #expect(report.text.contains("resting") && report.text.contains("saccade resume"), "\(report.text)")
        try await daemon.terminate()
        daemon = try await RunningDaemon(in: home.path)
        let still = try await daemon.wait("it is watched") { $0.watcher.state == .watching }
        #expect(still.queue.rest?.until != nil && still.media.indexed == 1)
        let resumed = try await run("resume")
        #expect(resumed.text == "Indexing goes on.\n", "\(resumed)")
        try await daemon.waitUntilIndexed(2)
        #expect(try await run("pause", "--for", "soon").status == 64)
        #expect(try await run("pause", "--for", "0m").status == 64)
    }

    @Test func `most of a folder that is gone is kept until it is confirmed`() async throws {
        let home = try TemporaryDirectory()
        let daemon = try await RunningDaemon(in: home.path)
        func run(_ words: String...) async throws -> Outcome {
            try await saccade(words + ["--state", daemon.state.string], home: home.path)
        }
        let many = daemon.footage.appending("many")
        try FileManager.default.createDirectory(atPath: many.string, withIntermediateDirectories: true)
        try await video(daemon.footage.appending("stays.mp4"))
        try await video(many.appending("0.mp4"), seconds: 1)
        try await daemon.waitUntilIndexed(2)
        // That they are known is enough for the others.
        #expect(try await run("pause").status == 0)
        let bytes = try Data(contentsOf: URL(filePath: many.appending("0.mp4").string))
        for number in 1..<110 {
            try (bytes + Data("\(number)".utf8)).write(to: URL(filePath: many.appending("\(number).mp4").string))
        }
        try await daemon.wait("all are known") { $0.roots.first?.files == 111 }
        try FileManager.default.moveItem(atPath: many.string, toPath: home.path.appending("away").string)
        let held = try await daemon.wait("they are missing") { $0.roots.first?.missing == 110 }
        #expect(held.roots.first?.files == 111 && held.roots.first?.state == .online)
        let answer = try await daemon.search("coloured bars")
        let online = Dictionary(answer.results.map { ($0.media.path.text, $0.media.online) }) { one, _ in one }
        #expect(online == [many.appending("0.mp4").string: false, daemon.footage.appending("stays.mp4").string: true])
        let list = try await run("watch", "list")
        #expect(list.text.contains("110 files of 111 are missing"), "\(list.text)")
        let confirmed = try await run("watch", "confirm", daemon.footage.string)
        #expect(confirmed.text.hasPrefix("Removed 110 files"), "\(confirmed)")
        try await daemon.wait("they have left") { $0.roots.first?.files == 1 && $0.roots.first?.missing == nil }
        let again = try await run("watch", "confirm", daemon.footage.string)
        #expect(again.status == 0 && again.text.hasPrefix("No file of"), "\(again)")
        #expect(try await run("watch", "confirm", "/nowhere").status == 66)
    }

    @Test func `a daemon is healthy, and measured in Prometheus' text format`() async throws {
        let home = try TemporaryDirectory()
        let daemon = try await RunningDaemon(in: home.path)
        try await video(daemon.footage.appending("one.mp4"))
        try await daemon.waitUntilIndexed(1)
        _ = try await daemon.search("coloured bars")
        #expect(try await daemon.client.request(.get, "/v1/health/live", as: API.Health.self).status == .ok)
        let ready = try await daemon.client.request(.get, "/v1/health/ready", as: API.Health.self)
        #expect(ready == API.Health())
        let metrics = try await saccade(["status", "--metrics", "--state", daemon.state.string], home: home.path)
        let lines = Set(metrics.text.split(separator: "\n").map(String.init))
        for line in [
            #"saccade_media{state="indexed"} 1"#, #"saccade_search_seconds_count{stage="total"} 1"#,
            "saccade_watches 1",
            #"saccade_http_requests_total{route="search",status="200"} 1"#, #"saccade_root_online{root="1"} 1"#,
        ] {
            #expect(lines.contains(line), "\(line) is not in \(metrics.text)")
        }
        #expect(metrics.text.contains(#"saccade_batch_seconds_count{stage="encode"}"#))
        #expect(try await saccade(["status", "--metrics", "--json"], home: home.path).status == 64)
    }
}
