import API
import Foundation
import SystemPackage
import TestSupport
import Testing

/// `saccade search --thumbnails` with a real daemon and real videos.
@Suite(.timeLimit(.minutes(10))) struct ContactSheetCommandTests {
    @Test func `the results are written as one picture, those of a disk that went away included`() async throws {
        let home = try TemporaryDirectory()
        let daemon = try await RunningDaemon(in: home.path)
        for number in 1...3 {
            try await TestVideo(width: 160, height: 120, seconds: Double(number)).write(
                to: daemon.footage.appending("\(number).mp4"))
        }
        try await daemon.waitUntilIndexed(3)
        func search(_ more: String...) async throws -> Outcome {
            try await saccade(
                ["search", "a test pattern", "--state", daemon.state.string] + more, home: home.path)
        }
        let first = try await search("--thumbnails", "sheet.jpg", "--columns", "2", "--no-fold")
        #expect(first.status == 0 && first.errors.contains("2 rows of 2"), "\(first.errors)")
        let sheet = try Data(contentsOf: URL(filePath: home.path.appending("sheet.jpg").string))
        #expect(sheet.starts(with: [0xFF, 0xD8]) && sheet.count > 5_000)
        #expect(try await search("--thumbnails", "sheet.jpg").errors.contains("exists"))
        #expect(try await search("--thumbnails", "sheet.png").errors.contains(".jpg"))
        #expect(try await search("--columns", "2").status == 64)
        #expect(try await search("--thumbnails", "b.jpg", "--columns", "21").status == 64)
        #expect(try await search("--thumbnails", "b.jpg", "--limit", "201").status == 64)
        // Kept on disk since.
        let away = home.path.appending("away")
        try FileManager.default.moveItem(atPath: daemon.footage.string, toPath: away.string)
        try await daemon.wait("the folder is offline") { $0.roots.first?.state == .offline }
        let later = try await search("--thumbnails", "later.jpg", "--columns", "2", "--no-fold")
        #expect(later.status == 0 && !later.errors.contains("grey"), "\(later.errors)")
        #expect(try Data(contentsOf: URL(filePath: home.path.appending("later.jpg").string)) == sheet)
    }

    @Test func `without a daemon it says what it needs`() async throws {
        let home = try TemporaryDirectory()
        try await TestVideo(width: 160, height: 120, seconds: 1).write(to: home.path.appending("a.mp4"))
        let state = home.path.appending("state").string
        _ = try await saccade(["index", "a.mp4", "--state", state], home: home.path)
        let outcome = try await saccade(["search", "q", "--state", state, "--thumbnails", "a.jpg"], home: home.path)
        #expect(outcome.status == 69 && outcome.errors.contains("saccade serve"))
        #expect(!FileManager.default.fileExists(atPath: home.path.appending("a.jpg").string))
    }
}
