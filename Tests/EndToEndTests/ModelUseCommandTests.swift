import API
import Client
import Foundation
import Glibc
import SystemPackage
import TestSupport
import Testing

/// The model of a running daemon is changed and changed back, with real programs, models and videos.
@Suite(.timeLimit(.minutes(10))) struct ModelUseCommandTests {
    private let home: TemporaryDirectory

    init() throws { home = try TemporaryDirectory() }

    private func saccade(_ arguments: String...) async throws -> Outcome {
        try await EndToEndTests.saccade(arguments + ["--state", home.path.appending("state").string], home: home.path)
    }

    /// Two models of different kinds, in the folders `one` and `two`.
    private func importModels() async throws {
        for (folder, drawn) in [("one", try DrawnCheckpoint(.clip)), ("two", try DrawnCheckpoint(.siglip2))] {
            try drawn.write(to: home.path.appending("checkpoint-\(folder)"))
            let imported = try await EndToEndTests.saccade(
                ["model", "import", "checkpoint-\(folder)", "--output", folder], home: home.path)
            #expect(imported.status == 0, "\(imported.errors)")
        }
    }

    private func daemon() async throws -> RunningDaemon {
        try await RunningDaemon(in: home.path, model: home.path.appending("one"))
    }

    private func digest(_ role: API.Models.Role, _ daemon: RunningDaemon) async throws -> String? {
        try await daemon.client.request(.get, "/v1/models", as: API.Models.self).models
            .first { $0.role == role }?.modelDigest
    }

    @Test func `a model is used beside the one that answers, kept over restarts, and changed back`() async throws {
        try await importModels()
        let first = try await daemon()
        for (name, scenes) in [("one.mp4", 1), ("two.mp4", 3)] {
            try await TestVideo(width: 160, height: 120, seconds: 12, scenes: scenes).write(
                to: first.footage.appending(name))
        }
        try await first.waitUntilIndexed(2)
        let old = try #require(try await digest(.live, first))
        let clips = try await first.search("bars").clips

        for (model, status) in [("/nowhere", 65), ("previous", 66)] {
            let refused = try await saccade("model", "use", model)
            #expect(refused.status == Int32(status) && !refused.errors.isEmpty, "\(refused.errors)")
        }
        let dry = try await saccade("model", "use", home.path.appending("two").string, "--dry-run")
        #expect(dry.status == 0 && dry.text.contains("would be built") && dry.text.contains("free"), "\(dry.text)")
        #expect(try await digest(.next, first) == nil)

        let used = try await saccade("model", "use", home.path.appending("two").string)
        #expect(used.status == 0 && used.text.contains("Building the index"), "\(used.errors)")
        var answered: Set<String> = []
        let switched = try await first.wait("the new model") { $0.model.modelDigest != old }
        let new = switched.model.modelDigest
        answered.insert(try await first.search("bars").modelDigest)
        #expect(answered == [new] && switched.index.clips == clips)
        #expect(try await digest(.previous, first) == old)
        let listed = try await saccade("model", "list")
        #expect(listed.status == 0, "\(listed.errors)")
        for word in ["live", "previous", "default", "chosen", String(new.prefix(12)), String(old.prefix(12))] {
            #expect(listed.text.contains(word), "\(word) in \(listed.text)")
        }

        // The configuration still names the first one. Without a daemon, the chosen one answers as well.
        #expect(try await first.terminate().status == 0)
        let direct = try await EndToEndTests.saccade(
            ["search", "bars", "--state", "state", "--json"], home: home.path,
            environment: ["SACCADE_MODEL": home.path.appending("one").string])
        #expect(try direct.decoded(Answered.self).model_digest == new, "\(direct.errors)")
        let second = try await daemon()
        #expect(try await second.search("bars").modelDigest == new)

        // One more file, which the previous index doesn't know yet.
        try await TestVideo(width: 160, height: 120, seconds: 3).write(to: second.footage.appending("three.mp4"))
        try await second.waitUntilIndexed(3)
        let back = try await saccade("model", "use", "previous")
        #expect(back.status == 0 && back.text.contains("answers now"), "\(back.errors)")
        #expect(try await second.search("bars").modelDigest == old)
        let caughtUp = try await second.waitUntilIndexed(3)
        #expect(caughtUp.model.modelDigest == old && caughtUp.index.clips == clips + 1)

        let forgotten = try await saccade("model", "forget", "previous")
        #expect(forgotten.status == 0, "\(forgotten.errors)")
        #expect(try await digest(.previous, second) == nil)
        #expect(try await saccade("model", "forget", "previous").status == 66)
        let configured = try await saccade("model", "use", "default")
        #expect(configured.status == 0 && configured.text.contains("answers already"), "\(configured.errors)")
    }

    private struct Answered: Decodable {
        var model_digest: String
    }

    @Test func `a build that is killed goes on at the next start, while the old index answers`() async throws {
        try await importModels()
        let first = try await daemon()
        for number in 0..<3 {
            try await TestVideo(width: 160, height: 120, seconds: 40, scenes: 6).write(
                to: first.footage.appending("\(number).mp4"))
        }
        // Copies are one media item.
        let indexed = try await first.waitUntilIndexed(1)
        for number in 1..<6 {
            try await TestVideo(width: 160, height: 120, seconds: 30 + Double(number), scenes: 6).write(
                to: first.footage.appending("more-\(number).mp4"))
        }
        try await first.waitUntilIndexed(6)
        let clips = try await first.status().index.clips
        let used = try await saccade("model", "use", home.path.appending("two").string)
        #expect(used.status == 0, "\(used.errors)")
        try await first.wait("the beginning of the build, or its end") {
            ($0.next?.clips ?? 0) > 0 || $0.model.modelDigest != indexed.model.modelDigest
        }
        try await first.terminate(SIGKILL)

        let second = try await daemon()
        #expect(try await !second.search("bars").results.isEmpty)
        let done = try await second.wait("the new model") {
            $0.model.modelDigest != indexed.model.modelDigest && $0.next == nil
        }
        #expect(done.index.clips == clips)
        let doctor = try await saccade("doctor", "--recall", "--queries", "5")
        #expect(doctor.text.contains("intact") && doctor.text.contains("100 %: all of"), "\(doctor.text)")
    }
}
