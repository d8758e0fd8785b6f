import DecodeProtocol

/// Text as people read it: without markup, line breaks, and characters that show nothing.
package enum PlainText {
    /// The text of an event as FFmpeg's subtitle decoders give it: `ReadOrder,Layer,Style,Name,MarginL,MarginR,MarginV,Effect,Text`.
    package static func ofEvent(_ event: String) -> String {
        let fields = event.split(separator: ",", maxSplits: 8, omittingEmptySubsequences: false)
        guard fields.count == 9 else { return "" }
        return tidied(withoutTags(withoutOverrides(fields[8])))
    }

    /// White space in a row is one space, and what shows nothing is left out; cut at ``TextLimits/lineBytes``.
    package static func tidied(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        var bytes = 0
        var isSpaceDue = false
        for scalar in text.unicodeScalars {
            if scalar.properties.isWhitespace || scalar.properties.generalCategory == .control {
                isSpaceDue = !result.isEmpty
                continue
            }
            // Joiners shape words of some scripts; other formats, such as those of direction, can make a line lie about itself.
            if scalar.properties.generalCategory == .format, scalar.value != 0x200C, scalar.value != 0x200D { continue }
            let length = UTF8.width(scalar) + (isSpaceDue ? 1 : 0)
            guard bytes + length <= TextLimits.lineBytes else { break }
            if isSpaceDue { result.append(" ") }
            isSpaceDue = false
            result.append(scalar)
            bytes += length
        }
        return String(result)
    }

    /// Without `{\…}`, the shapes that are drawn between `{\p1}` and `{\p0}`, and escapes.
    private static func withoutOverrides(_ text: Substring) -> String {
        var result = String.UnicodeScalarView()
        var isDrawing = false
        var rest = text.unicodeScalars[...]
        // As with tags below: what doesn't close once, is not looked for again.
        var mayClose = true
        while let scalar = rest.popFirst() {
            switch scalar {
            case "\\":
                guard let next = rest.first else { break }
                if ["N", "n", "h"].contains(next) {
                    rest.removeFirst()
                    result.append(" ")
                } else if ["{", "}"].contains(next) {
                    rest.removeFirst()
                    if !isDrawing { result.append(next) }
                } else if !isDrawing {
                    result.append(scalar)
                }
            case "{":
                guard mayClose, let end = rest.firstIndex(of: "}") else {
                    mayClose = false
                    if !isDrawing { result.append(scalar) }
                    break
                }
                if let level = drawingLevel(rest[..<end]) { isDrawing = level > 0 }
                rest = rest[rest.index(after: end)...]
            default:
                if !isDrawing { result.append(scalar) }
            }
        }
        return String(result)
    }

    /// The number after the last `\p` of an override block; nil where there is none.
    private static func drawingLevel(_ block: Substring.UnicodeScalarView) -> Int? {
        var level: Int?
        for part in block.split(separator: "\\") where part.first == "p" {
            let digits = part.dropFirst()
            if !digits.isEmpty, digits.allSatisfy({ ("0"..."9").contains($0) }) {
                level = Int(String(digits.prefix(4)))
            }
        }
        return level
    }

    /// Without what looks like a tag of HTML. A lone "<" stays.
    private static func withoutTags(_ text: String) -> String {
        guard text.unicodeScalars.contains("<") else { return text }
        var result = String.UnicodeScalarView()
        var rest = text.unicodeScalars[...]
        // Once there is no ">" any more, there is none for a later "<" either: the time stays linear.
        var mayClose = true
        while let scalar = rest.popFirst() {
            let name = rest.first == "/" ? rest.dropFirst().first : rest.first
            if scalar == "<", mayClose, let name, name.isASCII, name.properties.isAlphabetic {
                if let end = rest.firstIndex(where: { $0 == ">" || $0 == "<" }) {
                    if rest[end] == ">" {
                        rest = rest[rest.index(after: end)...]
                        continue
                    }
                } else {
                    mayClose = false
                }
            }
            result.append(scalar)
        }
        return String(result)
    }
}
