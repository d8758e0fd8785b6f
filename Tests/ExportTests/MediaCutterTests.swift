import Basics
import Export
import Foundation
import SystemPackage
import TestSupport
import Testing

/// Parts of real files, cut by the real program.
@Suite struct MediaCutterTests {
    /// Eight seconds with a key frame every second one.
    private static let encoding = [
        "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "50", "-sc_threshold", "0",
    ]

    private let home = Result { try TemporaryDirectory() }

    private func film(_ name: String = "film.mp4") async throws -> FilePath {
        let path = try home.get().path.appending(name)
        try await TestVideo(width: 160, height: 120, seconds: 8, encoding: Self.encoding).write(to: path)
        return path
    }

    private func cut(
        _ path: FilePath, _ start: Double, _ end: Double, to name: String, _ mode: MediaCutter.Mode
    ) throws -> (result: MediaCutter.Result, output: FilePath) {
        let output = try home.get().path.appending(name)
        let moment = Moment(path: path.bytes, start: start, end: end)
        return (try MediaCutter().cut(moment, to: output, mode: mode), output)
    }

    private func duration(_ path: FilePath) async throws -> Double {
        let text = try await TestVideo.run(
            "ffprobe", ["-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", path.string])
        return Double(String(decoding: text, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0
    }

    @Test func `An exact cut has the length that was asked for`() async throws {
        let (result, output) = try cut(try await film(), 2.6, 5.2, to: "part.mp4", .exact)
        #expect(result.start == 2.6 && result.end == 5.2 && result.bytes > 0)
        #expect(abs(try await duration(output) - 2.6) < 0.1)
    }

    @Test func `A copy begins at the key frame before, and says so`() async throws {
        let (result, output) = try cut(try await film(), 5.2, 7, to: "part.mkv", .copy)
        #expect(abs(result.start - 4) < 0.05 && result.end == 7)
        #expect(abs(try await duration(output) - 3) < 0.2)
    }

    @Test func `A name may have any bytes`() async throws {
        let plain = try await film()
        for name in [Array("-i http:x;'\"\n.mp4".utf8), [0xFF, 0xFE] + Array(".mp4".utf8)] {
            let odd = FilePath(bytes: try home.get().path.bytes + [UInt8(ascii: "/")] + name)
            #expect(link(plain.string, (odd.bytes + [0]).map { CChar(bitPattern: $0) }) == 0)
            let (result, output) = try cut(odd, 0, 2, to: "part-\(name.count).mp4", .copy)
            #expect(result.start == 0)
            #expect(FileManager.default.fileExists(atPath: output.string))
        }
    }

    @Test func `What can't be cut is refused with what to do, and leaves nothing`() async throws {
        let path = try await film()
        let folder = try home.get().path
        let text = try home.get().write(Data("no film".utf8), to: "text.mp4")
        try home.get().write(Data(), to: "there.mp4")
        let wrong: [(FilePath, Double, Double, String, String)] = [
            (path, 7, 12, "a.mp4", "ends at 0:08"), (path, 60, 61, "a.mp4", "ends at 0:08"),
            (path, 3, 3, "a.mp4", "end after it begins"), (path, 1, 2, "there.mp4", "exists already"),
            (path, 1, 2, "a", "needs an ending"), (path, 1, 2, "a.nonsense", "could not write"),
            (text, 0, 1, "a.mp4", "can't be cut"), (folder, 0, 1, "a.mp4", "is no file"),
            (folder.appending("none.mp4"), 0, 1, "a.mp4", "can't be read"),
            (path, 1, 2, "none/a.mp4", "could not write"),
        ]
        let before = try Set(FileManager.default.contentsOfDirectory(atPath: folder.string))
        for (source, start, end, name, words) in wrong {
            let error = #expect(throws: CutError.self) { try cut(source, start, end, to: name, .copy) }
            #expect(error?.message.contains(words) == true, "\(String(describing: error))")
        }
        #expect(try Set(FileManager.default.contentsOfDirectory(atPath: folder.string)) == before)
    }

    @Test func `A playlist under a film's name can't have other files read`() async throws {
        let other = try home.get().path.appending("private.ts")
        try await TestVideo(width: 160, height: 120, seconds: 2, encoding: Self.encoding).write(to: other)
        let playlist = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n\(other)\n#EXT-X-ENDLIST\n"
        let path = try home.get().write(Data(playlist.utf8), to: "film.mp4")
        let error = #expect(throws: CutError.self) { try cut(path, 0, 1, to: "a.mp4", .copy) }
        #expect(error?.message.contains("it is a playlist") == true, "\(String(describing: error))")
    }

    @Test func `Without the program it says what to install`() {
        #expect { try MediaCutter(path: "/nowhere") } throws: { "\($0)".contains("apt-get install ffmpeg") }
    }

    @Test func `A disk that is full while it is written leaves nothing`() async throws {
        let path = try await film()
        // A limit on a file's size stands for the full disk.
        let output = try home.get().path.appending("part.mp4")
        let folder = try home.get().path.appending("programs")
        try FileManager.default.createDirectory(atPath: folder.string, withIntermediateDirectories: true)
        for program in ["ffmpeg", "ffprobe"] {
            let found = String(
                decoding: try await TestVideo.run("sh", ["-c", "command -v \(program)"]), as: UTF8.self
            ).trimmingCharacters(in: .whitespacesAndNewlines)
            let file = folder.appending(program)
            try Data("#!/bin/bash\nulimit -f 4; exec \(found) \"$@\"\n".utf8)
                .write(to: URL(filePath: file.string))
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file.string)
        }
        let cutter = try MediaCutter(path: folder.string)
        #expect(throws: CutError.self) {
            try cutter.cut(Moment(path: path.bytes, start: 0, end: 8), to: output, mode: .exact)
        }
        let left = try FileManager.default.contentsOfDirectory(atPath: home.get().path.string)
        #expect(left.filter { $0.contains("part") }.isEmpty)
    }
}
