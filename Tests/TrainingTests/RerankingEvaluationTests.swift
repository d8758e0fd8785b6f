import Glibc
import Models
import Tensors
import TestSupport
import Testing
import Training

@Suite(.ownThread) struct RerankingEvaluationTests {
    /// For each ω, over the whole gallery.
    ///
    /// - Parameters:
    ///   - queries: in place of the captions, and no item's.
    ///   - captions: of each item, in place of its own.
    private func evaluations(queries: [String]? = nil, captions: [String]? = nil) throws -> [RerankingEvaluation] {
        let folder = try TemporaryDirectory()
        var set = try TinyLearning(in: folder.path).features
        if let queries { set = set.asked(queries) }
        if let captions {
            var dataset = set.dataset
            for index in dataset.items.indices { dataset.items[index].captions = captions }
            set = FeatureSet(dataset: dataset, views: set.views)
        }
        let captioner = try TinyLearning.captioner()
        let fast = try FastEmbeddings(
            model: try TinyLearning.fastModel(), features: set, framesInUse: 2, encode: TinyLearning.encode
        ).table
        return RerankingEvaluation.each(
            endWeights: RerankingChoice.endWeights, captioner: captioner,
            memories: SlowMemories(model: captioner.model, features: set, items: Array(0..<set.count)), fast: fast,
            sentences: set.dataset.items.flatMap { $0.captions.map(TinyLearning.encode) }, pairs: .all)
    }

    private func evaluation(_ pairs: RerankingEvaluation.Pairs) throws -> (RerankingEvaluation, [[Int32]]) {
        let folder = try TemporaryDirectory()
        let set = try TinyLearning(in: folder.path).features
        let captioner = try TinyLearning.captioner()
        let fast = try FastEmbeddings(
            model: try TinyLearning.fastModel(), features: set, framesInUse: 2, encode: TinyLearning.encode
        ).table
        let sentences = set.dataset.items.flatMap { $0.captions.map(TinyLearning.encode) }
        let memories = SlowMemories(model: captioner.model, features: set, items: Array(0..<set.count))
        return (
            RerankingEvaluation(
                captioner: captioner, memories: memories, fast: fast, sentences: sentences, pairs: pairs), sentences
        )
    }

    @Test func `Only the wanted pairs are scored, and alike`() throws {
        let (all, _) = try evaluation(.all)
        let (some, _) = try evaluation(.bestItems(3))
        #expect(!all.slow.scores.scalars.contains { !$0.isFinite })
        for caption in 0..<all.fast.captions {
            let best = Set(all.fast.best(3)[caption])
            for (item, (one, other)) in zip(all.slow.row(caption), some.slow.row(caption)).enumerated() {
                #expect(best.contains(item) ? abs(one - other) < 1e-5 : other.isNaN)
            }
        }
    }

    @Test func `Re-ranking everything by the Slow score alone is the Slow model over every pair`() throws {
        let (all, _) = try evaluation(.all)
        #expect(all.textToVideoRanks(depth: all.fast.items, beta: 0) == all.slow.textToVideoRanks)
    }

