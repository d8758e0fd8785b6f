import Export
import Foundation
import Testing

@Suite struct MomentListTests {
    private static let plain = Moment(
        path: Array("/v/a film.mp4".utf8), start: 12.04, end: 18.5, score: -1.25, probability: 0.5)
    /// A name with everything that a format may trip over; one byte of it isn't UTF-8.
    private static let odd = Moment(
        path: Array("/v/it's, \"50 %\"\n#1 <b>".utf8) + [0xFF] + Array(".mkv".utf8), start: 3661.5, end: 3663)
    private static let picture = Moment(path: Array("/v/p.jpg".utf8), start: 0, end: 0, score: 0.25)

    private let list = MomentList(title: "a dog,\nrunning", moments: [plain, odd, picture])

    private func lines(_ format: MomentList.Format) throws -> [String] {
        String(decoding: try list.exported(as: format), as: UTF8.self).components(separatedBy: "\n")
    }

    @Test func `A playlist has a name, the times and the file of each moment`() throws {
        let lines = try lines(.m3u)
        #expect(lines[0] == "#EXTM3U" && lines[1] == "#PLAYLIST:a dog,\u{FFFD}running")
        #expect(
            Array(lines[2..<6]) == [
                "#EXTINF:7,a film.mp4 0:12", "#EXTVLCOPT:start-time=12.040", "#EXTVLCOPT:stop-time=18.500",
                "/v/a film.mp4",
            ])
        // A name with a line end can only be written as an address.
        #expect(lines[9] == "file:///v/it%27s%2C%20%2250%20%25%22%0A%231%20%3Cb%3E%FF.mkv")
        #expect(Array(lines[10...]) == ["#EXTINF:5,p.jpg 0:00", "/v/p.jpg", ""])
    }

    @Test func `A table quotes what must be quoted, and keeps a name's bytes`() throws {
        let bytes = try list.exported(as: .csv)
        let expected =
            Array(
                """
                number,path,start,end,score,probability\r
                1,/v/a film.mp4,12.040,18.500,-1.25,0.5\r
                2,"/v/it's, ""50 %""\n#1 <b>
                """.utf8) + [0xFF]
            + Array(".mkv\",3661.500,3663.000,,\r\n3,/v/p.jpg,0.000,0.000,0.25,\r\n".utf8)
        #expect(bytes == expected)
    }

    @Test func `An edit decision list counts frames, and its records follow each other`() throws {
        let lines = try lines(.edl)
        #expect(lines[0] == "TITLE: a dog,?running" && lines[1] == "FCM: NON-DROP FRAME")
        #expect(lines[3] == "001  AX       V     C        00:00:12:01 00:00:18:13 01:00:00:00 01:00:06:12")
        #expect(lines[4] == "* FROM CLIP NAME: a film.mp4" && lines[5] == "* SOURCE FILE: file:///v/a%20film.mp4")
        #expect(lines[7] == "002  AX       V     C        01:01:01:13 01:01:03:01 01:00:06:12 01:00:08:00")
        #expect(lines[11] == "003  AX       V     C        00:00:00:00 00:00:05:00 01:00:08:00 01:00:13:00")
        let film = MomentList(title: "x", moments: [Self.plain], frameRate: 24)
        #expect(String(decoding: try film.exported(as: .edl), as: UTF8.self).contains("00:00:12:01 00:00:18:12"))
    }

    @Test func `A script for FFmpeg quotes names, and has no points in a picture`() throws {
        let lines = try lines(.ffconcat)
        #expect(lines[0] == "ffconcat version 1.0")
        #expect(Array(lines[2..<5]) == ["file '/v/a film.mp4'", "inpoint 12.040", "outpoint 18.500"])
        #expect(Array(lines.suffix(3)) == ["file '/v/p.jpg'", "duration 5.000", ""])
        let quoted = MomentList(title: "", moments: [Moment(path: Array("/it's".utf8), start: 0, end: 1)])
        #expect(String(decoding: try quoted.exported(as: .ffconcat), as: UTF8.self).contains(#"file '/it'\''s'"#))
    }

    @Test func `A timeline is OpenTimelineIO's JSON`() throws {
        struct Found: Decodable {
            struct Stack: Decodable { var children: [Track] }
            struct Track: Decodable {
                var kind: String
                var children: [Clip]
            }
            struct Clip: Decodable {
                var OTIO_SCHEMA: String
                var name: String
                var source_range: Range
                var media_references: [String: Media]
            }
            struct Range: Decodable {
                var start_time: Time
                var duration: Time
            }
            struct Time: Decodable {
                var rate: Double
                var value: Double
            }
            struct Media: Decodable { var target_url: String }
            var OTIO_SCHEMA: String
            var tracks: Stack
        }
        let found = try JSONDecoder().decode(Found.self, from: Data(try list.exported(as: .otio)))
        #expect(found.OTIO_SCHEMA == "Timeline.1")
        let clips = try #require(found.tracks.children.first).children
        #expect(
            clips.map(\.name) == ["a film.mp4 0:12", "it's, \"50 %\"\u{FFFD}#1 <b>\u{FFFD}.mkv 1:01:01", "p.jpg 0:00"])
        #expect(clips[0].source_range.start_time.value == 301 && clips[0].source_range.duration.value == 162)
        #expect(clips[0].source_range.duration.rate == 25)
        #expect(clips[1].media_references["DEFAULT_MEDIA"]?.target_url.hasSuffix("%FF.mkv") == true)
    }

    @Test func `No moments make a file of each format`() throws {
        for format in MomentList.Format.allCases {
            #expect(!(try MomentList(title: "", moments: []).exported(as: format)).isEmpty)
        }
    }
}
