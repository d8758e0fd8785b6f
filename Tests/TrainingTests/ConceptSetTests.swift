import SystemPackage
import Tensors
import Testing
import Training

@Suite struct ConceptSetTests {
    private func item(_ captions: String...) -> CaptionedItem {
        CaptionedItem(id: captions[0], source: .frames([FilePath("/nowhere")]), captions: captions)
    }

    private var settings: ConceptSet.Settings {
        var settings = ConceptSet.Settings()
        (settings.leastItems, settings.largestPart) = (1, 1)
        return settings
    }

    @Test func `An item shows what two of its captions say, and may show what one does`() {
        let set = ConceptSet(
            items: [
                item("A man is rock climbing.", "He is Rock Climbing, up there", "someone outdoors"),
                item("rock climbing at night", "a dark hill"), item("two dogs", "the dog"),
            ], settings: settings)
        #expect(set.concepts.map(\.phrase) == ["climbing", "dog", "rock", "rock climbing"])
        #expect(set.concepts.last?.items == [0] && set.concepts.last?.unsure == [1])
        #expect(set.concepts[1].items == [2])
        #expect(set.byItem(count: 3) == [[0, 2, 3], [], [1]])
    }

    @Test func `Phrases keep the small words inside them and cross no punctuation`() {
        let captions = "A man with a guitar. Night falls"
        let set = ConceptSet(items: [item(captions, captions)], settings: settings)
        var longer = settings
        longer.words = 4
        #expect(!set.concepts.map(\.phrase).contains("man with a guitar"))
        let found = ConceptSet(items: [item(captions, captions)], settings: longer).concepts.map(\.phrase)
        #expect(found == ["falls", "guitar", "man", "man with a guitar", "night", "night falls"])
    }

    @Test func `Plurals are the same word, spelt as most captions have it`() {
        let set = ConceptSet(
            items: [
                item("bicycles", "bicycles, in a row", "one bicycle"), item("a bicycle", "bicycles", "glass", "glass"),
            ],
            settings: settings)
        #expect(set.concepts.map(\.phrase) == ["bicycles", "glass"])
        #expect(set.concepts[0].items == [0, 1])
    }

    @Test func `What too few or too many items show is no concept`() {
        var settings = ConceptSet.Settings()
        (settings.leastItems, settings.largestPart) = (2, 0.5)
        let items = [
            item("blue sky", "a blue bird"), item("blue sea", "blue ship"), item("blue bird", "bird"),
            item("bird", "big bird blue", "blue"),
        ]
        // “blue” is shown by all four, “bird” by two.
        #expect(ConceptSet(items: items, settings: settings).concepts.map(\.phrase) == ["bird"])
    }

    @Test func `Average precision is the mean precision at the right items`() {
        let expected = (1 + 2.0 / 3) / 2
        #expect(ConceptEvaluation.averagePrecision(of: [4, 2, 9, 1], right: [4, 9]) == expected)
        #expect(ConceptEvaluation.averagePrecision(of: [4, 2], right: [7]) == 0)
    }

    @Test func `Phrases of several data sets are one set of concepts`() {
        let first = CaptionedDataset(name: "a", items: [item("tree", "tree"), item("tree", "a tree")])
        let second = CaptionedDataset(
            name: "b", items: [item("house", "house"), item("trees", "the tree"), item("tree", "x")])
        let phrases = ConceptPhrases([first, second]) { [Int32($0.count)] }
        var random = SplitMix64(seed: 3)
        // “house” is shown by one item alone.
        #expect(phrases.random(source: 1, item: 0, random: &random) == nil)
        let tree = phrases.random(source: 1, item: 1, random: &random)
        #expect(tree?.tokens == [4] && tree?.concept == 0)
        #expect(phrases.mayShow(0, source: 0, item: 1) && phrases.mayShow(0, source: 1, item: 2))
        #expect(!phrases.mayShow(0, source: 1, item: 0))
    }
}