    @Test func `With a huge weight of the Fast score, its order stays`() throws {
        let (some, _) = try evaluation(.best(4))
        #expect(some.textToVideoRanks(depth: 4, beta: 1e6) == some.fast.textToVideoRanks)
        #expect(
            RetrievalMetrics(ranks: some.videoToTextRanks(depth: 4, beta: 1e6)).recallAt1
                == some.fast.videoToText.recallAt1)
    }

    @Test func `What is outside of the best keeps its rank`() throws {
        let (some, _) = try evaluation(.best(2))
        let fast = some.fast.textToVideoRanks
        for (before, after) in zip(fast, some.textToVideoRanks(depth: 2, beta: 0)) {
            #expect(before > 2 ? after == before : after <= 2)
        }
    }

    @Test func `Each weight of the end has the scores that it has alone`() throws {
        let (alone, sentences) = try evaluation(.all)
        let each = try evaluations()
        #expect(each.map { Double($0.endWeight) } == RerankingChoice.endWeights)
        let asTrained = try #require(each.last)
        #expect(asTrained.slow.scores == alone.slow.scores && asTrained.blank == alone.blank)
        #expect(asTrained.pieces.map(\.count) == sentences.map(\.count))
        #expect(each[0].slow.scores != asTrained.slow.scores)
    }

    @Test func `Answers are the best of the Fast model's best, without what is taken out`() throws {
        let (all, _) = try evaluation(.all)
        for caption in 0..<all.fast.captions {
            let best = all.fast.best(4)[caption]
            let (cosines, scores) = (all.fast.row(caption), all.slow.row(caption))
            let answers = all.answers(to: caption, by: Reranking(depth: 3, beta: 2))
            #expect(Set(answers.map(\.item)) == Set(best.prefix(3)))
            let combined = answers.map { scores[$0.item] + 2 * cosines[$0.item] }
            #expect(combined == combined.sorted(by: >))
            #expect(answers.allSatisfy { $0.evidence == Double(scores[$0.item] - all.blank[caption]) })
            let without = all.answers(to: caption, by: Reranking(depth: 3, beta: 2), without: best[0])
            #expect(Set(without.map(\.item)) == Set(best.dropFirst()))
        }
    }

    @Test func `The best weights are no worse than any other, and no worse for captions than ω = 1`() throws {
        let captions = try evaluations()
        // Each word is shown by the items whose captions have it.
        let phrases = (2..<8).map { word in
            ConceptSet.Concept(phrase: "w\(word)", items: [word - 2, word - 1, word], unsure: [7])
        }
        let concepts = try evaluations(queries: phrases.map(\.phrase)).map { ConceptRanking(phrases, by: $0) }
        var settings = RerankingChoice.Settings()
        (settings.depths, settings.shortDepths, settings.betas) = ([2, 4, 8], [4, 8], [0, 1, 2.5, 12])
        let score = { (metrics: RetrievalMetrics) in (metrics.recallAt1 + metrics.recallAt10) / 2 }
        for concepts in [nil, concepts] {
            let (tried, chosen) = RerankingChoice.best(of: [captions], concepts: concepts, settings: settings)
            #expect(tried.map(\.reranking.depth) == settings.depths)
            func total(_ metrics: RetrievalMetrics, _ precision: Double?) -> Double {
                score(metrics) + 100 * (precision ?? 0)
            }
            for choice in tried {
                let asTrained = settings.betas.map { beta in
                    RetrievalMetrics(ranks: captions[4].textToVideoRanks(depth: choice.reranking.depth, beta: beta))
                }.max { score($0) < score($1) }
                let floor = try #require(asTrained).recallAt1
                #expect(choice.metrics[0].recallAt1 >= floor)
                for (place, evaluation) in captions.enumerated() {
                    for beta in settings.betas {
                        let metrics = RetrievalMetrics(
                            ranks: evaluation.textToVideoRanks(depth: choice.reranking.depth, beta: beta))
                        for short in settings.betas {
                            let precision = concepts?[place].measurement(depth: 8, beta: short).meanAveragePrecision
                            #expect(
                                metrics.recallAt1 < floor
                                    || total(metrics, precision)
                                        <= total(choice.metrics[0], choice.meanAveragePrecision)
                            )
                        }
                    }
                }
            }
            let top = try #require(tried.map { total($0.metrics[0], $0.meanAveragePrecision) }.max())
            let taken = try #require(tried.first { $0.reranking.depth == chosen.reranking.depth })
            #expect(total(taken.metrics[0], taken.meanAveragePrecision) >= top - 0.5)
            #expect(
                tried.allSatisfy {
                    $0.reranking.depth >= chosen.reranking.depth
                        || total($0.metrics[0], $0.meanAveragePrecision) < top - 0.5
                })
            var shallow = taken.reranking
            shallow.shortDepth = chosen.reranking.shortDepth
            #expect(chosen.reranking == shallow)
            if concepts == nil {
                #expect(shallow.shortDepth == shallow.depth && shallow.shortBeta == shallow.beta)
            } else {
                #expect(settings.shortDepths.contains(shallow.shortDepth))
            }
        }
    }

    @Test func `Weights are chosen for all galleries alike`() throws {
        let one = try evaluations()
        // The same gallery, asked with other captions.
        let other = try evaluations(captions: ["w5 w6", "w2"])
        var settings = RerankingChoice.Settings()
        (settings.depths, settings.betas) = ([8], [0, 1, 2.5, 12])
        let chosen = RerankingChoice.best(of: [one, other], settings: settings).chosen
        #expect(chosen.metrics.count == 2)
        func mean(_ place: Int, _ beta: Double) -> Double {
            [one, other].map { RetrievalMetrics(ranks: $0[place].textToVideoRanks(depth: 8, beta: beta)) }
                .reduce(0) { $0 + ($1.recallAt1 + $1.recallAt10) / 4 }
        }
        let place = try #require(one.firstIndex { Double($0.endWeight) == chosen.reranking.endWeight })
        for beta in settings.betas { #expect(mean(4, beta) <= mean(place, chosen.reranking.beta)) }
    }

    @Test func `Concepts are measured in the order of the re-ranked, and below K in the Fast model's`() throws {
        let phrases = [ConceptSet.Concept(phrase: "w3", items: [1, 2, 3], unsure: [0])]
        let evaluation = try #require(try evaluations(queries: ["w3"]).last)
        let ranking = ConceptRanking(phrases, by: evaluation)
        let fast = evaluation.fast.best(8)[0]
        let scores = evaluation.slow.row(0)
        for depth in [0, 3, 8] {
            let order = fast.prefix(depth).sorted { scores[$0] > scores[$1] } + fast.dropFirst(depth)
            let expected = ConceptEvaluation.averagePrecision(of: order.filter { $0 != 0 }, right: [1, 2, 3])
            #expect(ranking.measurement(depth: depth, beta: 0).meanAveragePrecision == expected)
        }
    }
}

@Suite struct EvaluationModeTests {
    @Test(arguments: [EvaluationMode.fast, .slow, .reranked(1), .reranked(10_000)])
    func `A mode is read from its name`(mode: EvaluationMode) {
        #expect(EvaluationMode(name: mode.name) == mode)
    }

    @Test(arguments: ["", "Fast", "fast+slow", "fast+slow@", "fast+slow@0", "fast+slow@10001", "fast+slow@x"])
    func `Other names are none of a mode`(name: String) {
        #expect(EvaluationMode(name: name) == nil)
    }
}
