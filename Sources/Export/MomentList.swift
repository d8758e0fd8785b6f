/// Moments in an order, as a file that players and editors read.
package struct MomentList: Sendable {
    package enum Format: String, CaseIterable, Sendable {
        /// An extended M3U playlist, with the times as VLC reads them.
        case m3u
        /// A table (RFC 4180).
        case csv
        /// An edit decision list, CMX 3600.
        case edl
        /// OpenTimelineIO's JSON.
        case otio
        /// A script of FFmpeg's concat demuxer.
        case ffconcat
    }

    /// What was asked for.
    package var title: String
    package var moments: [Moment]
    /// Frames per second of an editor's timeline, in which edit decision lists and OpenTimelineIO count.
    package var frameRate: Int

    /// - Parameter frameRate: 1 to 120.
    package init(title: String, moments: [Moment], frameRate: Int = 25) {
        self.title = title
        self.moments = moments
        self.frameRate = frameRate
    }

    /// The content of the file.
    package func exported(as format: Format) throws -> [UInt8] {
        switch format {
        case .m3u: m3u
        case .csv: csv
        case .edl: Array(edl.utf8)
        case .otio: try otio
        case .ffconcat: ffconcat
        }
    }

    /// Seconds to the nearest millisecond.
    static func seconds(_ value: Double) -> String {
        let milliseconds = Int((max(0, value) * 1000).rounded())
        let fraction = String(milliseconds % 1000)
        return "\(milliseconds / 1000)." + String(repeating: "0", count: 3 - fraction.count) + fraction
    }

    /// `12:04`, for a name that people read.
    static func clock(_ value: Double) -> String {
        let whole = Int(max(0, value))
        let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60)
        return hours > 0 ? "\(hours):\(two(minutes)):\(two(seconds))" : "\(minutes):\(two(seconds))"
    }

    static func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
}

// MARK: Playlists

extension MomentList {
    /// VLC plays from `start-time` to `stop-time`; other players open the whole file.
    private var m3u: [UInt8] {
        var bytes = Array("#EXTM3U\n#PLAYLIST:\(Moment.printable(title))\n".utf8)
        for moment in moments {
            let seconds = Int(moment.length.rounded(.up))
            bytes += Array("#EXTINF:\(seconds),\(moment.name) \(Self.clock(moment.start))\n".utf8)
            if !moment.isStill {
                bytes += Array("#EXTVLCOPT:start-time=\(Self.seconds(moment.start))\n".utf8)
                bytes += Array("#EXTVLCOPT:stop-time=\(Self.seconds(moment.end))\n".utf8)
            }
            bytes += (moment.isOneLine ? moment.path : Array(moment.url.utf8)) + [0x0A]
        }
        return bytes
    }

    /// Quoted as `av_get_token` reads it. A name with a line end has no spelling in this format, but a URL has.
    private var ffconcat: [UInt8] {
        var bytes = Array("ffconcat version 1.0\n# \(Moment.printable(title))\n".utf8)
        for moment in moments {
            let name = moment.isOneLine ? moment.path : Array(moment.url.utf8)
            let quote = UInt8(ascii: "'")
            bytes += Array("file '".utf8)
            for byte in name { bytes += byte == quote ? Array("'\\''".utf8) : [byte] }
            bytes += [quote, 0x0A]
            if moment.isStill {
                bytes += Array("duration \(Self.seconds(moment.length))\n".utf8)
            } else {
                bytes += Array("inpoint \(Self.seconds(moment.start))\noutpoint \(Self.seconds(moment.end))\n".utf8)
            }
        }
        return bytes
    }
}

// MARK: Table

extension MomentList {
    private var csv: [UInt8] {
        var bytes = Array("number,path,start,end,score,probability\r\n".utf8)
        for (place, moment) in moments.enumerated() {
            let numbers = [
                Self.seconds(moment.start), Self.seconds(moment.end), moment.score.map { "\($0)" } ?? "",
                moment.probability.map { "\($0)" } ?? "",
            ]
            bytes += Array("\(place + 1),".utf8) + Self.quoted(moment.path)
            bytes += Array(("," + numbers.joined(separator: ",") + "\r\n").utf8)
        }
        return bytes
    }

    private static func quoted(_ field: [UInt8]) -> [UInt8] {
        let quote = UInt8(ascii: "\"")
        guard field.contains(where: { [quote, UInt8(ascii: ","), 0x0A, 0x0D].contains($0) }) else { return field }
        return [quote] + field.flatMap { $0 == quote ? [quote, quote] : [$0] } + [quote]
    }
}
