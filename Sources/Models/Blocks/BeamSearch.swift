import Tensors

/// The search for the sentence that a model would most likely write, several beginnings at once.
///
/// Source: Sutskever, Vinyals and Le, "Sequence to sequence learning with neural networks", NeurIPS 2014, §3.2; sentences are compared by the
/// mean of their words, so that longer ones aren't worse for their length.
struct BeamSearch {
    /// Beginnings that are followed at once.
    let beams: Int
    /// Words of a sentence at most.
    let longest: Int
    /// What ends a sentence.
    let end: Int32
    private let canWrite: (Int32) -> Bool

    /// - Parameter canWrite: whether a word may stand in a sentence.
    init(beams: Int, longest: Int, end: Int32, canWrite: @escaping (Int32) -> Bool) {
        precondition(beams > 0 && longest > 0)
        self.beams = beams
        self.longest = longest
        self.end = end
        self.canWrite = canWrite
    }

    /// The most likely sentence, and Σ log p of its words and its end by their number. O(beams · longest²) passes of a word.
    ///
    /// - Parameter next: log p of each word after each of some beginnings of one length, [beginnings, words].
    func best(
        next: (_ beginnings: [[Int32]]) throws -> Tensor<Float>
    ) rethrows -> (words: [Int32], score: Double) {
        var open: [(words: [Int32], score: Double)] = [([], 0)]
        var finished: [(words: [Int32], score: Double)] = []
        for length in 0..<longest {
            let scores = try next(open.map(\.words))
            let width = scores.shape[1]
            let rows = scores.scalars
            var grown: [(words: [Int32], score: Double)] = []
            for (place, sentence) in open.enumerated() {
                let row = rows[(place * width)..<((place + 1) * width)]
                let score = { (word: Int32) in sentence.score + Double(row[row.startIndex + Int(word)]) }
                if length > 0 { finished.append((sentence.words, score(end) / Double(length + 1))) }
                for word in likeliest(of: row) { grown.append((sentence.words + [word], score(word))) }
            }
            open = Array(grown.sorted { $0.score > $1.score }.prefix(beams))
            // A longer sentence can only beat the best one by the mean of its words; none is that sure any more.
            let surest = open.first.map { $0.score / Double(longest + 1) } ?? -.infinity
            if let best = finished.max(by: { $0.score < $1.score }), best.score >= surest { break }
        }
        return finished.max { $0.score < $1.score } ?? open.first ?? ([], 0)
    }

    /// The words of a row that are likeliest to go on with.
    private func likeliest(of row: ArraySlice<Float>) -> [Int32] {
        var best: [(score: Float, word: Int32)] = []
        for (word, score) in row.enumerated() {
            guard best.count < beams || score > best[best.count - 1].score, canWrite(Int32(word)) else { continue }
            let place = best.firstIndex { $0.score < score } ?? best.count
            best.insert((score, Int32(word)), at: place)
            if best.count > beams { best.removeLast() }
        }
        return best.map(\.word)
    }
}
