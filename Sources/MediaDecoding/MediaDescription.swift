import CFFmpeg
import DecodeProtocol

extension MediaFile {
    /// What the container says, with the size of the picture from `decoder` or a decoded frame.
    func info(width: Int, height: Int, orientation: Orientation, frameTags: [MediaTag] = []) -> MediaInfo {
        let context = unsafe format.pointee
        let tags = unsafe MediaTag.all(in: context.metadata) + MediaTag.all(in: stream.pointee.metadata) + frameTags
        let isSeconds = unsafe context.duration != saccade_no_timestamp && context.duration > 0
        return unsafe MediaInfo(
            duration: isSeconds && !isStill ? Double(context.duration) / Double(AV_TIME_BASE) : nil,
            width: orientation.transposes ? height : width,
            height: orientation.transposes ? width : height,
            codec: String(cString: avcodec_get_name(codec)),
            container: String(cString: context.iformat.pointee.name),
            isStill: isStill,
            creationTime: CreationTime.find(in: tags))
    }

    /// How a picture of this file is displayed. It knows best how it lies, the container of which shape its pixels are.
    func display(of picture: DecodedFrame) -> Display {
        Display(
            orientation: picture.orientation ?? orientation,
            pixelAspect: unsafe stream.pointee.sample_aspect_ratio.pixelAspect ?? picture.pixelAspect ?? 1)
    }

    var orientation: Orientation {
        unsafe saccade_stream_display_matrix(stream).map {
            unsafe Orientation(displayMatrix: Array(UnsafeBufferPointer(start: $0, count: 9)))
        } ?? .upright
    }
}

/// How a decoded picture is displayed.
struct Display {
    var orientation: Orientation
    /// How much wider than high a pixel is, before the picture is turned.
    var pixelAspect: Double
}

/// One tag of a container, a stream or a frame.
struct MediaTag {
    var key: String
    var value: String

    /// Tags that are looked at: a file may have any number of them.
    private static let limit = 64

    /// Those of FFmpeg's dictionary, in their order.
    static func all(in dictionary: OpaquePointer?) -> [MediaTag] {
        var tags: [MediaTag] = []
        var entry: UnsafeMutablePointer<AVDictionaryEntry>?
        while tags.count < limit {
            unsafe entry = unsafe av_dict_get(dictionary, "", entry, AV_DICT_IGNORE_SUFFIX)
            guard let entry = unsafe entry else { break }
            unsafe tags.append(
                MediaTag(key: String(cString: entry.pointee.key), value: String(cString: entry.pointee.value)))
        }
        return tags
    }
}

/// The time of recording in a container's tags.
enum CreationTime {
    /// Tags that hold it, the most trusted first: cameras of Apple write the local time with its zone in the first.
    private static let keys = [
        "com.apple.quicktime.creationdate", "creation_time", "DateTimeOriginal", "DateTime", "date",
    ]

    /// Seconds since 1970-01-01 UTC.
    static func find(in tags: [MediaTag]) -> Double? {
        for key in keys {
            for tag in tags where tag.key.lowercased() == key.lowercased() {
                // Muxers write the beginning of their clock when they know no time: 1904 of QuickTime, or 1970.
                if let time = parse(tag.value), time > 0 { return time }
            }
        }
        return nil
    }

    /// Reads `2024-05-06T07:08:09.5Z`, with a zone such as `+0200` or `+02:00`, or EXIF's `2024:05:06 07:08:09`.
    /// A time without a zone is taken for UTC. A bare year or day is not a time of recording.
    static func parse(_ text: String) -> Double? {
        let numbers = text.split { !$0.isASCII || !$0.isNumber }
        let separators = text.filter { !$0.isNumber }
        guard numbers.count >= 6, numbers[0].count == 4, let first = separators.first, first == "-" || first == ":"
        else {
            return nil
        }
        let fields = numbers.prefix(6).compactMap { Int($0) }
        guard fields.count == 6, (1...12).contains(fields[1]), (1...31).contains(fields[2]), fields[3] < 24,
            fields[4] < 60, fields[5] <= 60
        else { return nil }
        var seconds = Double(daysSince1970(fields[0], fields[1], fields[2]) * 86_400)
        seconds += Double(fields[3] * 3600 + fields[4] * 60 + fields[5])
        var rest = text[numbers[5].endIndex...]
        if rest.first == "." {
            let digits = rest.dropFirst().prefix { $0.isNumber }
            seconds += Double("0.\(digits)") ?? 0
            rest = rest[digits.endIndex...]
        }
        if let sign = rest.first(where: { $0 == "+" || $0 == "-" }) {
            let digits = rest.filter(\.isNumber)
            if digits.count == 4, let zone = Int(digits) {
                let offset = Double(zone / 100 * 3600 + zone % 100 * 60)
                seconds += sign == "+" ? -offset : offset
            }
        }
        return seconds
    }

    /// Days from the civil calendar: Howard Hinnant, "chrono-compatible low-level date algorithms".
    private static func daysSince1970(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let year = month <= 2 ? year - 1 : year
        let era = (year >= 0 ? year : year - 399) / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}
