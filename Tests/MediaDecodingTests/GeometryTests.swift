import DecodeProtocol
import Foundation
import MediaDecoding
import SystemPackage
import TestSupport
import Testing

@Suite struct GeometryTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    /// A picture of `width` × `height` px in three equal bands, red, green and blue: columns, or rows if it is high.
    private func bands(_ width: Int, _ height: Int, filter: String = "null", name: String) async throws -> FilePath {
        let path = directory.path.appending(name)
        let (columns, rows) = width >= height ? ("\(width)/3", "\(height)") : ("\(width)", "\(height)/3")
        func box(_ colour: String, _ place: Int) -> String {
            let at = width >= height ? "x=\(place)*\(columns):y=0" : "x=0:y=\(place)*\(rows)"
            return "drawbox=\(at):w=\(columns):h=\(rows):color=\(colour):t=fill"
        }
        let boxes = [box("red", 0), box("lime", 1), box("blue", 2)].joined(separator: ",")
        let source = "color=white:s=\(width)x\(height):d=0.4,format=rgb24,\(boxes),\(filter)"
        let still =
            name.hasSuffix(".png") ? ["-frames:v", "1"] : ["-c:v", "libx264", "-qp", "1", "-pix_fmt", "yuv444p"]
        try await TestVideo.ffmpeg(["-f", "lavfi", "-i", source] + still + [path.string])
        return path
    }

    private func frame(_ path: FilePath, _ geometry: FrameGeometry) throws -> Picture {
        let answer = Answer(.frames(path, FrameSampling(geometry: geometry, detectsCuts: false)))
        #expect(answer.failure == nil)
        return Picture(side: geometry.side, pixels: try #require(answer.frames.first).pixels)
    }

    private struct Picture {
        var side: Int
        var pixels: [UInt8]

        func pixel(_ column: Int, _ row: Int) -> [Int] {
            (0..<3).map { Int(pixels[(row * side + column) * 3 + $0]) }
        }

        /// Which of the bands the pixel is in; nil for what is between.
        func band(_ column: Int, _ row: Int) -> Int? {
            let pixel = pixel(column, row)
            return pixel.firstIndex { $0 > 200 }.flatMap { index in
                pixel.enumerated().allSatisfy { $0.offset == index || $0.element < 60 } ? index : nil
            }
        }

        /// The bands met from one side to the other, in the middle.
        func bands(down: Bool) -> [Int] {
            (0..<side).compactMap { down ? band(side / 2, $0) : band($0, side / 2) }
                .reduce(into: []) { if $0.last != $1 { $0.append($1) } }
        }
    }

    @Test(arguments: FrameGeometry.Filter.allCases)
    func `Of a wide picture the middle is kept, of a high one too`(filter: FrameGeometry.Filter) async throws {
        let cover = FrameGeometry(side: 60, fit: .cover, filter: filter)
        // The middle band is as wide as the crop, but for its borders.
        let wide = try frame(try await bands(180, 60, name: "wide.png"), cover)
        #expect(wide.bands(down: false) == [1] || wide.bands(down: false) == [0, 1, 2])
        #expect((2..<58).allSatisfy { wide.band($0, 30) == 1 && wide.band($0, 1) == 1 && wide.band($0, 58) == 1 })
        let high = try frame(try await bands(60, 180, name: "high.png"), cover)
        #expect((2..<58).allSatisfy { high.band(30, $0) == 1 && high.band(1, $0) == 1 && high.band(58, $0) == 1 })
        // 16:9 leaves 9/16 of the width: 3/16 of the outer bands, each of which is a third.
        let film = try frame(
            try await bands(192, 108, name: "film.mp4"), FrameGeometry(side: 54, fit: .cover, filter: filter))
        #expect(film.bands(down: false) == [0, 1, 2])
        let middle = (0..<54).filter { film.band($0, 27) == 1 }
        #expect(abs((middle.first ?? 0) - 11) <= 1 && abs((middle.last ?? 0) - 42) <= 1, "\(middle)")
    }

    @Test(arguments: FrameGeometry.Filter.allCases)
    func `A squashed picture is there as a whole`(filter: FrameGeometry.Filter) async throws {
        let geometry = FrameGeometry(side: 60, fit: .squash, filter: filter)
        #expect(try frame(try await bands(180, 60, name: "wide.png"), geometry).bands(down: false) == [0, 1, 2])
        #expect(try frame(try await bands(60, 180, name: "high.png"), geometry).bands(down: true) == [0, 1, 2])
    }

    @Test(arguments: [90, 270], [54, 108])
    func `A phone's video is cut as it is displayed`(rotation: Int, side: Int) async throws {
        // Coded lying, with bands from left to right, displayed standing, with bands from top to bottom or back.
        let flat = try await bands(192, 108, name: "flat.mp4")
        let turned = directory.path.appending("turned.mp4")
        try await TestVideo.ffmpeg(
            ["-i", flat.string, "-c", "copy", "-metadata:s:v", "rotate=\(rotation)", turned.string])
        let lying = try frame(flat, FrameGeometry(side: side, fit: .cover))
        let standing = try frame(turned, FrameGeometry(side: side, fit: .cover))
        #expect(lying.bands(down: false) == [0, 1, 2] && lying.bands(down: true) == [1])
        #expect(standing.bands(down: false) == [1])
        let found = standing.bands(down: true)
        #expect(found == [0, 1, 2] || found == [2, 1, 0])
        // The same pixels, turned: nothing is cut or scaled another way.
        let isBack = found == [2, 1, 0]
        for place in 0..<side {
            let column = isBack ? side - 1 - place : place
            for channel in 0..<3 {
                #expect(abs(standing.pixel(side / 2, place)[channel] - lying.pixel(column, side / 2)[channel]) <= 1)
            }
        }
    }

    @Test func `Pixels that aren't square count as they are displayed`() async throws {
        // 96 columns displayed as 192: only the middle half of the width is within the crop, as of a picture that is
        // coded so wide.
        let narrow = try await bands(96, 96, filter: "setsar=2/1", name: "narrow.mp4")
        let cut = try frame(narrow, FrameGeometry(side: 48, fit: .cover))
        let middle = (0..<48).filter { cut.band($0, 24) == 1 }
        // A third of the width of 96 scaled columns is the middle band: columns 32 to 63, of which the crop begins at
        // 24.
        #expect(abs((middle.first ?? 0) - 8) <= 1 && abs((middle.last ?? 0) - 39) <= 1, "\(middle)")
        #expect(try frame(narrow, FrameGeometry(side: 48)).bands(down: false) == [0, 1, 2])
        // The container alone may say so.
        let square = try await bands(96, 96, name: "square.mp4")
        let stretched = directory.path.appending("stretched.mkv")
        try await TestVideo.ffmpeg(["-i", square.string, "-c", "copy", "-aspect", "2:1", stretched.string])
        #expect(try frame(stretched, FrameGeometry(side: 48, fit: .cover)).pixels == cut.pixels)
    }

    @Test(arguments: [(1, 1), (1, 9), (3, 2), (101, 77), (77, 101), (640, 3), (3, 640), (2400, 16)], [1, 7, 33, 224])
    func `A picture of any size covers a square of any size`(size: (Int, Int), side: Int) async throws {
        let path = directory.path.appending("odd.png")
        // Grey: at an odd width swscale makes up the chroma of an RGB picture's last column.
        let filter = "format=gray,scale=\(size.0):\(size.1)"
        try await TestVideo.ffmpeg(
            ["-f", "lavfi", "-i", "color=0xC8C8C8:s=64x64:d=0.1", "-vf", filter, "-frames:v", "1", path.string])
        for filter in FrameGeometry.Filter.allCases {
            let picture = try frame(path, FrameGeometry(side: side, fit: .cover, filter: filter))
            #expect(picture.pixels.count == side * side * 3)
            for place in [(0, 0), (side - 1, 0), (0, side - 1), (side - 1, side - 1), (side / 2, side / 2)] {
                let pixel = picture.pixel(place.0, place.1)
                #expect(pixel.allSatisfy { abs($0 - 200) <= 2 }, "\(pixel) at \(place)")
            }
        }
    }

    @Test func `A strip is cut in its middle`() async throws {
        let strip = try frame(try await bands(2400, 16, name: "strip.png"), FrameGeometry(side: 32, fit: .cover))
        #expect(strip.bands(down: false) == [1])
        // A white column at the middle of the strip is at the middle of the square.
        let path = directory.path.appending("marked.png")
        try await TestVideo.ffmpeg([
            "-f", "lavfi", "-i",
            "color=black:s=2400x16:d=0.1,format=rgb24,drawbox=x=1199:y=0:w=2:h=16:color=white:t=fill",
            "-frames:v", "1", path.string,
        ])
        let marked = try frame(path, FrameGeometry(side: 32, fit: .cover))
        let brightest = (0..<32).max { marked.pixel($0, 16)[0] < marked.pixel($1, 16)[0] } ?? 0
        #expect((15...16).contains(brightest))
    }

    @Test func `A strip of one bit a pixel is cut in its middle, too`() async throws {
        let path = directory.path.appending("bits.png")
        try await TestVideo.ffmpeg([
            "-f", "lavfi", "-i",
            "color=black:s=24000x16:d=0.1,format=gray,drawbox=x=12000:y=0:w=12000:h=16:color=white:t=fill",
            "-pix_fmt", "monob", "-frames:v", "1", path.string,
        ])
        let bits = try frame(path, FrameGeometry(side: 32, fit: .cover))
        #expect((0..<14).allSatisfy { bits.pixel($0, 16)[0] < 40 })
        #expect((18..<32).allSatisfy { bits.pixel($0, 16)[0] > 215 })
    }

    @Test func `A covering frame's pixels are those of ffmpeg's scale and crop`() async throws {
        let path = directory.path.appending("a.mp4")
        try await TestVideo(seconds: 0.2).write(to: path)
        for (filter, flag) in [(FrameGeometry.Filter.area, "area"), (.bilinear, "bilinear"), (.bicubic, "bicubic")] {
            let ours = try frame(path, FrameGeometry(side: 64, fit: .cover, filter: filter))
            // 320 x 180 px scaled to a height of 64 px are 113.8 px wide.
            let graph = "scale=113:64:flags=\(flag),format=rgb24,crop=64:64:24:0"
            let theirs = try await TestVideo.run(
                "ffmpeg",
                ["-v", "error", "-i", path.string, "-vf", graph, "-frames:v", "1", "-f", "rawvideo", "-"])
            let differences = zip(theirs, ours.pixels).map { abs(Int($0) - Int($1)) }
            #expect(differences.count == 64 * 64 * 3 && (differences.max() ?? 255) <= 2, "\(flag)")
        }
    }
}
