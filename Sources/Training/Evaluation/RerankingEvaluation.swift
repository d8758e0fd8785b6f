package import Models
import Tensors

/// What re-ranking makes of a data set: the Slow model's scores of the pairs that a re-ranker would look at, or of all.
package struct RerankingEvaluation: Sendable {
    package let fast: SimilarityTable
    /// The weight ω of the end in the Slow model's scores.
    package let endWeight: Float
    /// h per word of [captions, items]; NaN for a pair that nobody wanted.
    package let slow: SimilarityTable
    /// h per word of each caption with nothing in sight.
    package let blank: [Float]
    /// The captions as the Slow model reads them.
    package let pieces: [QueryPieces]
    /// Each caption's items whose pairs are scored, in the Fast model's order.
    private let order: [[Int]]
    /// Wall time that all pairs took, in batches of one clip.
    package let seconds: Double

    /// Which pairs are scored.
    package enum Pairs: Sendable, Equatable {
        case all
        /// The best items of each caption, and the best captions of each item.
        case best(Int)
        /// The best items of each caption.
        case bestItems(Int)

        /// How many of each caption's best items; nil of all.
        fileprivate var depth: Int? {
            switch self {
            case .all: nil
            case .best(let count), .bestItems(let count): count
            }
        }
    }

    /// - Parameters:
    ///   - sentences: of the table's captions, in the Slow vocabulary.
    ///   - endWeight: ω.
    ///   - progress: is called in the calling thread, item by item.
    package init(
        captioner: SlowCaptioner, memories: SlowMemories, fast: SimilarityTable, sentences: [[Int32]], pairs: Pairs,
        endWeight: Double = 1, progress: (_ done: Int, _ all: Int) -> Void = { _, _ in }
    ) {
        self =
            Self.each(
                endWeights: [endWeight], captioner: captioner, memories: memories, fast: fast, sentences: sentences,
                pairs: pairs, progress: progress)[0]
    }

    private init(
        fast: SimilarityTable, order: [[Int]], endWeight: Float, scores: [Float], blank: [Float],
        pieces: [QueryPieces], seconds: Double
    ) {
        self.fast = fast
        self.order = order
        self.endWeight = endWeight
        slow = SimilarityTable(
            owners: fast.owners, scores: Tensor(scores, shape: [fast.captions, fast.items]))
        self.blank = blank
        self.pieces = pieces
        self.seconds = seconds
    }

    /// One evaluation for each weight ω of the end, from one pass over the pairs.
    ///
    /// - Parameters: as in ``init(captioner:memories:fast:sentences:pairs:endWeight:progress:)``.
    package static func each(
        endWeights: [Double], captioner: SlowCaptioner, memories: SlowMemories, fast: SimilarityTable,
        sentences: [[Int32]], pairs: Pairs, progress: (_ done: Int, _ all: Int) -> Void = { _, _ in }
    ) -> [RerankingEvaluation] {
        precondition(memories.count == fast.items && sentences.count == fast.captions)
        let endWeights = endWeights.map(Float.init)
        let order = fast.best(pairs.depth ?? fast.items)
        let wanted = Self.wanted(pairs, order, of: fast)
        let clock = ContinuousClock()
        let begin = clock.now
        let items = fast.items
        var scores = endWeights.map { _ in [Float](repeating: .nan, count: fast.captions * items) }
        for item in 0..<items {
            // Sentences of like length side by side need little padding.
            let captions = wanted[item].sorted { (sentences[$0].count, $0) < (sentences[$1].count, $1) }
            let found = memories.scores(of: captions.map { sentences[$0] }, with: item, endWeights: endWeights)
            for place in endWeights.indices {
                for (caption, score) in zip(captions, found[place]) { scores[place][caption * items + item] = score }
            }
            progress(item + 1, items)
        }
        let seconds = (clock.now - begin) / .seconds(1)
        let nothing = captioner.blankMemory()
        var blank = endWeights.map { _ in [Float]() }
        for start in stride(from: 0, to: sentences.count, by: 64) {
            let part = Array(sentences[start..<min(start + 64, sentences.count)])
            let found = captioner.model.scores(
                of: part, memory: nothing, memoryIndices: [Int](repeating: 0, count: part.count),
                endWeights: endWeights)
            for place in endWeights.indices { blank[place] += found[place] }
        }
        let pieces = sentences.map(SlowCaptioner.pieces(of:))
        return endWeights.indices.map { place in
            RerankingEvaluation(
                fast: fast, order: order, endWeight: endWeights[place], scores: scores[place], blank: blank[place],
                pieces: pieces,
                seconds: seconds)
        }
    }

    /// The captions that each item is scored with.
    private static func wanted(_ pairs: Pairs, _ order: [[Int]], of fast: SimilarityTable) -> [[Int]] {
        guard let depth = pairs.depth else {
            return [[Int]](repeating: Array(0..<fast.captions), count: fast.items)
        }
        var wanted = [Set<Int>](repeating: [], count: fast.items)
        for (caption, best) in order.enumerated() {
            for item in best { wanted[item].insert(caption) }
        }
        if case .best = pairs {
            for (item, best) in fast.transposedBest(depth).enumerated() { wanted[item].formUnion(best) }
        }
        return wanted.map(Array.init)
    }

    /// Ranks of each caption's item when the Fast model's best K are put in the order of h + β·f(x)ᵀg(y). Items outside of them
    /// keep their Fast order below.
    ///
    /// - Parameter depth: K, at most what was scored.
    package func textToVideoRanks(depth: Int, beta: Double) -> [Double] {
        let fastRanks = fast.textToVideoRanks
        return order.enumerated().map { caption, order in
            let best = order.prefix(depth)
            let owner = fast.owners[caption]
            guard best.contains(owner) else { return max(fastRanks[caption], Double(best.count + 1)) }
            let (cosines, scores) = (fast.row(caption), slow.row(caption))
            return RetrievalMetrics.rank(scores: best.map { scores[$0] + Float(beta) * cosines[$0] }) {
                best[$0] == owner
            }
        }
    }

    /// Ranks of each item's best caption when the Fast model's best K captions are put in the order of e(x, y) + β·f(x)ᵀg(y), where
    /// e is h without what the caption costs by itself, since captions differ in that and clips don't.
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

    /// An item that answers a caption.
    package struct Answer: Sendable, Equatable {
        package var item: Int
        package var fast: Double
        /// What the item adds to the caption's score with nothing in sight.
        package var evidence: Double
    }

    /// The answers to a caption when the Fast model's best K are re-ranked, with the K and β of its length: at most K, best first.
    ///
    /// - Parameter absent: an item that is taken out of the gallery.
    package func answers(to caption: Int, by reranking: Reranking, without absent: Int? = nil) -> [Answer] {
        let (depth, beta) = (reranking.depth(of: pieces[caption]), reranking.beta(of: pieces[caption]))
        let (cosines, scores) = (fast.row(caption), slow.row(caption))
        // One more, for when an item is taken out.
        return order[caption].prefix(depth + 1).filter { $0 != absent }.prefix(depth).filter { !scores[$0].isNaN }
            .map { item in (item, scores[item] + Float(beta) * cosines[item]) }
            .sorted { ($1.1, $0.0) < ($0.1, $1.0) }
            .map { item, _ in
                Answer(
                    item: item, fast: Double(cosines[item]), evidence: Double(scores[item] - blank[caption]))
            }
    }
}
