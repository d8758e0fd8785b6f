package import Models

/// What a ``RelevanceFit`` is fitted to and judged by, from a calibration's queries.
package struct RelevanceExamples: Sendable {
    /// For the fit.
    package private(set) var examples: [RelevanceFit.Example] = []
    /// First answers by kind of query: what a search's own decision is about.
    package private(set) var firsts: [(name: String, answers: [RelevanceFit.Example])] = []

    /// Answers to a caption that are fitted where no query is absent.
    private static let answersPerCaption = 5
    /// Best items of an absent query, none of which is about it.
    private static let answersPerAbsentQuery = 5

    /// Of what is about a query, against what isn't: positives are each caption with its own item, and each short phrase with the first item in
    /// its answer that shows it; negatives are the best items of queries about things that no item shows. Captions and phrases weigh alike, and
    /// both together as much as the absent queries, so that a probability of a half is what is as likely of a present query as of an absent one.
    ///
    /// - Parameters:
    ///   - concepts: nil where there are none.
    ///   - absent: of the absent queries, whose owners mean nothing.
    ///   - reranking: as the answers are re-ranked.
    package init(
        captions: RerankingEvaluation, concepts: ConceptRanking?, absent: RerankingEvaluation, reranking: Reranking
    ) {
        let own = captions.fast.owners.enumerated().map { caption, owner in
            let score = captions.slow.row(caption)[owner]
            return RelevanceFit.Example(
                fast: Double(captions.fast.row(caption)[owner]),
                evidence: score.isNaN ? nil : Double(score - captions.blank[caption]),
                pieces: captions.pieces[caption], isRelevant: true, group: owner)
        }
        let shown = concepts.map { Self.shown($0, reranking) } ?? []
        let best = Self.answers(absent, reranking, count: Self.answersPerAbsentQuery)
        examples =
            Self.weighted(own, 1) + Self.weighted(shown, 1) + Self.weighted(best.flatMap { $0 }, shown.isEmpty ? 1 : 2)
        // With the groups of the examples, so that no fit judges what it was fitted to.
        func firsts(_ evaluation: RerankingEvaluation, _ group: (Int) -> Int) -> [RelevanceFit.Example] {
            Self.answers(evaluation, reranking, count: 1).joined().map { answer in
                var answer = answer
                answer.group = group(answer.group)
                return answer
            }
        }
        self.firsts = [("captions", firsts(captions) { captions.fast.owners[$0] })]
        if let concepts { self.firsts.append(("short queries", firsts(concepts.evaluation) { $0 })) }
        self.firsts.append(("absent queries", best.flatMap { $0.prefix(1) }))
    }

    /// Of a caption's own item, against others: the first answers to every caption, once with its item in the gallery and once without.
    ///
    /// - Parameters: as above.
    package init(captions: RerankingEvaluation, reranking: Reranking) {
        var (with, without): ([RelevanceFit.Example], [RelevanceFit.Example]) = ([], [])
        for (caption, owner) in captions.fast.owners.enumerated() {
            for (place, absent) in [nil, owner].enumerated() {
                let answers = captions.answers(to: caption, by: reranking, without: absent).prefix(
                    Self.answersPerCaption
                ).map { answer in
                    RelevanceFit.Example(
                        fast: answer.fast, evidence: answer.evidence, pieces: captions.pieces[caption],
                        isRelevant: answer.item == owner, group: owner)
                }
                examples += answers
                if place == 0 { with += answers.prefix(1) } else { without += answers.prefix(1) }
            }
        }
        firsts = [("with", with), ("without", without)]
    }

    /// The probability from which a first answer counts as found: of those that a fit gives to first answers, the one that accepts
    /// the most of the present queries' and refuses the most of the absent ones', both in percent of their kind (Youden's J), by two-fold
    /// cross-validation, within 0.1 and 0.5.
    package func threshold(by fit: RelevanceFit) -> Double {
        let absent = (firsts.last?.answers ?? []).map(fit.probability(of:)).sorted()
        let kinds = firsts.dropLast().map { $0.answers.map(fit.probability(of:)) }
        let steps = stride(from: 0.1, through: 0.5, by: 0.01)
        func share(_ values: [Double], from least: Double) -> Double {
            Double(values.count { $0 >= least }) / Double(max(1, values.count))
        }
        func informedness(_ least: Double) -> Double {
            kinds.reduce(0) { $0 + share($1, from: least) } / Double(max(1, kinds.count)) - share(absent, from: least)
        }
        let best = steps.map(informedness).max() ?? 0
        // The middle of what is best alike.
        let alike = steps.filter { informedness($0) >= best - 1e-9 }
        return alike.isEmpty ? 0.5 : (alike[alike.count / 2] * 100).rounded() / 100
    }

    /// Each concept with the first of its answers that shows it; without those whose first answers show it nowhere.
    private static func shown(_ ranking: ConceptRanking, _ reranking: Reranking) -> [RelevanceFit.Example] {
        ranking.concepts.enumerated().compactMap { query, concept in
            let pieces = ranking.evaluation.pieces[query]
            let right = Set(concept.items)
            return ranking.evaluation.answers(to: query, by: reranking)
                .first { right.contains($0.item) }
                .map { RelevanceFit.Example($0, pieces, isRelevant: true, group: query) }
        }
    }

    /// The best answers of each query, which is their group.
    private static func answers(
        _ evaluation: RerankingEvaluation, _ reranking: Reranking, count: Int
    ) -> [[RelevanceFit.Example]] {
        evaluation.pieces.enumerated().map { query, pieces in
            evaluation.answers(to: query, by: reranking).prefix(count).map {
                RelevanceFit.Example($0, pieces, isRelevant: false, group: query)
            }
        }
    }

    /// With weights that add up to a share of a thousand.
    private static func weighted(_ examples: [RelevanceFit.Example], _ share: Double) -> [RelevanceFit.Example] {
        examples.map { example in
            var example = example
            example.weight = 1000 * share / Double(examples.count)
            return example
        }
    }
}

extension RelevanceFit.Example {
    fileprivate init(_ answer: RerankingEvaluation.Answer, _ pieces: QueryPieces, isRelevant: Bool, group: Int) {
        self.init(
            fast: answer.fast, evidence: answer.evidence, pieces: pieces, isRelevant: isRelevant, group: group)
    }
}
