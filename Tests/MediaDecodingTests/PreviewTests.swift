import DecodeProtocol
import Foundation
import MediaDecoding
import SystemPackage
import TestSupport
import Testing

/// Previews that a browser plays of files that it can't play.
@Suite struct PreviewTests {
    private let home = Result { try TemporaryDirectory() }

    private func video(_ name: String, _ video: TestVideo) async throws -> FilePath {
        let path = try home.get().path.appending(name)
        try await video.write(to: path)
        return path
    }

    /// What ffprobe says of a preview's one stream: codec, sides, and how many pictures can be decoded.
    private func probe(_ bytes: [UInt8]) async throws -> [String] {
        let path = try home.get().write(Data(bytes), to: "\(UUID().uuidString).webm")
        let text = try await TestVideo.run(
            "ffprobe",
            [
                "-v", "error", "-count_frames", "-show_entries",
                "format=format_name,nb_streams,duration:stream=codec_name,width,height,nb_read_frames", "-of",
                "default=nw=1", path.string,
            ])
        return String(decoding: text, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    private func preview(
        _ source: FilePath, start: Double = 0, seconds: Double = 2, side: Int = 480
    ) -> Answer {
        Answer(.preview(source, start: start, seconds: seconds, longestSide: side))
    }

    @Test(arguments: [
        ("old.avi", ["-c:v", "mpeg4"]), ("studio.mov", ["-c:v", "prores_ks"]),
        ("tape.mpg", ["-c:v", "mpeg2video", "-pix_fmt", "yuv420p"]),
        ("modern.mkv", ["-c:v", "libx265", "-x265-params", "log-level=none"]),
    ])
    func `A file that browsers don't play gets one that they do`(name: String, encoding: [String]) async throws {
        let source = try await video(name, TestVideo(width: 640, height: 360, seconds: 4, encoding: encoding))
        let answer = preview(source, start: 1.5)
        #expect(answer.failure == nil && answer.information?.width == 640 && answer.duration != nil)
        let bytes = try #require(answer.preview)
        #expect(bytes.count > 2_000 && bytes.count < 500_000)
        let facts = try await probe(bytes)
        #expect(facts.contains("codec_name=vp8") && facts.contains("width=480") && facts.contains("height=270"))
        #expect(facts.contains("nb_streams=1") && facts.contains("format_name=matroska,webm"))
        let frames = facts.compactMap { $0.hasPrefix("nb_read_frames=") ? Int($0.dropFirst(15)) : nil }.first ?? 0
        #expect((28...31).contains(frames), "\(frames)")
        let duration = facts.compactMap { $0.hasPrefix("duration=") ? Double($0.dropFirst(9)) : nil }.first ?? 0
        #expect((1.85...2.1).contains(duration), "\(duration)")
        // The same pictures give the same bytes.
        #expect(preview(source, start: 1.5).preview == bytes)
    }

    @Test func `It begins where it was asked to, and ends with the file`() async throws {
        // Red, then blue from two seconds on.
        let path = try home.get().path.appending("two.avi")
        try await TestVideo.ffmpeg([
            "-f", "lavfi", "-i",
            "color=red:s=160x120:d=2,format=yuv420p[a];color=blue:s=160x120:d=1,format=yuv420p[b];[a][b]concat",
            "-c:v", "mpeg4", path.string,
        ])
        let bytes = try #require(preview(path, start: 2.2, seconds: 10).preview)
        let file = try home.get().write(Data(bytes), to: "part.webm")
        let first = Answer(
            .frames(
                file, FrameSampling(geometry: FrameGeometry(side: 16), detectsCuts: false)))
        let colour = first.colour()
        #expect(colour.blue > 200 && colour.red < 60)
        #expect((0.6...0.9).contains(first.duration ?? 0), "\(first.duration ?? 0)")
    }

    @Test(arguments: [(90, 160, 90, 160), (33, 17, 32, 16), (2, 2, 2, 2), (1000, 10, 480, 4)])
    func `Sides are even, at most as long as asked, and never enlarged`(
        width: Int, height: Int, wide: Int, high: Int
    ) async throws {
        let source = try await video(
            "odd.mkv",
            TestVideo(seconds: 1, encoding: ["-vf", "scale=\(width):\(height),setsar=1,format=gbrp", "-c:v", "ffv1"]))
        let facts = try await probe(try #require(preview(source, seconds: 1).preview))
        #expect(facts.contains("width=\(wide)") && facts.contains("height=\(high)"), "\(facts)")
    }

    @Test func `What has no pictures there is refused`() async throws {
        let source = try await video("short.avi", TestVideo(seconds: 1, encoding: ["-c:v", "mpeg4"]))
        #expect(preview(source, start: 500).failure?.code == .damaged)
        let still = try home.get().path.appending("still.png")
        try await TestVideo.ffmpeg(["-f", "lavfi", "-i", "testsrc", "-frames:v", "1", still.string])
        #expect(preview(still).failure?.code == .unsupported)
        let text = try home.get().write(Data("no video".utf8), to: "text.mp4")
        #expect(preview(text).failure != nil)
    }
}
