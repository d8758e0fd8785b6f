import Foundation

extension MomentList {
    /// CMX 3600: an event with source and record times each, and comments with the name and the file.
    ///
    /// Records from one hour on, as editors do. Times are counted in the timeline's frames, whatever the file's are.
    var edl: String {
        var text = "TITLE: \(Self.plain(title).prefix(70))\nFCM: NON-DROP FRAME\n"
        var record = 3600 * frameRate
        for (place, moment) in moments.enumerated() {
            let (start, length) = frames(of: moment)
            let number = String(place + 1)
            let event = String(repeating: "0", count: max(0, 3 - number.count)) + number
            let times = [start, start + length, record, record + length].map(timecode).joined(separator: " ")
            text += "\n\(event)  AX       V     C        \(times)\n"
            text += "* FROM CLIP NAME: \(Self.plain(moment.name))\n* SOURCE FILE: \(moment.url)\n"
            record += length
        }
        return text
    }

    private func frames(of moment: Moment) -> (start: Int, length: Int) {
        let rate = Double(frameRate)
        return (Int((moment.start * rate).rounded()), max(1, Int((moment.length * rate).rounded())))
    }

    private func timecode(_ frames: Int) -> String {
        let seconds = frames / frameRate
        return [seconds / 3600, seconds / 60 % 60, seconds % 60, frames % frameRate].map(Self.two).joined(
            separator: ":")
    }

    /// Old editors read ASCII alone.
    private static func plain(_ text: String) -> String {
        String(text.map { $0.isASCII && !$0.isNewline && $0 >= " " && $0 != "\u{7F}" ? $0 : "?" })
    }

    /// One track of video, a clip a moment. Source: the schemas of OpenTimelineIO 0.17 (`Timeline.1` and what it holds).
    var otio: [UInt8] {
        get throws {
            let clips = moments.map { moment in
                let (start, length) = frames(of: moment)
                return Clip(
                    name: "\(moment.name) \(Self.clock(moment.start))", source_range: range(start, length),
                    media_references: ["DEFAULT_MEDIA": Media(target_url: moment.url)],
                    metadata: ["saccade": Facts(score: moment.score, probability: moment.probability)])
            }
            let timeline = Timeline(
                name: Moment.printable(title), tracks: Stack(children: [Track(children: clips)]))
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            return Array(try encoder.encode(timeline)) + [0x0A]
        }
    }

    private func range(_ start: Int, _ length: Int) -> TimeRange {
        TimeRange(
            start_time: Time(rate: Double(frameRate), value: Double(start)),
            duration: Time(rate: Double(frameRate), value: Double(length)))
    }
}

// The names are the format's.

private struct Timeline: Encodable {
    var OTIO_SCHEMA = "Timeline.1"
    var name: String
    var tracks: Stack
}

private struct Stack: Encodable {
    var OTIO_SCHEMA = "Stack.1"
    var name = "tracks"
    var children: [Track]
}

private struct Track: Encodable {
    var OTIO_SCHEMA = "Track.1"
    var name = "moments"
    var kind = "Video"
    var children: [Clip]
}

private struct Clip: Encodable {
    var OTIO_SCHEMA = "Clip.2"
    var name: String
    var source_range: TimeRange
    var active_media_reference_key = "DEFAULT_MEDIA"
    var media_references: [String: Media]
    var metadata: [String: Facts]
}

private struct Media: Encodable {
    var OTIO_SCHEMA = "ExternalReference.1"
    var target_url: String
}

private struct Facts: Encodable {
    var score: Double?
    var probability: Double?
}

private struct TimeRange: Encodable {
    var OTIO_SCHEMA = "TimeRange.1"
    var start_time: Time
    var duration: Time
}

private struct Time: Encodable {
    var OTIO_SCHEMA = "RationalTime.1"
    var rate: Double
    var value: Double
}
