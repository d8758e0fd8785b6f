internal import Foundation

/// What of a query is looked for in lines of text. Any text makes one: nothing in it is an operator but quotation marks.
package struct WordQuery: Sendable, Equatable {
    /// What stood between quotation marks; each must occur in a line, as it stands.
    let phrases: [String]
    /// The other words. A line that has more of them, and rarer ones, is a better one.
    let words: [String]
    /// The query without its quotation marks.
    package let plain: String

    /// Words of one query that are looked for.
    private static let limit = 24

    package init(_ query: String) {
        let parts = Self.parts(of: query.precomposedStringWithCompatibilityMapping)
        var phrases: [String] = []
        var words: [String] = []
        for (text, isQuoted) in parts {
            if isQuoted {
                let phrase = Self.phrase(text)
                if !phrase.isEmpty { phrases.append(phrase) }
            } else {
                words += Self.words(text)
            }
        }
        let content = words.filter { !Self.functionWords.contains($0) }
        self.phrases = Array(Self.unique(phrases).prefix(Self.limit))
        self.words = Array(Self.unique(content.isEmpty ? words : content).prefix(Self.limit))
        plain = query.filter { !Self.marks.contains($0) }
    }

    /// Whether words are quoted, so that the text alone is asked.
    package var isQuoted: Bool { !phrases.isEmpty }

    /// Whether there is nothing to look for, as in a query of emoji.
    package var isEmpty: Bool { phrases.isEmpty && words.isEmpty }

    /// The query as FTS5 takes it. Nothing but letters, numbers, marks and spaces stands between its quotation marks.
    var expression: String {
        let required = phrases.map(Self.quoted)
        let optional = words.map(Self.quoted)
        guard !required.isEmpty else { return optional.joined(separator: " OR ") }
        // The others make a line that has them a better one.
        let more = optional.isEmpty ? [] : ["(" + (required.prefix(1) + optional).joined(separator: " OR ") + ")"]
        return (required + more).joined(separator: " AND ")
    }

    /// ``phrases`` and ``words`` as ``Line/plainWords`` has them.
    package var plainPhrases: [String] { phrases.map(WordText.plain) }
    package var plainWords: [String] { words.map(WordText.plain) }

    static func quoted(_ phrase: String) -> String { "\"\(phrase)\"" }

    private static let marks: Set<Character> = ["\"", "“", "”", "„", "‟", "＂"]

    /// The query's parts outside and between quotation marks. A mark that is never closed is none.
    private static func parts(of query: String) -> [(text: Substring, isQuoted: Bool)] {
        let parts = query.split(omittingEmptySubsequences: false) { marks.contains($0) }
        return parts.enumerated().map { place, text in (text, place % 2 == 1 && place < parts.count - 1) }
    }

    /// The words of a text in their order, with a space between.
    private static func phrase(_ text: Substring) -> String {
        var result = ""
        for scalar in WordText.indexed(String(text)).unicodeScalars {
            result.unicodeScalars.append(WordText.isOfWord(scalar) ? scalar : " ")
        }
        guard result.unicodeScalars.contains(where: WordText.makesWord) else { return "" }
        return result.split(separator: " ").joined(separator: " ")
    }

    /// The words of a text; of one that is written without spaces, its pairs of characters.
    private static func words(_ text: Substring) -> [String] {
        var words: [String] = []
        var word = ""
        var run: [Unicode.Scalar] = []
        func end() {
            if word.unicodeScalars.contains(where: WordText.makesWord) { words.append(word.lowercased()) }
            word = ""
            let letters = run.filter(WordText.makesWord)
            run = []
            if letters.count == 1 { words.append(String(letters[0])) }
            for (first, second) in zip(letters, letters.dropFirst()) { words.append("\(first) \(second)") }
        }
        for scalar in text.unicodeScalars {
            if WordText.isUnspaced(scalar) {
                if !word.isEmpty { end() }
                run.append(scalar)
            } else if WordText.isOfWord(scalar) {
                if !run.isEmpty { end() }
                word.unicodeScalars.append(scalar)
            } else {
                end()
            }
        }
        end()
        return words
    }

    private static func unique(_ words: [String]) -> [String] {
        var seen: Set<String> = []
        return words.filter { seen.insert($0).inserted }
    }

    /// English words that say nothing of what a line is about: queries are in English. They count where a query has no others.
    private static let functionWords: Set<String> = [
        "a", "about", "after", "all", "an", "and", "are", "as", "at", "be", "been", "before", "being", "but", "by",
        "can",
        "did", "do", "does", "for", "from", "had", "has", "have", "he", "her", "him", "his", "i", "in", "into", "is",
        "it",
        "its", "me", "my", "no", "not", "of", "off", "on", "one", "or", "our", "out", "over", "s", "she", "so", "some",
        "t", "that", "the", "their", "them", "then", "there", "these", "they", "this", "those", "to", "up", "us", "was",
        "we", "were", "what", "when", "where", "which", "while", "who", "will", "with", "you", "your",
    ]
}
