import API
import Testing

struct TypedQueryTests {
    @Test(arguments: [
        ("a dog -grass", "a dog", ["grass"]), ("-grass a dog", "a dog", ["grass"]), ("-night", "", ["night"]),
        ("dog -\"tall tree\" -“red car”", "dog", ["tall tree", "red car"]),
        ("black-and-white film", "black-and-white film", []), ("dog - cat", "dog - cat", []),
        ("-5 degrees --help", "-5 degrees --help", []), ("\"to be -or not\" -ghost", "\"to be -or not\"", ["ghost"]),
        ("5\" -nail", "5\"", ["nail"]), ("dog -\"never closed", "dog -\"never closed", []),
        ("dog -\"\"", "dog -\"\"", []), ("chien -forêt -犬", "chien", ["forêt", "犬"]), ("", "", []), ("-", "-", []),
    ])
    func `a minus sign before a word excludes it`(text: String, words: String, exclusions: [String]) {
        let typed = TypedQuery(text)
        #expect(typed.words == words)
        #expect(typed.exclusions == exclusions)
    }

    @Test func `any text is read in a moment`() {
        let marks = ["-", "\"", " ", "a", "”", "\u{0}", "é"]
        for seed in 0..<500 {
            let text = (0..<40).map { marks[($0 * $0 * 7 + seed * ($0 + 3)) % marks.count] }.joined()
            let typed = TypedQuery(text)
            #expect(typed.exclusions.allSatisfy { !$0.isEmpty })
        }
        #expect(TypedQuery(String(repeating: "-\"", count: 20_000)).exclusions.count < 20_000)
    }
}
