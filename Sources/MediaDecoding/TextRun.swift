import CFFmpeg
import DecodeProtocol

/// Answers a request for the text of a file.
struct TextRun {
    /// A descriptor.
    private let media: Int32
    private let limits: WorkerLimits
    private let progress: ProgressReporter

    /// Text tracks of one file that are read.
    private static let tracks = 32
    /// Chapters of one file that are read.
    private static let chapters = 10_000
    private static let titles = ["title", "com.apple.quicktime.title"]
    private static let comments = ["comment", "description", "synopsis", "com.apple.quicktime.description"]

    init(_ media: Int32, limits: WorkerLimits, progress: ProgressReporter) {
        self.media = media
        self.limits = limits
        self.progress = progress
    }

    /// - Returns: the lines, those of a track in the file's order.
    func lines(_ place: TextPlace) throws(DecodeError) -> [TextLine] {
        switch place {
        case .media: try ofMedia()
        case .subtitles(let format): try ofSubtitles(format)
        }
    }

    private func ofMedia() throws(DecodeError) -> [TextLine] {
        let file = try MediaFile(media, limits: limits, log: .shared) { progress.beat() }
        var text = TextCollector()
        let tags = unsafe MediaTag.all(in: file.format.pointee.metadata)
        for (kind, keys) in [(TextLine.Kind.title, Self.titles), (.comment, Self.comments)] {
            for tag in tags where keys.contains(tag.key.lowercased()) {
                text.add(kind, start: 0, end: 0, text: PlainText.tidied(tag.value))
            }
        }
        guard !file.isStill else { return text.lines }
        for place in unsafe 0..<min(Self.chapters, Int(file.format.pointee.nb_chapters)) {
            guard let chapter = unsafe file.format.pointee.chapters[place] else { continue }
            let tags = unsafe MediaTag.all(in: chapter.pointee.metadata)
            guard let title = tags.first(where: { $0.key.lowercased() == "title" }) else { continue }
            let unit = unsafe chapter.pointee.time_base.seconds
            text.add(
                .chapter, start: unsafe Double(chapter.pointee.start) * unit - file.origin,
                end: unsafe Double(chapter.pointee.end) * unit - file.origin, text: PlainText.tidied(title.value))
        }
        var decoders: [SubtitleDecoder] = []
        for index in unsafe 0..<Int(file.format.pointee.nb_streams) {
            guard let stream = unsafe file.format.pointee.streams[index] else { continue }
            let decoder = unsafe decoders.count < Self.tracks ? SubtitleDecoder(stream) : nil
            if let decoder { decoders.append(decoder) }
            unsafe stream.pointee.discard = decoder == nil ? AVDISCARD_ALL : AVDISCARD_DEFAULT
        }
        guard !decoders.isEmpty else { return text.lines }
        let packet = try Packet()
        while !text.isFull, try file.readAny(into: packet) {
            try add(packet, decoders, origin: file.origin, to: &text)
            packet.clear()
        }
        return text.lines
    }

    private func ofSubtitles(_ format: SubtitleFormat) throws(DecodeError) -> [TextLine] {
        let file = try SubtitleFile(media, format: format) { progress.beat() }
        var text = TextCollector()
        let decoders = file.decoders()
        let packet = try Packet()
        while !text.isFull, file.read(into: packet) {
            try add(packet, decoders, origin: 0, to: &text)
            packet.clear()
        }
        return text.lines
    }

    private func add(
        _ packet: Packet, _ decoders: [SubtitleDecoder], origin: Double, to text: inout TextCollector
    ) throws(DecodeError) {
        progress.beat()
        guard let decoder = decoders.first(where: { $0.index == packet.streamIndex }),
            let (start, end, lines) = try decoder.decode(packet)
        else { return }
        for line in lines {
            text.add(
                .subtitle, start: start - origin, end: end - origin, language: decoder.language, text: line)
        }
        progress.reached(max(0, (start - origin).clamped(to: 0...DecodeLimits.mediaSeconds)))
    }
}
