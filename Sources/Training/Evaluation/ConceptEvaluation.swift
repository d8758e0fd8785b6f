package import Models
import Tensors

/// How well short queries find the items that show what they say: average precision as a mean over concepts (MAP).
///
/// Source: Manning, Raghavan and Schütze, "Introduction to Information Retrieval", 2008, §8.4. The queries are those of a ``ConceptSet``; items
/// that may show a concept or not are left out of its list.
package struct ConceptEvaluation: Sendable {
    package struct Measurement: Sendable {
        /// 0 to 1.
        package var meanAveragePrecision: Double
        /// The part of the queries whose first answer is right.
        package var precisionAt1: Double
    }

    package let queries: Int
    package let gallery: Int
    /// β of the modes that use both models; nil where there is none.
    package let beta: Double?
    package private(set) var measurements: [EvaluationMode: Measurement] = [:]

    /// Blocking, and long with the Slow model.
    ///
    /// - Parameters:
    ///   - features: of items that the model wasn't trained on.
    ///   - modes: those with a Slow model are left out when `model` has none.
    ///   - beta: nil takes the model's of short queries.
    ///   - progress: is called in the calling thread while pairs are scored.
    /// - Throws: ``WeightsError`` when the tokens' vectors can't be read.
    package init(
        model: any RerankableModel, features: FeatureSet, concepts: ConceptSet, modes: [EvaluationMode],
        beta: Double? = nil,
        progress: (_ done: Int, _ all: Int) -> Void = { _, _ in }
    ) throws {
        let asked = concepts.concepts
        queries = asked.count
        gallery = features.count
        let fast = try FastEmbeddings(model, of: features.asked(asked.map(\.phrase))).table
        let order = fast.best(features.count)
        if modes.contains(.fast) { measurements[.fast] = Measurement(of: order, asked) }
        let others = modes.filter { $0 != .fast }
        guard let slow = model.slow, let deepest = others.map(\.cost).max() else {
            self.beta = nil
            return
        }
        let weight = beta ?? model.reranking?.shortBeta ?? Reranking.untuned.beta
        self.beta = weight
        let memories = SlowMemories(
            model: slow.model, features: features, items: Array(0..<features.count), precision: .full)
        let reranked = RerankingEvaluation(
            captioner: slow, memories: memories, fast: fast, sentences: asked.map { slow.tokens(of: $0.phrase) },
            pairs: deepest == .max ? .all : .bestItems(deepest), endWeight: (model.reranking ?? .untuned).endWeight,
            progress: progress)
        let ranking = ConceptRanking(asked, by: reranked)
        for mode in others {
            let (depth, beta) = mode == .slow ? (features.count, 0) : (min(mode.cost, features.count), weight)
            measurements[mode] = ranking.measurement(depth: depth, beta: beta)
        }
    }

    /// The mean, over the right items, of the part of right ones in the list down to each.
    package static func averagePrecision(of order: [Int], right: Set<Int>) -> Double {
        var (found, total) = (0.0, 0.0)
        for (place, item) in order.enumerated() where right.contains(item) {
            found += 1
            total += found / Double(place + 1)
        }
        return total / Double(max(1, right.count))
    }
}

extension ConceptEvaluation.Measurement {
    /// - Parameter order: each concept's list, best item first.
    init(of order: [[Int]], _ concepts: [ConceptSet.Concept]) {
        let lists = zip(concepts, order).map { concept, items in
            let unsure = Set(concept.unsure)
            return (right: Set(concept.items), items: items.filter { !unsure.contains($0) })
        }
        let count = Double(max(1, concepts.count))
        meanAveragePrecision =
            lists.reduce(0) { $0 + ConceptEvaluation.averagePrecision(of: $1.items, right: $1.right) } / count
        precisionAt1 = Double(lists.filter { $0.items.first.map($0.right.contains) ?? false }.count) / count
    }
}
