import Models
import Testing

@Suite struct SlowVocabularyWordsTests {
    @Test func `Pieces that go on a word are joined to it, also one that begins with a mark`() throws {
        let pieces = ["[CLS]", "[SEP]", "[UNK]", "dog", "##s", "5", "##\u{0BBE}4"]
        let vocabulary = try SlowVocabulary(pieces: pieces, tokenizerVocabulary: pieces)
        let words = vocabulary.words(of: [3, 4, 5, 6])
        #expect(Array(words.unicodeScalars) == Array("dogs 5\u{0BBE}4".unicodeScalars))
    }
}
