package import Models
import Tensors

/// What re-ranking makes of a data set: the Slow model's scores of the pairs that a re-ranker would look at, or of all.
package struct RerankingEvaluation: Sendable {
    package let fast: SimilarityTable
    /// h / 2(L + 1) of [captions, items]; NaN for a pair that nobody wanted.
    package let slow: SimilarityTable
    /// h / 2(L + 1) of each caption with nothing in sight.
    package let blank: [Float]
    /// Wall time that all pairs took, in batches of one clip.
    package let seconds: Double

    /// Which pairs are scored.
    package enum Pairs: Sendable, Equatable {
        case all
        /// The best items of each caption, and the best captions of each item.
        case best(Int)
        /// The best items of each caption.
        case bestItems(Int)
    }

    /// - Parameters:
    ///   - sentences: of the table's captions, in the Slow vocabulary.
    ///   - progress: is called in the calling thread, item by item.
    package init(
        captioner: SlowCaptioner, memories: SlowMemories, fast: SimilarityTable, sentences: [[Int32]], pairs: Pairs,
        progress: (_ done: Int, _ all: Int) -> Void = { _, _ in }
    ) {
        precondition(memories.count == fast.items && sentences.count == fast.captions)
        self.fast = fast
        let wanted = Self.wanted(pairs, of: fast)
        let clock = ContinuousClock()
        let begin = clock.now
        let items = fast.items
        var scores = [Float](repeating: .nan, count: fast.captions * items)
        for item in 0..<items {
            // Sentences of like length side by side need little padding.
            let captions = wanted[item].sorted { (sentences[$0].count, $0) < (sentences[$1].count, $1) }
            let found = memories.scores(of: captions.map { sentences[$0] }, against: [item])
            for (caption, score) in zip(captions, found) { scores[caption * items + item] = score[0] }
            progress(item + 1, items)
        }
        seconds = (clock.now - begin) / .seconds(1)
        slow = SimilarityTable(owners: fast.owners, scores: Tensor(scores, shape: [fast.captions, items]))
        let nothing = captioner.blankMemory()
        blank = stride(from: 0, to: sentences.count, by: 64).flatMap { start in
            let part = Array(sentences[start..<min(start + 64, sentences.count)])
            return captioner.model.scores(
                of: part, memory: nothing, memoryIndices: [Int](repeating: 0, count: part.count))
        }
    }

    /// The captions that each item is scored with.
    private static func wanted(_ pairs: Pairs, of fast: SimilarityTable) -> [[Int]] {
        var wanted = [Set<Int>](repeating: [], count: fast.items)
        switch pairs {
        case .all: return [[Int]](repeating: Array(0..<fast.captions), count: fast.items)
        case .best(let count), .bestItems(let count):
            for (caption, best) in fast.best(count).enumerated() {
                for item in best { wanted[item].insert(caption) }
            }
            if case .best = pairs {
                for (item, best) in fast.transposedBest(count).enumerated() { wanted[item].formUnion(best) }
            }
        }
        return wanted.map(Array.init)
    }

    /// Ranks of each caption's item when the Fast model's best K are put in the order of h / 2(L + 1) + β·f(x)ᵀg(y). Items outside of them
    /// keep their Fast order below.
    package func textToVideoRanks(depth: Int, beta: Double) -> [Double] {
        let fastRanks = fast.textToVideoRanks
        return fast.best(depth).enumerated().map { caption, best in
            let owner = fast.owners[caption]
            guard best.contains(owner) else { return max(fastRanks[caption], Double(best.count + 1)) }
            let (cosines, scores) = (fast.row(caption), slow.row(caption))
            return RetrievalMetrics.rank(scores: best.map { scores[$0] + Float(beta) * cosines[$0] }) {
                best[$0] == owner
            }
        }
    }

    /// Ranks of each item's best caption when the Fast model's best K captions are put in the order of e(x, y) + β·f(x)ᵀg(y), where
    /// e is h / 2(L + 1) without what the caption costs by itself, since captions differ in that and clips don't.
    package func videoToTextRanks(depth: Int, beta: Double) -> [Double] {
        let (captions, items) = (fast.captions, fast.items)
        let order = fast.transposedBest(depth)
        return fast.scores.withUnsafeBufferPointer { cosines in
            slow.scores.withUnsafeBufferPointer { scores in
                (0..<items).map { item in
                    let best = order[item]
                    let isCorrect = { (caption: Int) in fast.owners[caption] == item }
                    guard best.contains(where: isCorrect) else {
                        let rank = RetrievalMetrics.rank(
                            scores: (0..<captions).lazy.map { cosines[$0 * items + item] }, isCorrect: isCorrect)
                        return max(rank, Double(best.count + 1))
                    }
                    let combined = best.map { caption in
                        scores[caption * items + item] - blank[caption] + Float(beta) * cosines[caption * items + item]
                    }
                    return RetrievalMetrics.rank(scores: combined) { isCorrect(best[$0]) }
                }
            }
        }
    }
}
