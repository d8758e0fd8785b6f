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

    /// How well the concepts are found when the Fast model's best K are put in the order of h + β·f(x)ᵀg(y), the others below in their own.
    package func measurement(depth: Int, beta: Double) -> ConceptEvaluation.Measurement {
        let again = order.enumerated().map { query, items in
            let (scores, cosines) = (evaluation.slow.row(query), evaluation.fast.row(query))
            return items.prefix(depth).map { ($0, scores[$0] + Float(beta) * cosines[$0]) }
                .sorted { ($1.1, $0.0) < ($0.1, $1.0) }.map(\.0) + items.dropFirst(depth)
        }
        return ConceptEvaluation.Measurement(of: again, concepts)
    }
}
