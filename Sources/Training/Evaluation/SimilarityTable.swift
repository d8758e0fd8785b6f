package import Tensors

/// How well each caption of a data set fits each of its items, by any score: higher is better.
package struct SimilarityTable: Sendable {
    /// The item that each caption is of.
    package let owners: [Int]
    /// [captions, items].
    package var scores: Tensor<Float>

    package init(owners: [Int], scores: Tensor<Float>) {
        precondition(scores.rank == 2 && scores.shape[0] == owners.count)
        self.owners = owners
        self.scores = scores
    }

    package var captions: Int { scores.shape[0] }
    package var items: Int { scores.shape[1] }

    /// The table of some captions alone, in this order.
    package func restricted(to captions: [Int]) -> SimilarityTable {
        SimilarityTable(
            owners: captions.map { owners[$0] },
            scores: Variable(constant: scores).gatherRows(captions.map { Int32($0) }).value)
    }

    package func row(_ caption: Int) -> [Float] {
        scores.withUnsafeBufferPointer { Array($0[(caption * items)..<((caption + 1) * items)]) }
    }

    /// The rank of its item for each caption.
    package var textToVideoRanks: [Double] {
        scores.withUnsafeBufferPointer { table in
            owners.enumerated().map { row, owner in
                RetrievalMetrics.rank(scores: table[(row * items)..<((row + 1) * items)]) { $0 == owner }
            }
        }
    }

    /// The metrics of every caption as a query for its item.
    package var textToVideo: RetrievalMetrics { RetrievalMetrics(ranks: textToVideoRanks) }

    /// The metrics of every item as a query for any of its captions.
    package var videoToText: RetrievalMetrics {
        scores.withUnsafeBufferPointer { table in
            RetrievalMetrics(
                ranks: (0..<items).map { item in
                    RetrievalMetrics.rank(scores: owners.indices.lazy.map { table[$0 * items + item] }) {
                        owners[$0] == item
                    }
                })
        }
    }

    /// The best items of each caption, best first; ties in the order of the items.
    package func best(_ count: Int) -> [[Int]] { (0..<captions).map { best(count, of: $0) } }

    /// The best items of one caption.
    package func best(_ count: Int, of caption: Int) -> [Int] { Self.best(count, of: row(caption)) }

    /// The best captions of each item, best first; ties in the order of the captions.
    package func transposedBest(_ count: Int) -> [[Int]] {
        scores.withUnsafeBufferPointer { table in
            (0..<items).map { item in Self.best(count, of: (0..<captions).map { table[$0 * items + item] }) }
        }
    }

    private static func best(_ count: Int, of scores: [Float]) -> [Int] {
        scores.indices.sorted { (scores[$1], $0) < (scores[$0], $1) }.prefix(count).map { $0 }
    }
}
