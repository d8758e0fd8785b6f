/// A query as people type it: words, and those that results are not to show, each with a minus sign before it.
///
/// `dog -grass` excludes grass, `dog -"tall tree"` excludes both words together. A minus sign counts before a letter or a quotation mark, at the beginning of
/// a word: `-5` and `black-and-white` are words. Between quotation marks none counts.
package struct TypedQuery: Sendable, Equatable {
    /// The words that are looked for, as they stand, quotation marks included.
    package var words: String
    package var exclusions: [String]

    package init(_ text: String) {
        var words = ""
        var exclusions: [String] = []
        var isQuoted = false
        var rest = Substring(text)
        while let first = rest.first {
            let isAtStart = words.last.map(\.isWhitespace) ?? true
            if first == "-", isAtStart, !isQuoted, let (excluded, after) = Self.excluded(rest.dropFirst()) {
                exclusions.append(excluded)
                rest = after
                continue
            }
            // A mark that is never closed is none.
            if Self.marks.contains(first) {
                isQuoted = !isQuoted && rest.dropFirst().contains(where: Self.marks.contains)
            }
            words.append(first)
            rest.removeFirst()
        }
        self.words = words.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        self.exclusions = exclusions
    }

    private static let marks: Set<Character> = ["\"", "“", "”", "„", "‟", "＂"]

    /// What stands after a minus sign, and what follows it; nil where the sign means nothing.
    private static func excluded(_ text: Substring) -> (String, after: Substring)? {
        guard let first = text.first else { return nil }
        if marks.contains(first) {
            let quoted = text.dropFirst()
            guard let end = quoted.firstIndex(where: marks.contains) else { return nil }
            let words = quoted[..<end].split(whereSeparator: \.isWhitespace).joined(separator: " ")
            return words.isEmpty ? nil : (words, quoted[quoted.index(after: end)...])
        }
        guard first.isLetter else { return nil }
        let word = text.prefix { !$0.isWhitespace && !marks.contains($0) }
        return (String(word), text[word.endIndex...])
    }
}
