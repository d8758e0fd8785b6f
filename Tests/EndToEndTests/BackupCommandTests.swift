import API
import Foundation
import SystemPackage
import TestSupport
import Testing

/// Backup, restore and verification with a real daemon and real videos.
@Suite(.timeLimit(.minutes(10))) struct BackupCommandTests {
    private struct Place: Equatable {
        var path: String
        var start: Double
        var score: Double

        init(_ result: API.SearchResult) {
            path = result.media.path.text
            start = result.start
            score = (result.score * 1e4).rounded()
        }
    }

    @Test func `a backup of a running daemon is restored elsewhere, and answers the same`() async throws {
        let home = try TemporaryDirectory()
        let daemon = try await RunningDaemon(in: home.path)
        for name in ["bars", "more bars"] {
            let seconds: Double = name == "bars" ? 4 : 6
            try await TestVideo(width: 160, height: 120, seconds: seconds, scenes: 2)
                .write(to: daemon.footage.appending("\(name).mp4"))
        }
        try await daemon.waitUntilIndexed(2)
        let state = daemon.state.string
        let before = try await daemon.search("coloured bars").results.map(Place.init)
        #expect(!before.isEmpty)

        let file = home.path.appending("library.tar").string
        let backup = try await saccade(["backup", file, "--state", state], home: home.path)
        #expect(backup.status == 0 && backup.errors.contains("Not in it"), "\(backup.errors)")
        let again = try await saccade(["backup", file, "--state", state], home: home.path)
        #expect(again.status == 74 && again.errors.contains("--replace"), "\(again.errors)")
        let small = try await saccade(
            ["backup", file + ".small", "--without-rerank-features", "--state", state], home: home.path)
        #expect(small.status == 0 && small.text.contains("without rerank features"), "\(small.errors)")
        let nowhere = try await saccade(["backup", "/nowhere/library.tar", "--state", state], home: home.path)
        #expect(nowhere.status == 74, "\(nowhere.errors)")
        let full = try await saccade(["backup", "/dev/full/x", "--state", state], home: home.path)
        #expect(full.status == 74, "\(full.errors)")
        let verified = try await saccade(["verify", "--state", state], home: home.path)
        #expect(verified.status == 0, "\(verified.text) \(verified.errors)")
        #expect(verified.text.contains("encoded again") && verified.text.contains("the daemon has the catalog's"))

        // The daemon runs: nothing of it is touched.
        let running = try await saccade(["restore", file, "--replace", "--state", state], home: home.path)
        #expect(running.status == 75 && running.errors.contains("Nothing was changed"), "\(running.errors)")
        #expect(try await daemon.terminate().status == 0)
        let direct = try await saccade(["backup", file, "--replace", "--state", state], home: home.path)
        #expect(direct.status == 0, "\(direct.errors)")
        let there = try await saccade(["restore", file, "--state", state], home: home.path)
        #expect(there.status == 65 && there.errors.contains("--replace"), "\(there.errors)")

        let other = try TemporaryDirectory()
        let restored = try await saccade(
            ["restore", file, "--state", other.path.appending("state").string], home: home.path)
        #expect(restored.status == 0, "\(restored.errors)")
        let successor = try await RunningDaemon(in: other.path, footage: daemon.footage)
        try await successor.waitUntilIndexed(2)
        #expect(try await successor.search("coloured bars").results.map(Place.init) == before)
        #expect(try await successor.status().notices == nil)
        #expect(
            try !FileManager.default.contentsOfDirectory(atPath: home.path.string).contains { $0.contains(".partial") })
    }

    @Test func `a daemon with damaged databases mends them, says so, and answers as before`() async throws {
        let home = try TemporaryDirectory()
        var daemon = try await RunningDaemon(in: home.path)
        try await TestVideo(width: 160, height: 120, seconds: 4, scenes: 2).write(to: daemon.footage.appending("a.mp4"))
        try await daemon.waitUntilIndexed(1)
        let before = try await daemon.search("coloured bars").results.map(Place.init)
        let state = daemon.state
        #expect(try await daemon.terminate().status == 0)
        let catalog = URL(filePath: state.appending("catalog.sqlite").string)
        var data = try Data(contentsOf: catalog)
        for page in stride(from: 4, to: data.count / 4096, by: 5) {
            data.replaceSubrange(page * 4096..<(page + 1) * 4096, with: repeatElement(0x5A, count: 4096))
        }
        try data.write(to: catalog)
        let found = try await saccade(["verify", "--sample", "0", "--state", state.string], home: home.path)
        #expect(found.status == 1 || found.errors.contains("damaged"), "\(found.text) \(found.errors)")

        daemon = try await RunningDaemon(in: home.path)
        try await daemon.wait("the same index") {
            $0.media.indexed == 1 && $0.media.pending == 0 && $0.media.indexing == 0 && $0.notices?.count == 1
        }
        #expect(try await daemon.search("coloured bars").results.map(Place.init) == before)
        let status = try await saccade(["status", "--state", state.string], home: home.path)
        #expect(status.text.contains("mended") && status.text.contains(".damaged-"), "\(status.text)")
        let verified = try await saccade(["verify", "--state", state.string], home: home.path)
        #expect(verified.status == 0, "\(verified.text) \(verified.errors)")
    }
}
