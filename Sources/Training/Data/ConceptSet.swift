/// The short phrases that several people used for the same item, as people type them into a search field: "bicycle", "rock climbing",
/// "man with guitar".
///
/// An item shows a phrase when enough of its captions say it. Words are compared in lower case and without a plural's s, and a phrase is spelt
/// as it most often stands in the captions.
package struct ConceptSet: Sendable {
    package struct Concept: Sendable, Equatable {
        package var phrase: String
        /// Items that show it, in order.
        package var items: [Int]
        /// Items of which too few captions say it: they may show it or not, so they count neither way.
        package var unsure: [Int]

        package init(phrase: String, items: [Int], unsure: [Int] = []) {
            self.phrase = phrase
            self.items = items
            self.unsure = unsure
        }
    }

    /// What counts as a concept.
    package struct Settings: Sendable {
        /// Words of a phrase, at most.
        package var words = 3
        /// The part of an item's captions that must say it, and in any case two of them.
        package var agreement = 0.2
        /// Items that must show it.
        package var leastItems = 5
        /// The part of all items that may show it at most: what most items show tells nothing apart.
        package var largestPart = 0.3

        package init() {}
    }

    /// In the order of their phrases.
    package let concepts: [Concept]

    package init(items: [CaptionedItem], settings: Settings = Settings()) {
        var found: [String: Found] = [:]
        for (index, item) in items.enumerated() {
            var counts: [String: Int] = [:]
            for caption in item.captions {
                var said: Set<String> = []
                for (key, phrase) in Self.phrases(in: caption, words: settings.words) where said.insert(key).inserted {
                    counts[key, default: 0] += 1
                    found[key, default: Found()].spellings[phrase, default: 0] += 1
                }
            }
            let enough = max(2, Int((settings.agreement * Double(item.captions.count)).rounded(.up)))
            for (key, count) in counts {
                if count >= enough { found[key]?.items.append(index) } else { found[key]?.unsure.append(index) }
            }
        }
        let most = Int(settings.largestPart * Double(items.count))
        concepts = found.values
            .filter { $0.items.count >= settings.leastItems && $0.items.count <= max(most, settings.leastItems) }
            .map { Concept(phrase: $0.phrase, items: $0.items, unsure: $0.unsure) }
            .sorted { $0.phrase < $1.phrase }
    }

    /// The concepts that each of so many items shows.
    package func byItem(count: Int) -> [[Int]] {
        var shown = [[Int]](repeating: [], count: count)
        for (index, concept) in concepts.enumerated() {
            for item in concept.items { shown[item].append(index) }
        }
        return shown
    }

    private struct Found {
        var items: [Int] = []
        var unsure: [Int] = []
        var spellings: [String: Int] = [:]

        /// The commonest spelling; of several the first in order.
        var phrase: String { spellings.min { ($1.value, $0.key) < ($0.value, $1.key) }?.key ?? "" }
    }

    /// Runs of words that begin and end with a word of content and cross no punctuation, with the key that they are compared by.
    private static func phrases(in caption: String, words limit: Int) -> [(key: String, phrase: String)] {
        caption.lowercased().split { !$0.isLetter && !$0.isNumber && $0 != "'" && $0 != "-" && $0 != " " }.flatMap {
            part in
            let words = part.split(separator: " ").map(String.init)
            return words.indices.filter { !isFunctionWord(words[$0]) }.flatMap { first in
                (first..<min(first + limit, words.count)).filter { !isFunctionWord(words[$0]) }.map { last in
                    let run = words[first...last]
                    return (run.map(singular).joined(separator: " "), run.joined(separator: " "))
                }
            }
        }
    }

    private static func singular(_ word: String) -> String {
        word.count > 3 && word.hasSuffix("s") && !word.hasSuffix("ss") ? String(word.dropLast()) : word
    }

    private static func isFunctionWord(_ word: String) -> Bool { word.count < 2 || functionWords.contains(word) }

    private static let functionWords = Set(
        """
        the an and or of in on at to by for with from into onto over under up down out off through across along around near behind between \
        before after while as that which who whose where when there here this these those it its is are was were be been being has have had \
        do does did doing can will would could should may might must not no he she they his her hers their them him himself herself itself \
        themselves one two three four five six several some many few other others another each both all any very just also then than so too \
        about against beside next front back side top group couple something someone somebody thing things kind type get gets getting go goes \
        make makes making use uses using show shows showing shown wear wears wearing look looks looking hold holds holding take takes taking \
        stand stands standing
        """.split(separator: " ").map(String.init))
}
