/// Cuts text into the normalised words that WordPiece works on, one scalar at a time.
///
/// The rules are those of `BertNormalizer` (clean, space out Chinese characters, NFD without non-spacing marks, lower
/// case) and `BertPreTokenizer` of HuggingFace's `tokenizers`. Each is a function of one scalar, save the canonical
/// ordering of marks, which is done in the word as it grows; so one pass suffices, and a word that is too long for the
/// vocabulary is never stored.
struct BERTWordSplitter {
    /// A word with more scalars than this is unknown; its scalars are not kept.
    let longestWord: Int
    private(set) var word: [UInt32] = []
    private(set) var isTooLong = false
    private var orderedFrom = 0

    init(longestWord: Int) {
        self.longestWord = longestWord
        word.reserveCapacity(longestWord)
    }

    /// What a call of `append` finished.
    enum Boundary {
        case none
        /// `word` is whole; take it and call `startWord()`, then append the same scalar again.
        case before
        /// The scalar is a word by itself: `word` holds it; take it and call `startWord()`.
        case after
    }

    var isEmpty: Bool { word.isEmpty && !isTooLong }

    mutating func startWord() {
        word.removeAll(keepingCapacity: true)
        isTooLong = false
        orderedFrom = 0
    }

    /// Takes one more scalar of the text. Amortised O(1) scalars' work: a word has a bounded length.
    mutating func append(_ scalar: UInt32) -> Boundary {
        let kind = BERTCharacterKind.of(scalar)
        switch kind {
        case .removed:
            return .none
        case .blockingMark:
            orderedFrom = word.count
            return .none
        case .space:
            return isEmpty ? .none : .before
        case .ideograph, .punctuation:
            guard isEmpty else { return .before }
            startWord()
            BERTCharacterTable.forEachReplacement(of: scalar) { word.append($0) }
            return .after
        case .word:
            BERTCharacterTable.forEachReplacement(of: scalar) { extend(with: $0) }
            return .none
        }
    }

    private mutating func extend(with scalar: UInt32) {
        guard word.count < longestWord else {
            isTooLong = true
            return
        }
        let combiningClass = BERTCharacterTable.combiningClass(of: scalar)
        guard combiningClass > 0 else {
            word.append(scalar)
            orderedFrom = word.count
            return
        }
        var place = word.count
        while place > orderedFrom, BERTCharacterTable.combiningClass(of: word[place - 1]) > combiningClass {
            place -= 1
        }
        word.insert(scalar, at: place)
    }
}
