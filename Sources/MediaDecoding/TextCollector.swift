import DecodeProtocol

/// Takes a file's lines of text, and keeps them within ``TextLimits``.
struct TextCollector {
    private(set) var lines: [TextLine] = []
    private var bytes = 0
    private(set) var isFull = false

    /// A line begins where the same one, of the same track, ends: seconds between them.
    private static let gap = 0.1

    /// Adds a line, unless nothing is left of its text. Times that make no sense are moved to where they do.
    ///
    /// - Parameters:
    ///   - start: seconds from the beginning of the media.
    ///   - text: without markup, as ``PlainText`` makes it.
    mutating func add(_ kind: TextLine.Kind, start: Double, end: Double, language: String = "", text: String) {
        guard !text.isEmpty, !isFull else { return }
        let start = start.isFinite ? start.clamped(to: 0...DecodeLimits.mediaSeconds) : 0
        let end = end.isFinite ? end.clamped(to: start...DecodeLimits.mediaSeconds) : start
        // The layers of an effect, and captions that grow line by line, say the same again and again.
        if let last = lines.last, last.text == text, last.kind == kind, last.language == language,
            (last.start...last.end + Self.gap).contains(start)
        {
            lines[lines.count - 1].end = max(last.end, end)
            return
        }
        let line = TextLine(kind: kind, start: start, end: end, language: language, text: text)
        guard lines.count < TextLimits.lines, bytes + line.wireBytes <= TextLimits.bytes else {
            isFull = true
            return
        }
        lines.append(line)
        bytes += line.wireBytes
    }

    /// A language as a container or a file's name gives it, in lower case; empty for none that could be one.
    static func language(_ name: String) -> String {
        let name = name.lowercased()
        let isTag =
            name.utf8.count <= TextLimits.languageBytes
            && name.unicodeScalars.allSatisfy { ("a"..."z").contains($0) || ("0"..."9").contains($0) || $0 == "-" }
        return isTag && name != "und" ? name : ""
    }
}
