import Basics
import Catalog
import FolderFakes
import FolderWatch
import Foundation
import Synchronization
import SystemPackage
import TestSupport
import Testing

@Suite struct SubtitleFilesTests {
    @Test(
        arguments: [
            ("film.srt", ["film.mkv", "film.mp4"], nil), ("film.en.vtt", ["film.mkv", "film.mp4"], "en"),
            ("film.pt-BR.forced.ass", ["film.mkv", "film.mp4"], "pt-br"),
            ("film.sdh.srt", ["film.mkv", "film.mp4"], nil),
            ("film.mp4.srt", ["film.mp4"], nil), ("film.mp4.de.srt", ["film.mp4"], "de"),
            ("film.part2.srt", ["film.part2.mp4"], nil), ("film.part3.srt", ["film.mkv", "film.mp4"], nil),
            ("other.srt", [], nil), ("films.srt", [], nil), (".srt", [], nil),
        ] as [(String, [String], String?)])
    func `A name says whose subtitles a file is, and in which language`(
        name: String, media: [String], language: String?
    ) throws {
        let beside = SubtitleFiles(
            beside: ["film.mp4", "film.mkv", "film.part2.mp4", "clip.webm"].map { FilePath("/v").appending($0) })
        let owners = beside.owners(of: try #require(FilePath.Component(name)))
        #expect(owners.media.compactMap { $0.lastComponent?.string }.sorted() == media)
        if !media.isEmpty { #expect(owners.language == language) }
    }

    @Test func `Files of subtitles are taken with their media files, whichever comes first`() throws {
        let fixture = try ScannerFixture()
        try fixture.write([1], to: "a.srt")
        try fixture.scan()
        #expect(try fixture.subtitles.isEmpty)
        try fixture.write([2], to: "a.mp4")
        try fixture.scan()
        #expect(try fixture.subtitles == ["a.srt": ""])
        try fixture.write([3], to: "a.en.vtt")
        try fixture.write([3], to: "b.srt")
        try fixture.write([3], to: ".a.srt")
        try fixture.scan(ScanScope(directories: [fixture.folder]))
        #expect(try fixture.subtitles == ["a.srt": "", "a.en.vtt": "en"])
        try fixture.remove("a.srt")
        try fixture.scan(ScanScope(directories: [fixture.folder]))
        #expect(try fixture.subtitles == ["a.en.vtt": "en"])
        try FileManager.default.moveItem(
            atPath: fixture.folder.appending("a.mp4").string, toPath: fixture.folder.appending("b.mp4").string)
        try fixture.scan(ScanScope(directories: [fixture.folder]))
        #expect(try fixture.subtitles == ["b.srt": ""])
        try fixture.remove("b.mp4")
        try fixture.scan(ScanScope(directories: [fixture.folder]))
        #expect(try fixture.subtitles.isEmpty)
        // No kind of file but media files fails for what it is.
        #expect(try fixture.catalog.failures().isEmpty)
    }

    @Test func `A file of subtitles that is still written waits, and what it said stays until it is settled`() throws {
        let fixture = try ScannerFixture()
        try fixture.write([1], to: "a.mp4")
        let path = try fixture.write([1], to: "a.srt")
        try fixture.scan()
        let before = try fixture.catalog.subtitles(inDirectory: fixture.folder)
        #expect(before.count == 1)
        try fixture.write([1, 2], to: "a.srt")
        fixture.files.faults.withLock { $0.open = [path] }
        fixture.files.faults.withLock { $0.changedAt = fixture.clock.now - 10 }
        try fixture.scan(ScanScope(directories: [fixture.folder]))
        #expect(try fixture.catalog.subtitles(inDirectory: fixture.folder) == before)
        #expect(fixture.scanner.nextLook != nil)
        fixture.files.faults.withLock { $0.open = [] }
        fixture.clock.advance(10)
        try fixture.scan(ScanScope())
        let after = try fixture.catalog.subtitles(inDirectory: fixture.folder)
        #expect(after.count == 1 && after[0].stamp.size == 2)
        #expect(fixture.scanner.nextLook == nil)
    }

    @Test func `While a root is away its files of subtitles stay`() throws {
        let fixture = try ScannerFixture()
        try fixture.write([1], to: "a.mp4")
        try fixture.write([1], to: "a.srt")
        try fixture.scan()
        let away = fixture.directory.path.appending("away")
        try FileManager.default.moveItem(atPath: fixture.folder.string, toPath: away.string)
        try fixture.scan()
        #expect(try fixture.state == .offline)
        #expect(try fixture.subtitles == ["a.srt": ""])
        try FileManager.default.moveItem(atPath: away.string, toPath: fixture.folder.string)
        try fixture.scan()
        #expect(try fixture.state == .online && fixture.subtitles == ["a.srt": ""])
    }

    @Test func `With every file a candidate, files of subtitles are none`() throws {
        let fixture = try ScannerFixture(candidates: CandidateFiles(extensions: nil))
        try fixture.write([1], to: "a.data")
        try fixture.write([2], to: "a.srt")
        try fixture.scan()
        #expect(try fixture.present == ["a.data"] && fixture.subtitles == ["a.srt": ""])
    }
}
