import DecodeProtocol
import Foundation
import MediaDecoding
import SystemPackage
import TestSupport
import Testing

@Suite struct HostileInputTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func failure(_ data: Data, _ name: String = "a.mp4") throws -> DecodeError.Code? {
        Answer(.frames(try directory.write(data, to: name), cuts: true)).failure?.code
    }

    @Test func `Files that are no media say so`() throws {
        #expect(try failure(Data()) == .notMedia)
        #expect(try failure(Data("hello, world".utf8)) == .notMedia)
        #expect(try failure(Data(repeating: 0, count: 100_000)) == .notMedia)
    }

    @Test(arguments: [
        ("p.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\nFILE\n#EXT-X-ENDLIST\n"),
        ("c.ffconcat", "ffconcat version 1.0\nfile 'FILE'\n"),
        ("d.mpd", "<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\"><BaseURL>FILE</BaseURL></MPD>"),
        ("s.sdp", "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"),
    ])
    func `A playlist is refused, whatever it names`(name: String, text: String) async throws {
        let video = directory.path.appending("good.ts")
        try await TestVideo(seconds: 1).write(to: video)
        let list = text.replacing("FILE", with: video.string)
        let answer = Answer(.frames(try directory.write(Data(list.utf8), to: name)))
        #expect(answer.failure?.code == .notMedia && answer.frames.isEmpty)
    }

    @Test func `Music has no video`() async throws {
        let path = directory.path.appending("a.mp4")
        try await TestVideo.ffmpeg(["-f", "lavfi", "-i", "sine=d=1", "-c:a", "aac", path.string])
        #expect(Answer(.frames(path)).failure?.code == .noVideo)
    }

    @Test func `A container without a frame says so`() async throws {
        let path = directory.path.appending("none.mkv")
        try await TestVideo(encoding: ["-c:v", "libx264", "-frames:v", "0"]).write(to: path)
        let code = Answer(.frames(path)).failure?.code
        #expect(code == .damaged || code == .noVideo || code == .notMedia)
    }

    @Test(arguments: [1, 2, 3, 5, 17]) func `A tiny picture is scaled up`(side: Int) async throws {
        let path = directory.path.appending("tiny.png")
        let filter = "scale=\(side):\(side),format=rgb24"
        try await TestVideo.ffmpeg(
            ["-f", "lavfi", "-i", "color=0xFF8000:s=64x64:d=0.1", "-vf", filter, "-frames:v", "1", path.string])
        let answer = Answer(.frames(path, size: 256))
        #expect(answer.failure == nil && answer.information?.width == side)
        let colour = answer.colour(bottom: true)
        #expect(colour.red > 240 && abs(colour.green - 128) < 12 && colour.blue < 12)
    }

    @Test func `A picture over the limit is refused before it is decoded`() async throws {
        let path = directory.path.appending("large.png")
        let source = "color=gray:s=4096x2048:d=0.1,format=gray"
        try await TestVideo.ffmpeg(["-f", "lavfi", "-i", source, "-frames:v", "1", path.string])
        let limited = Answer(.frames(path), limits: WorkerLimits(pixels: 4 << 20))
        #expect(limited.failure?.code == .tooLarge && limited.failure?.message.contains("4096x2048") == true)
        #expect(Answer(.frames(path)).failure == nil)
        let video = directory.path.appending("large.mp4")
        try await TestVideo(width: 1280, height: 720, seconds: 0.2).write(to: video)
        #expect(Answer(.frames(video), limits: WorkerLimits(pixels: 1000)).failure?.code == .tooLarge)
    }

    @Test func `A header of 16k by 16k pixels is refused`() throws {
        // A PNG's signature, its first chunk, and the beginning of another.
        let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
        let header: [UInt8] = [0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52, 0, 0, 0x40, 0, 0, 0, 0x40, 0, 8, 2, 0, 0, 0]
        let rest: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 4, 0x49, 0x44, 0x41, 0x54, 1, 2, 3, 4, 0, 0, 0, 0]
        let code = try failure(Data(signature + header + rest), "huge.png")
        #expect(code == .tooLarge)
    }

    static let containers: [FormatTests.Format] = [
        FormatTests.Format("a.mp4", "h264", ["-c:v", "libx264", "-preset", "ultrafast", "-movflags", "faststart"]),
        FormatTests.Format("a.mkv", "h264", ["-c:v", "libx264", "-preset", "ultrafast"]),
        FormatTests.Format("a.avi", "mpeg4", ["-c:v", "mpeg4"]),
        FormatTests.Format("a.ts", "h264", ["-c:v", "libx264", "-preset", "ultrafast"]),
        FormatTests.Format("a.webm", "vp8", ["-c:v", "libvpx", "-cpu-used", "8"]),
        FormatTests.Format("a.mpg", "mpeg2video", ["-c:v", "mpeg2video"]),
        FormatTests.Format("a.gif", "gif", []),
        FormatTests.Format("h.mp4", "hevc", ["-c:v", "libx265", "-x265-params", "log-level=none"]),
        FormatTests.Format("a.mov", "prores", ["-c:v", "prores_ks"]),
        FormatTests.Format("j.jpg", "mjpeg", ["-frames:v", "1"]),
        FormatTests.Format("p.png", "png", ["-frames:v", "1"]),
        FormatTests.Format("w.webp", "webp", ["-frames:v", "1"]),
        FormatTests.Format("t.tiff", "tiff", ["-frames:v", "1"]),
    ]

    @Test(arguments: containers)
    func `A file cut short or with flipped bytes ends with frames or a reason`(format: FormatTests.Format) async throws
    {
        let path = directory.path.appending(format.name)
        try await TestVideo(width: 96, height: 64, seconds: 1, encoding: format.encoding).write(to: path)
        let data = try Data(contentsOf: URL(filePath: path.string))
        var random = SystemRandomNumberGenerator()
        for round in 0..<24 {
            var broken = data
            let flips = [0, 8, 200][round % 3]
            if flips == 0 { broken = broken.prefix(Int.random(in: 1..<data.count, using: &random)) }
            for _ in 0..<flips {
                let place = Int.random(in: 0..<broken.count, using: &random)
                broken[place] = UInt8.random(in: 0...255, using: &random)
            }
            let file = try directory.write(broken, to: "broken-\(round)-\(format.name)")
            let answer = Answer(.frames(file, size: 16, cuts: true))
            #expect((answer.duration == nil) != (answer.failure == nil))
            #expect(answer.isOrdered && answer.frames.allSatisfy { $0.time.isFinite && $0.pixels.count == 768 })
            #expect(answer.failure?.message.isEmpty != true)
        }
    }

    @Test func `A file that was cut in half has the frames of its half`() async throws {
        let path = directory.path.appending("a.ts")
        try await TestVideo(seconds: 4).write(to: path)
        let size = try FileManager.default.attributesOfItem(atPath: path.string)[.size] as? Int ?? 0
        #expect(path.withPlatformString { truncate($0, size / 2) } == 0)
        let answer = Answer(.frames(path))
        #expect(answer.failure == nil && (2..<8).contains(answer.frames.count))
    }

    @Test func `A wrong duration in the container doesn't matter`() async throws {
        let path = directory.path.appending("a.mkv")
        try await TestVideo(seconds: 2).write(to: path)
        var data = try Data(contentsOf: URL(filePath: path.string))
        // Matroska's Duration, a number of 8 bytes: https://www.rfc-editor.org/rfc/rfc9559#name-duration-element
        let place = try #require(data.firstRange(of: Data([0x44, 0x89, 0x88])))
        data.replaceSubrange(place.upperBound..<place.upperBound + 8, with: [0x41, 0x7D, 0, 0, 0, 0, 0, 0])
        let answer = Answer(.frames(try directory.write(data, to: "wrong.mkv"), cuts: true))
        #expect((answer.information?.duration ?? 0) > 10_000)
        #expect(answer.frames.count == 4)
        let duration = answer.duration ?? 0
        #expect(abs(duration - 2) < 0.1)
    }
}
