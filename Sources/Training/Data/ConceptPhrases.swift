package import Tensors

/// The concepts that the items of several data sets show, with their phrases' tokens.
package struct ConceptPhrases: Sendable {
    package struct Phrase: Sendable, Equatable {
        package var tokens: [Int32]
        /// Its place among the concepts of all data sets.
        package var concept: Int
    }

    private let phrases: [Phrase]
    /// The concepts of each item, data set after data set.
    private let shown: [[Int]]
    private let perhaps: [Set<Int>]
    private let firstItems: [Int]

    /// - Parameter encode: a phrase's tokens.
    package init(_ datasets: [CaptionedDataset], encode: (String) -> [Int32]) {
        var settings = ConceptSet.Settings()
        settings.leastItems = 3
        settings.largestPart = 1
        let items = datasets.flatMap(\.items)
        let set = ConceptSet(items: items, settings: settings)
        phrases = set.concepts.enumerated().map { Phrase(tokens: encode($1.phrase), concept: $0) }
        shown = set.byItem(count: items.count)
        perhaps = set.concepts.map { Set($0.items + $0.unsure) }
        var first = 0
        firstItems = datasets.map { dataset in
            defer { first += dataset.items.count }
            return first
        }
    }

    /// One of the phrases that an item shows; nil when it shows none.
    package func random(source: Int, item: Int, random: inout SplitMix64) -> Phrase? {
        shown[firstItems[source] + item].randomElement(using: &random).map { phrases[$0] }
    }

    /// Whether an item shows a concept, or may.
    package func mayShow(_ concept: Int, source: Int, item: Int) -> Bool {
        perhaps[concept].contains(firstItems[source] + item)
    }
}
