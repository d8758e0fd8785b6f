/// One line of text that belongs to a media item, and when it holds.
package struct TextLine: Sendable, Equatable {
    /// The raw values stand on the wire.
    package enum Kind: UInt8, Sendable, CaseIterable {
        case subtitle = 0
        /// A chapter's title.
        case chapter = 1
        /// The container's title, which holds for the whole media item.
        case title = 2
        /// The container's comment or description, which holds for the whole media item.
        case comment = 3
    }

    package var kind: Kind
    /// Seconds from the beginning of the media. Lines may overlap, and come in any order.
    package var start: Double
    /// Seconds, not before ``start``.
    package var end: Double
    /// What the container calls the language, such as `eng`; empty where it doesn't say.
    package var language: String
    /// Without markup, line breaks and white space around it; of 1 to ``TextLimits/lineBytes`` bytes of UTF-8.
    package var text: String

    package init(kind: Kind, start: Double, end: Double, language: String = "", text: String) {
        self.kind = kind
        self.start = start
        self.end = end
        self.language = language
        self.text = text
    }
}

/// How much text one media item or subtitle file may have. What is beyond it is left out.
package enum TextLimits {
    /// Lines of one file: some 30 hours of talk.
    package static let lines = 50_000
    /// Bytes of one line, in UTF-8.
    package static let lineBytes = 2_000
    /// Bytes of all lines of one file.
    package static let bytes = 8 << 20
    /// Bytes of a subtitle file that is read at all.
    package static let fileBytes = 32 << 20
    /// Bytes of a language's name.
    package static let languageBytes = 35
}

/// Which text of a file is wanted.
package enum TextPlace: Sendable, Equatable {
    /// What a media file carries: text tracks, chapter titles, the container's title and comment.
    case media
    /// What a file of subtitles says.
    case subtitles(SubtitleFormat)
}

/// How a file of subtitles is written. The raw values stand on the wire.
package enum SubtitleFormat: UInt8, Sendable, CaseIterable {
    case subRip = 0
    case webVTT = 1
    /// Advanced SubStation Alpha, and SubStation Alpha before it.
    case ass = 2

    /// - Parameter fileExtension: in any case, without the dot; nil for one that no subtitles have.
    package init?(fileExtension: String) {
        switch fileExtension.lowercased() {
        case "srt": self = .subRip
        case "vtt": self = .webVTT
        case "ass", "ssa": self = .ass
        default: return nil
        }
    }
}

extension TextLine {
    /// Bytes of a line's scalars on the wire.
    private static let wireOverhead = 1 + 8 + 8 + 4 + 4

    /// Bytes of this line on the wire.
    package var wireBytes: Int { Self.wireOverhead + language.utf8.count + text.utf8.count }

    func write(to writer: inout WireWriter) {
        writer.uint8(kind.rawValue)
        writer.double(start)
        writer.double(end)
        writer.string(language)
        writer.string(text)
    }

    init(from reader: inout WireReader) throws(WireError) {
        guard let kind = Kind(rawValue: try reader.uint8()) else {
            throw WireError(.content, "There is no such kind of text.")
        }
        let (start, end) = (try reader.mediaTime(), try reader.mediaTime())
        let language = try reader.string(limit: TextLimits.languageBytes)
        let text = try reader.string(limit: TextLimits.lineBytes)
        guard start <= end, !text.isEmpty else { throw WireError(.content, "A line of text ends before it starts.") }
        self.init(kind: kind, start: start, end: end, language: language, text: text)
    }
}
