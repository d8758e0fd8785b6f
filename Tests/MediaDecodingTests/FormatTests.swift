import DecodeProtocol
import Foundation
import MediaDecoding
import SystemPackage
import TestSupport
import Testing

@Suite struct FormatTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    struct Format: Sendable, CustomTestStringConvertible {
        var name: String
        var codec: String
        var encoding: [String]
        var testDescription: String { "\(codec) in \(name)" }

        init(_ name: String, _ codec: String, _ encoding: [String]) {
            self.name = name
            self.codec = codec
            self.encoding = encoding
        }
    }

    static let formats: [Format] = [
        Format("a.mp4", "h264", ["-c:v", "libx264", "-preset", "ultrafast"]),
        Format("b.mp4", "h264", ["-c:v", "libx264", "-preset", "fast", "-bf", "3", "-g", "50"]),
        Format("a.mkv", "h264", ["-c:v", "libx264", "-preset", "fast"]),
        Format("a.mov", "h264", ["-c:v", "libx264", "-preset", "fast"]),
        Format("a.ts", "h264", ["-c:v", "libx264", "-preset", "fast"]),
        Format("a.avi", "h264", ["-c:v", "libx264", "-preset", "fast"]),
        Format("a.h264", "h264", ["-c:v", "libx264", "-preset", "fast"]),
        Format("h.mp4", "hevc", ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none"]),
        Format("h.mkv", "hevc", ["-c:v", "libx265", "-pix_fmt", "yuv420p10le", "-x265-params", "log-level=none"]),
        Format("8.webm", "vp8", ["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8"]),
        Format("9.webm", "vp9", ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"]),
        Format("v.mp4", "av1", ["-c:v", "libaom-av1", "-cpu-used", "8", "-usage", "realtime"]),
        Format("2.mpg", "mpeg2video", ["-c:v", "mpeg2video", "-bf", "2"]),
        Format("2.ts", "mpeg2video", ["-c:v", "mpeg2video", "-bf", "2"]),
        Format("4.avi", "mpeg4", ["-c:v", "mpeg4", "-bf", "2"]),
        Format("4.mp4", "mpeg4", ["-c:v", "mpeg4"]),
        Format("j.avi", "mjpeg", ["-c:v", "mjpeg"]),
        Format("p.mov", "prores", ["-c:v", "prores_ks", "-profile:v", "0"]),
        Format("g.gif", "gif", []),
    ]

    @Test(arguments: formats) func `Each format is sampled at the wanted times`(format: Format) async throws {
        let path = directory.path.appending(format.name)
        try await TestVideo(width: 160, height: 90, encoding: format.encoding).write(to: path)
        for cuts in [false, true] {
            let answer = Answer(.frames(path, cuts: cuts))
            #expect(answer.failure == nil && answer.isOrdered)
            #expect(answer.information?.codec == format.codec)
            #expect(answer.information?.width == 160 && answer.information?.height == 90)
            #expect((6...7).contains(answer.frames.count), "\(answer.times)")
            for (index, time) in answer.times.prefix(6).enumerated() { #expect(abs(time - Double(index) / 2) <= 0.1) }
            let duration = answer.duration ?? 0
            #expect(abs(duration - 3) <= 0.11)
            #expect(answer.cuts.isEmpty)
        }
    }

    @Test(arguments: ["p.png", "p.jpg", "p.webp", "p.bmp", "p.tiff", "p.ppm"])
    func `A still picture is one frame at 0 with no duration`(name: String) async throws {
        let path = directory.path.appending(name)
        try await TestVideo(width: 120, height: 80, encoding: ["-frames:v", "1"]).write(to: path)
        let answer = Answer(.frames(path, cuts: true))
        #expect(answer.failure == nil && answer.times == [0] && answer.duration == 0)
        #expect(answer.information?.isStill == true && answer.information?.duration == nil)
        #expect(answer.information?.width == 120 && answer.information?.height == 80)
    }

    @Test func `A video of one frame is one frame`() async throws {
        let path = directory.path.appending("one.mp4")
        try await TestVideo(encoding: ["-c:v", "libx264", "-frames:v", "1"]).write(to: path)
        #expect(Answer(.frames(path, cuts: true)).times == [0])
    }

    @Test func `Creation time, duration and container are reported`() async throws {
        let path = directory.path.appending("a.mp4")
        let tags = ["-metadata", "creation_time=2024-05-06T07:08:09Z", "-metadata", "title=A day out"]
        try await TestVideo(seconds: 2, encoding: ["-c:v", "libx264"] + tags).write(to: path)
        let answer = Answer(.probe(path))
        let information = try #require(answer.information)
        #expect(information.creationTime == 1_714_979_289)
        #expect(abs((information.duration ?? 0) - 2) < 0.01)
        #expect(information.container.contains("mp4") && answer.duration == information.duration)
    }

    @Test func `A video is turned by its display matrix`() async throws {
        let flat = directory.path.appending("flat.mp4")
        let turned = directory.path.appending("turned.mp4")
        let source = "color=red:s=160x40:d=1,pad=160:80:0:0:blue"
        try await TestVideo.ffmpeg([
            "-f", "lavfi", "-i", source, "-c:v", "libx264", "-pix_fmt", "yuv420p", flat.string,
        ])
        try await TestVideo.ffmpeg(["-i", flat.string, "-c", "copy", "-metadata:s:v", "rotate=90", turned.string])
        let before = Answer(.frames(flat))
        #expect(before.colour().red > 200 && before.colour(bottom: true).blue > 200)
        let answer = Answer(.frames(turned))
        #expect(answer.information?.width == 80 && answer.information?.height == 160)
        // The tag of this ffmpeg turns the other way than a clock; its own output has red on the left, too.
        #expect(answer.colour().red > 200 && answer.colour(bottom: true).red > 200)
        #expect(answer.colour(right: true).blue > 200)
        let jpeg = try #require(Answer(.thumbnail(turned, time: 0, longestSide: 100)).thumbnail)
        let still = Answer(.frames(try directory.write(Data(jpeg), to: "thumbnail.jpg")))
        #expect(still.information?.width == 50 && still.information?.height == 100)
        #expect(still.colour().red > 200 && still.colour(right: true).blue > 200)
    }

    @Test(arguments: ["bt709", "smpte170m", "bt2020nc"], ["tv", "pc"])
    func `Colours come out as they went in, for each matrix and range`(matrix: String, range: String) async throws {
        let path = directory.path.appending("c.mp4")
        let tags = ["-colorspace", matrix, "-color_range", range, "-color_primaries", "bt709", "-color_trc", "bt709"]
        let name = matrix == "bt2020nc" ? "bt2020" : matrix
        let input = "color=0xD02040:s=160x90:d=0.2,format=rgb24"
        let filter = "scale=out_color_matrix=\(name):out_range=\(range),format=yuv420p"
        try await TestVideo.ffmpeg(
            ["-f", "lavfi", "-i", input, "-vf", filter, "-c:v", "libx264", "-qp", "1"] + tags + [path.string])
        let colour = Answer(.frames(path)).colour()
        #expect(abs(colour.red - 0xD0) <= 3, "\(colour)")
        #expect(abs(colour.green - 0x20) <= 3, "\(colour)")
        #expect(abs(colour.blue - 0x40) <= 3, "\(colour)")
    }
}
