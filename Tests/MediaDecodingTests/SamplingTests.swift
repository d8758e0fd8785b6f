import Foundation
import MediaDecoding
import SystemPackage
import TestSupport
import Testing

@Suite struct SamplingTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    private static let grouped = ["-c:v", "libx264", "-preset", "fast", "-g", "50", "-bf", "3", "-sc_threshold", "0"]

    private func video(
        seconds: Double, width: Int = 160, height: Int = 90, scenes: Int = 1, name: String = "a.mp4"
    ) async throws -> FilePath {
        let path = directory.path.appending(name)
        let test = TestVideo(width: width, height: height, seconds: seconds, scenes: scenes, encoding: Self.grouped)
        try await test.write(to: path)
        return path
    }

    @Test(arguments: [0.3, 1, 2, 4, 10, 25])
    func `Each wanted time has a frame within a tenth of a second`(rate: Double) async throws {
        let path = try await video(seconds: 8)
        let answer = Answer(.frames(path, rate: rate))
        for index in 0..<Int((8 * rate).rounded(.up)) {
            let wanted = Double(index) / rate
            #expect(answer.times.contains { abs($0 - wanted) <= 0.1 }, "\(wanted) in \(answer.times)")
        }
        #expect(Set(answer.times).count == answer.times.count)
    }

    @Test(arguments: ["a.mp4", "a.avi"])
    func `A media that is gone on with has the frames of its later times`(name: String) async throws {
        // AVI stores no times of display.
        let path = try await video(seconds: 12, scenes: 6, name: name)
        let whole = Answer(.frames(path, rate: 1))
        let rest = Answer(.frames(path, rate: 1, start: 7))
        #expect(rest.frames.count == 5, "\(rest.times)")
        #expect(abs((rest.duration ?? 0) - 12) < 0.3)
        for frame in rest.frames {
            let same = try #require(whole.frames.min { abs($0.time - frame.time) < abs($1.time - frame.time) })
            #expect(abs(same.time - frame.time) < 0.05)
            let difference = zip(same.pixels, frame.pixels).reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) }
            #expect(difference / same.pixels.count < 12, "at \(frame.time)")
        }
    }

    @Test func `A frame's pixels are those that ffmpeg decodes at its time`() async throws {
        let path = try await video(seconds: 5, width: 320, height: 180)
        let answer = Answer(.frames(path, rate: 1, size: 64))
        #expect(answer.frames.count == 5)
        for (index, frame) in answer.frames.enumerated() {
            let select = String(format: "select=lt(abs(t-%.4f)\\,0.01),scale=64:64", frame.time)
            let output = ["-vsync", "0", "-frames:v", "1", "-pix_fmt", "rgb24", "-f", "rawvideo", "-"]
            let theirs = try await TestVideo.run("ffmpeg", ["-v", "error", "-i", path.string, "-vf", select] + output)
            let differences = zip(theirs, frame.pixels).map { abs(Int($0) - Int($1)) }
            #expect(differences.count == 64 * 64 * 3)
            // The same decoder and the same filter: rounding only.
            #expect((differences.max() ?? 255) <= 2, "frame \(index)")
        }
    }

    @Test func `A part of a media is sampled from its start`() async throws {
        let path = try await video(seconds: 20)
        let answer = Answer(.frames(path, rate: 2, start: 11, end: 13))
        #expect(answer.times.count == 4)
        for (index, time) in answer.times.enumerated() { #expect(abs(time - 11 - Double(index) / 2) <= 0.1) }
        // The first two, and the seconds from the key frame before the start: what was sought over isn't walked
        // through.
        #expect(answer.advances <= 6, "\(answer.advances)")
    }

    @Test func `A variable frame rate is sampled by times, not by numbers`() async throws {
        let path = directory.path.appending("v.mkv")
        // 25 frames in the first second, then one a second.
        let filter = "select=lt(t\\,1)+not(mod(n\\,25))"
        try await TestVideo.ffmpeg(
            ["-f", "lavfi", "-i", "testsrc2=s=160x90:r=25:d=10", "-vf", filter, "-vsync", "2", "-c:v", "libx264"]
                + [path.string])
        let late = Answer(.frames(path, rate: 2)).times.filter { $0 >= 0.99 }
        #expect(late.map { ($0 * 100).rounded() / 100 } == [1, 2, 3, 4, 5, 6, 7, 8, 9])
    }

    @Test func `An edit list moves the beginning`() async throws {
        let whole = try await video(seconds: 8, scenes: 2, name: "whole.mp4")
        // Cutting in the middle of a group without coding again makes an edit list that hides the pictures before.
        let cut = directory.path.appending("cut.mp4")
        try await TestVideo.ffmpeg(["-ss", "3", "-i", whole.string, "-c", "copy", cut.string])
        let answer = Answer(.frames(cut, rate: 2))
        let first = try #require(answer.times.first)
        #expect(first <= 0.1 && (answer.duration ?? 0) <= 5.2)
        // The second scene, which is navy, begins at 4 s of the whole.
        let navy = answer.frames.indices.first { index in
            let colour = answer.colour(frame: index)
            return colour.red < 30 && colour.blue > 90
        }
        let time = try #require(navy.map { answer.times[$0] })
        #expect(abs(time - 1) <= 0.11, "\(answer.times)")
    }

    @Test func `A stream that changes its size midway goes on`() async throws {
        let small = try await video(seconds: 2, name: "s.ts")
        let large = try await video(seconds: 2, width: 320, height: 240, name: "l.ts")
        let data = try Data(contentsOf: URL(filePath: small.string)) + Data(contentsOf: URL(filePath: large.string))
        let answer = Answer(.frames(try directory.write(data, to: "both.ts"), cuts: true))
        #expect(answer.failure == nil && answer.isOrdered)
        #expect(answer.frames.count >= 7 && answer.frames.allSatisfy { $0.pixels.count == 32 * 32 * 3 })
    }

    @Test func `Cuts between scenes are found, and each comes before the frames of its shot`() async throws {
        let answer = Answer(.frames(try await video(seconds: 12, scenes: 6), cuts: true))
        let cuts = TestVideo(seconds: 12, scenes: 6).cuts
        #expect(answer.isOrdered && answer.cuts.count == cuts.count, "\(answer.cuts)")
        for (found, cut) in zip(answer.cuts, cuts) { #expect(abs(found - cut) <= 0.2) }
    }

    @Test func `A flash and a pan are no cuts`() async throws {
        let flash = directory.path.appending("flash.mp4")
        let white = "drawbox=color=white:t=fill:enable=between(t\\,2\\,2.1)"
        try await TestVideo.ffmpeg(
            ["-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=4", "-vf", white, "-c:v", "libx264", flash.string])
        #expect(Answer(.frames(flash, cuts: true)).cuts == [])
        let pan = directory.path.appending("pan.mp4")
        let moving = "trim=end_frame=1,loop=99:1,setpts=N/25/TB,crop=320:180:t*240:0"
        try await TestVideo.ffmpeg(
            [
                "-f", "lavfi", "-i", "mandelbrot=s=1280x180:r=25", "-vf", moving, "-t", "4", "-c:v", "libx264",
                pan.string,
            ])
        #expect(Answer(.frames(pan, cuts: true)).cuts == [])
    }
}
