import Catalog
import Basics
import DecodeWorkers
import FolderWatch
import Foundation
import Library
import Logging
import SystemPackage
import TestSupport
import Testing

/// The whole way of the data with the real worker, inotify and the system's clock; only the model is a fake.
@Suite(.timeLimit(.minutes(3))) struct RealIngestTests {
    private func library(_ directory: TemporaryDirectory, _ settings: IngestSettings) throws -> Library {
        let executable = try DecodeWorkerPool.executable()
        let opener = FileOpener()
        let pool = DecodeWorkerPool(
            configuration: .init(executable: executable, workers: settings.decodeWorkers, opener: opener))
        return try Library(
            state: directory.path.appending("state"), model: IndexingModel(encoder: FakeEncoder()), source: pool,
            settings: settings, surroundings: Library.Surroundings(opener: opener),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    @Test func `A link in a watched folder leads nowhere, until the folder is no longer watched`() async throws {
        let directory = try TemporaryDirectory()
        let folder = directory.path.appending("videos")
        try FileManager.default.createDirectory(
            atPath: folder.appending("trip").string, withIntermediateDirectories: true)
        let film = try directory.write(Data("private".utf8), to: "film.mp4")
        var root: RootID?
        do {
            let library = try library(directory, IngestSettings())
            defer { library.close() }
            root = try await library.addRoot(folder).id
            // As somebody may do between the scan and the reading: the folder was a real one.
            try FileManager.default.removeItem(atPath: folder.appending("trip").string)
            try FileManager.default.createSymbolicLink(
                atPath: folder.appending("trip").string, withDestinationPath: directory.path.string)
            let path = try FilePath.realPath(of: folder).appending("trip/film.mp4")
            #expect(throws: Errno.improperLink) { try library.opener.open(path) }
            #expect(throws: Errno.improperLink) {
                try LinuxFileSystem(opening: library.opener).contents(of: path, limit: 10)
            }
        }
        let library = try library(directory, IngestSettings())
        defer { library.close() }
        let path = try FilePath.realPath(of: folder).appending("trip/film.mp4")
        #expect(throws: Errno.improperLink) { try library.opener.open(path) }
        try await library.removeRoot(try #require(root))
        try library.opener.open(path).close()
        #expect(FileManager.default.fileExists(atPath: film.string))
    }

    @Test func `Videos, pictures and rubbish put into a watched folder are taken for what they are`() async throws {
        let directory = try TemporaryDirectory()
        let library = try library(directory, IngestSettings(decodeWorkers: 2, folders: FolderSettings(settleTime: 0.2)))
        defer { library.close() }
        let folder = directory.path.appending("videos")
        try FileManager.default.createDirectory(atPath: folder.string, withIntermediateDirectories: true)
        let events = library.events()
        async let run: Void = library.run()
        _ = try await library.addRoot(folder)

        try await TestVideo(seconds: 12, scenes: 2).write(to: folder.appending("film.mp4"))
        let film = try await events.indexed()[0]
        let clips = try library.catalog.clips(of: film, index: library.indexRecord.id)
        #expect(clips.count == 2 && abs(clips[0].end - 6) < 0.2 && abs(clips[1].end - 12) < 0.2)
        let properties = try #require(try library.catalog.media(film)?.properties)
        #expect(properties.width == 320 && properties.height == 180 && properties.codec == "h264")

        try FileManager.default.createDirectory(
            atPath: folder.appending("new/deep").string, withIntermediateDirectories: true)
        try await TestVideo.ffmpeg([
            "-f", "lavfi", "-i", "testsrc2=size=64x64:duration=1", "-frames:v", "1",
            folder.appending("new/deep/still.png").string,
        ])
        let still = try await events.indexed()[0]
        let picture = try library.catalog.clips(of: still, index: library.indexRecord.id)
        #expect(picture.count == 1 && picture[0].start == 0 && picture[0].end == 0)

        try Data("no video at all".utf8).write(to: URL(filePath: folder.appending("rubbish.mp4").string))
        let failure = try await events.first { if case .mediaFailed = $0 { true } else { false } }
        let problem = try #require(failure.problem)
        #expect(problem.retryAt == nil && problem.code.rawValue == "not-media")

        let whole = try Data(contentsOf: URL(filePath: folder.appending("film.mp4").string))
        try whole.prefix(whole.count / 2).write(to: URL(filePath: folder.appending("half.mp4").string))
        _ = try await events.first {
            switch $0 {
            case .mediaFailed, .mediaIndexed: true
            default: false
            }
        }

        try FileManager.default.moveItem(
            atPath: folder.appending("new").string, toPath: folder.appending("renamed").string)
        let moved = try await events.first { if case .folder(.mediaMoved) = $0 { true } else { false } }
        #expect(
            try moved
                == .folder(.mediaMoved(still, path: FilePath.realPath(of: folder).appending("renamed/deep/still.png"))))

        let status = try await library.status()
        #expect(status.rates.decodeSeconds > 0 && status.watchedDirectories == 3 && status.watcher == .watching)
        library.stop()
        try await run
    }
}
