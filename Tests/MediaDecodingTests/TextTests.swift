import DecodeProtocol
import Foundation
import MediaDecoding
import SystemPackage
import TestSupport
import Testing

/// The text of media files and of files of subtitles.
@Suite struct TextTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func subtitles(_ bytes: some Sequence<UInt8>, _ format: SubtitleFormat) throws -> Answer {
        Answer(.text(try directory.write(Data(bytes), to: "a"), .subtitles(format)))
    }

    private func subtitles(_ text: String, _ format: SubtitleFormat = .subRip) throws -> [TextLine] {
        let answer = try subtitles(text.utf8, format)
        #expect(answer.failure == nil && answer.duration != nil)
        return answer.lines
    }

    private func subRip(_ lines: [String]) -> String {
        lines.enumerated().map { "\($0 + 1)\n00:00:0\($0),500 --> 00:00:0\($0 + 1),250\n\($1)\n\n" }.joined()
    }

    @Test func `SubRip, WebVTT and ASS are read with their times and without their markup`() throws {
        let expected = [
            TextLine(kind: .subtitle, start: 0.5, end: 1.25, text: "Hello, world!"),
            TextLine(kind: .subtitle, start: 1.5, end: 2.25, text: "Two lines & a < b"),
        ]
        let subRip = subRip(["<i>Hello</i>, {\\an8}<font color=\"red\">world</font>!", "Two lines\n& a < b"])
        #expect(try subtitles(subRip) == expected)
        let webVTT = """
            WEBVTT

            NOTE a comment

            00:00.500 --> 00:01.250 line:0
            <v Mary>Hello</v>, <b>world</b>!

            name
            00:00:01.500 --> 00:00:02.250
            Two lines
            &amp; a &lt; b
            """
        #expect(try subtitles(webVTT, .webVTT) == expected)
        let ass = """
            [Script Info]
            ScriptType: v4.00+

            [Events]
            Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
            Dialogue: 0,0:00:00.50,0:00:01.25,Default,,0,0,0,,{\\b1}Hello{\\b0}, world!
            Dialogue: 1,0:00:00.50,0:00:01.25,Default,,0,0,0,,{\\blur3}Hello, world!
            Comment: 0,0:00:01.00,0:00:01.25,Default,,0,0,0,,not shown
            Dialogue: 0,0:00:01.00,0:00:01.25,Default,,0,0,0,,{\\p1}m 0 0 l 100 0 100 100{\\p0}
            Dialogue: 0,0:00:01.50,0:00:02.25,Default,,0,0,0,,Two lines\\N& a < b
            """
        #expect(try subtitles(ass, .ass) == expected)
    }

    @Test(arguments: [SubtitleFormat.subRip, .webVTT, .ass])
    func `What is no file of subtitles has no lines or says so`(format: SubtitleFormat) throws {
        for bytes in [Data("hello".utf8), Data(repeating: 0, count: 5000), Data((0..<5000).map { UInt8($0 % 251) })] {
            let answer = try subtitles(bytes, format)
            #expect(answer.lines.isEmpty && (answer.failure == nil || answer.failure?.code == .notMedia))
        }
        #expect(try subtitles([], format).failure?.code == .notMedia)
    }

    @Test func `Whatever the encoding, lines are UTF-8`() throws {
        let text = subRip(["Où est l’été – 5 €?", "Füße"])
        let expected = ["Où est l’été – 5 €?", "Füße"]
        let unicode = Array(text.utf16)
        let encodings: [[UInt8]] = [
            Array(text.utf8), [0xEF, 0xBB, 0xBF] + text.utf8,
            [0xFF, 0xFE] + unicode.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] },
            [0xFE, 0xFF] + unicode.flatMap { [UInt8($0 >> 8), UInt8($0 & 255)] },
            unicode.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] },
            Array(try #require(text.data(using: .windowsCP1252))),
        ]
        for bytes in encodings { #expect(try subtitles(bytes, .subRip).lines.map(\.text) == expected) }
        // One slip doesn't make another encoding of it.
        let broken = Array(text.utf8) + [0xE9, 0x0A]
        #expect(try subtitles(broken, .subRip).lines.first?.text == expected[0])
        let east = subRip(["今日は天気がいい", "สวัสดีครับ", "나는 고양이다"])
        #expect(try subtitles(east).map(\.text) == ["今日は天気がいい", "สวัสดีครับ", "나는 고양이다"])
    }

    @Test func `Times that overlap, go backwards or make no sense are no error`() throws {
        let lines = try subtitles(
            """
            1
            00:00:05,000 --> 00:00:09,000
            long

            2
            00:00:06,000 --> 00:00:07,000
            within it

            3
            00:00:02,000 --> 00:00:01,000
            backwards

            4
            99:59:59,999 --> 99:59:59,999
            late
            """)
        #expect(Set(lines.map(\.text)) == ["long", "within it", "backwards", "late"])
        for line in lines { #expect(line.start <= line.end && line.start >= 0 && line.end < DecodeLimits.mediaSeconds) }
    }

    @Test func `A hostile file stays within the limits`() throws {
        let long = try subtitles(subRip([String(repeating: "é", count: 5_000_000), "short"]))
        #expect(long.last?.text == "short" && long.allSatisfy { $0.text.utf8.count <= TextLimits.lineBytes })
        let wide = try subtitles(subRip([String(repeating: "é", count: 20_000)]))
        #expect(wide.map(\.text.utf8.count) == [TextLimits.lineBytes])
        let many = (0..<TextLimits.lines + 100).map {
            "\($0)\n00:\($0 / 600 % 60):\($0 / 10 % 60),\($0 % 10)00 --> 10:00:00,000\n\($0)\n\n"
        }
        #expect(try subtitles(many.joined()).count == TextLimits.lines)
        // Brackets that never close are looked for once.
        let open = try subtitles(subRip([String(repeating: "{<b", count: 15_000)]))
        #expect(open.allSatisfy { $0.text.utf8.count <= TextLimits.lineBytes })
        let zeros = try subtitles(subRip(["a\u{0}b\u{202E}c\u{7}d"]))
        #expect(zeros.allSatisfy { !$0.text.unicodeScalars.contains { $0.value < 32 || $0.value == 0x202E } })
    }

    @Test func `A file of subtitles that is too large is refused`() throws {
        let path = directory.path.appending("large.srt")
        #expect(FileManager.default.createFile(atPath: path.string, contents: nil))
        let file = try FileHandle(forWritingTo: URL(filePath: path.string))
        try file.truncate(atOffset: UInt64(TextLimits.fileBytes) + 1)
        #expect(Answer(.text(path, .subtitles(.subRip))).failure?.code == .tooLarge)
    }

    @Test(arguments: [
        ("mov_text", "film.mp4"), ("srt", "film.mkv"), ("ass", "film.mkv"), ("webvtt", "film.mkv"),
        ("webvtt", "film.webm"),
    ])
    func `Text tracks, chapters, title and comment of a media file are read`(codec: String, name: String) async throws {
        let subtitles = try directory.write(Data(subRip(["Hello, <i>world</i>!", "日本, été"]).utf8), to: "s.srt")
        let tags = """
            ;FFMETADATA1
            title=A day at the sea
            comment=Filmed by <b>me</b>
            [CHAPTER]
            TIMEBASE=1/1000
            START=0
            END=3000
            title=The lighthouse
            """
        let metadata = try directory.write(Data(tags.utf8), to: "tags.txt")
        let path = directory.path.appending(name)
        let video = name.hasSuffix("webm") ? ["libvpx", "-b:v", "100k"] : ["libx264", "-preset", "ultrafast"]
        try await TestVideo(
            width: 64, height: 48,
            encoding: [
                "-i", subtitles.string, "-i", metadata.string, "-map", "0:v", "-map", "1:s", "-map_metadata", "2",
                "-map_chapters", "2", "-metadata:s:s:0", "language=eng", "-pix_fmt", "yuv420p", "-c:s", codec, "-c:v",
            ] + video
        ).write(to: path)
        let answer = Answer(.text(path, .media))
        #expect(answer.failure == nil && answer.frames.isEmpty)
        let lines = answer.lines
        func texts(_ kind: TextLine.Kind) -> [String] { lines.filter { $0.kind == kind }.map(\.text) }
        #expect(texts(.subtitle) == ["Hello, world!", "日本, été"])
        #expect(texts(.title) == ["A day at the sea"])
        #expect(texts(.comment) == ["Filmed by <b>me</b>"])
        #expect(texts(.chapter) == ["The lighthouse"])
        let said = try #require(lines.first { $0.kind == .subtitle })
        #expect(abs(said.start - 0.5) < 0.05 && abs(said.end - 1.25) < 0.05)
        #expect(said.language == "eng")
        let chapter = try #require(lines.first { $0.kind == .chapter })
        #expect(abs(chapter.start) < 0.05 && abs(chapter.end - 3) < 0.05)
    }

    @Test func `Half of a film has the first half of its words`() async throws {
        let subtitles = try directory.write(Data(subRip((0..<9).map { "line \($0)" }).utf8), to: "s.srt")
        let path = directory.path.appending("film.mkv")
        try await TestVideo(
            width: 320, height: 240, seconds: 9,
            encoding: ["-i", subtitles.string, "-map", "0:v", "-map", "1:s", "-c:s", "srt", "-c:v", "mjpeg"]
        ).write(to: path)
        #expect(Answer(.text(path, .media)).lines.count == 9)
        let whole = try Data(contentsOf: URL(filePath: path.string))
        let half = try directory.write(whole.prefix(whole.count / 2), to: "half.mkv")
        let lines = Answer(.text(half, .media)).lines
        #expect((1..<9).contains(lines.count) && lines.first?.text == "line 0")
    }

    @Test func `What has no text has none, and what is no media says so`() async throws {
        let path = directory.path.appending("plain.mp4")
        try await TestVideo(width: 64, height: 48, seconds: 1).write(to: path)
        let answer = Answer(.text(path, .media))
        #expect(answer.failure == nil && answer.lines.isEmpty && answer.duration != nil)
        // A playlist or subtitles in the guise of a video open nothing.
        let rubbish = try directory.write(Data(subRip(["hello"]).utf8), to: "film.mp4")
        #expect(Answer(.text(rubbish, .media)).failure?.code == .notMedia)
    }

    @Test(arguments: [
        ("0,0,Default,,0,0,0,,a\\Nb\\hc", "a b c"), ("0,0,D,,0,0,0,,x, y, z", "x, y, z"), ("0,0,D", ""),
        ("0,0,D,,0,0,0,,{\\i1}{comment}it{\\i0}", "it"), ("0,0,D,,0,0,0,,\\{kept\\}", "{kept}"),
        ("0,0,D,,0,0,0,,1 <2 and <3", "1 <2 and <3"), ("0,0,D,,0,0,0,,<b>x</b><unknown y=1>z", "xz"),
        ("0,0,D,,0,0,0,,{\\pos(1,2)}{\\p2}m 1 1{\\p0}after", "after"), ("0,0,D,,0,0,0,,open {brace", "open {brace"),
    ])
    func `An event's text is what people read of it`(event: String, text: String) {
        #expect(PlainText.ofEvent(event) == text)
    }
}
