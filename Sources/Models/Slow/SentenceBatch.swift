/// Sentences between their special tokens, padded side by side.
struct SentenceBatch {
    /// Rows of each sentence: its words and one special token.
    let lengths: [Int]
    let longest: Int
    /// `[start] y¹ … y^L` of all sentences: what the forward reader is given and the backward reader predicts.
    let beginnings: [Int32]
    /// `y¹ … y^L [end]`.
    let endings: [Int32]

    /// - Parameter limit: words past it are left out.
    init(_ sentences: [[Int32]], limit: Int) {
        let words = sentences.map { $0.prefix(limit) }
        lengths = words.map { $0.count + 1 }
        longest = lengths.max() ?? 1
        beginnings = words.flatMap { [SlowVocabulary.start] + $0 }
        endings = words.flatMap { $0 + [SlowVocabulary.end] }
    }

    /// The sentences' tokens as a rectangle, [sentences · longest]; padding is an end token that nobody looks at.
    func padded(_ tokens: [Int32]) -> [Int32] {
        var rows: [Int32] = []
        rows.reserveCapacity(lengths.count * longest)
        var first = 0
        for length in lengths {
            rows += tokens[first..<(first + length)]
            rows += repeatElement(SlowVocabulary.end, count: longest - length)
            first += length
        }
        return rows
    }

    /// Places counted from the start, or from the end so that the length can't be read off them.
    func positions(fromStart: Bool) -> [Int32] {
        lengths.flatMap { length in
            (0..<longest).map { Int32(fromStart ? min($0, length - 1) : max(0, length - 1 - $0)) }
        }
    }

    /// Where the real tokens are in the rectangle.
    var realRows: [Int32] {
        lengths.enumerated().flatMap { index, length in (0..<length).map { Int32(index * longest + $0) } }
    }

    /// Where each sentence begins among the real rows.
    var firstRows: [Int32] {
        var rows: [Int32] = []
        var next = 0
        for length in lengths {
            rows.append(Int32(next))
            next += length
        }
        return rows
    }

    /// Where each sentence ends among the real rows.
    var lastRows: [Int32] { zip(firstRows, lengths).map { $0 + Int32($1) - 1 } }
}
