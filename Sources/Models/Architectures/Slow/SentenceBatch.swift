import Tensors

/// Sentences between their special tokens, one after another, and side by side where attention wants a rectangle.
struct SentenceBatch: SequenceLayout {
    /// Rows of each sentence: its words and one special token.
    let lengths: [Int]
    let longest: Int
    /// `[start] y¹ … y^L` of all sentences: what the forward reader is given and the backward reader predicts.
    let beginnings: [Int32]
    /// `y¹ … y^L [end]`.
    let endings: [Int32]
    /// Where each sentence begins among the rows.
    let firstRows: [Int32]

    /// - Parameter limit: words past it are left out.
    init(_ sentences: [[Int32]], limit: Int) {
        let words = sentences.map { $0.prefix(limit) }
        lengths = words.map { $0.count + 1 }
        longest = lengths.max() ?? 1
        beginnings = words.flatMap { [SlowVocabulary.start] + $0 }
        endings = words.flatMap { $0 + [SlowVocabulary.end] }
        var next: Int32 = 0
        firstRows = lengths.map { length in
            defer { next += Int32(length) }
            return next
        }
    }

    /// Where each sentence ends among the rows.
    var lastRows: [Int32] { zip(firstRows, lengths).map { $0 + Int32($1) - 1 } }

    var keyLengths: [Int]? { lengths }

    private var isRectangle: Bool { lengths.allSatisfy { $0 == longest } }

    /// Rows as a rectangle: [sentences, longest, width] for [Σ lengths, width]. Padding repeats a sentence's last row.
    func padded<Scalar: TensorScalar>(_ rows: Variable<Scalar>) -> Variable<Scalar> {
        let shape = [lengths.count, longest]
        if isRectangle { return rows.reshaped(shape + [rows.shape[1]]) }
        let indices = zip(firstRows, lengths).flatMap { first, length in
            (0..<longest).map { first + Int32(min($0, length - 1)) }
        }
        return rows.gatherRows(indices, shape: shape)
    }

    /// The rectangle's rows without the padding: the inverse of ``padded(_:)``.
    func packed<Scalar: TensorScalar>(_ rectangle: Variable<Scalar>) -> Variable<Scalar> {
        let rows = rectangle.reshaped([lengths.count * longest, rectangle.shape[2]])
        if isRectangle { return rows }
        return rows.gatherRows(
            lengths.enumerated().flatMap { index, length in (0..<length).map { Int32(index * longest + $0) } })
    }

    /// Places counted from the start, or from the end so that the length can't be read off them.
    func positions(fromStart: Bool) -> [Int32] {
        lengths.flatMap { length in (0..<length).map { Int32(fromStart ? $0 : length - 1 - $0) } }
    }
}
