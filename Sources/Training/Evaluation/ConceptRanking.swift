/// Concepts in the order that re-ranking gives them.
package struct ConceptRanking: Sendable {
    package let concepts: [ConceptSet.Concept]
    package let evaluation: RerankingEvaluation
    /// All items of each concept in the Fast model's order.
    private let order: [[Int]]

    /// - Parameter evaluation: whose captions are the concepts' phrases, with the scores of their best items.
    package init(_ concepts: [ConceptSet.Concept], by evaluation: RerankingEvaluation) {
        precondition(concepts.count == evaluation.fast.captions)
        self.concepts = concepts
        self.evaluation = evaluation
        order = evaluation.fast.best(evaluation.fast.items)
    }

    /// The items of each concept when the Fast model's best K are put in the order of h + β·f(x)ᵀg(y); without those of which nobody knows.
    package func ranked(depth: Int, beta: Double) -> [[Int]] {
        zip(concepts, order).enumerated().map { query, pair in
            let (concept, items) = pair
            let (scores, cosines) = (evaluation.slow.row(query), evaluation.fast.row(query))
            let head = items.prefix(depth).map { (item: $0, score: scores[$0] + Float(beta) * cosines[$0]) }
            let unsure = Set(concept.unsure)
            return (head.sorted { ($1.score, $0.item) < ($0.score, $1.item) }.map(\.item) + items.dropFirst(depth))
                .filter { !unsure.contains($0) }
        }
    }

    /// The mean over the concepts of the average precision, 0 to 1.
    package func meanAveragePrecision(depth: Int, beta: Double) -> Double {
        let precisions = zip(concepts, ranked(depth: depth, beta: beta)).map { concept, items in
            ConceptEvaluation.averagePrecision(of: items, right: Set(concept.items))
        }
        return precisions.reduce(0, +) / Double(max(1, precisions.count))
    }
}
