import Models
import Glibc
import Tensors
import TestSupport
import Testing
import Training

@Suite struct RerankingEvaluationTests {
    private func evaluation(_ pairs: RerankingEvaluation.Pairs) throws -> (RerankingEvaluation, [[Int32]]) {
        let folder = try TemporaryDirectory()
        let set = try TinyLearning(in: folder.path).features
        let captioner = try TinyLearning.captioner()
        let fast = FastEmbeddings(
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

    @Test func `The best weight is no worse than any other, and the least depth close to the best is taken`() throws {
        let (all, _) = try evaluation(.all)
        let choices = [2, 4, 8].map { RerankingChoice(depth: $0, by: all) }
        let score = { (metrics: RetrievalMetrics) in (metrics.recallAt1 + metrics.recallAt10) / 2 }
        for choice in choices {
            for beta in [0, 1, 2.5, 12] {
                let other = RetrievalMetrics(ranks: all.textToVideoRanks(depth: choice.depth, beta: beta))
                #expect(score(choice.metrics) >= score(other))
            }
        }
        let top = try #require(choices.map { score($0.metrics) }.max())
        let taken = try #require(RerankingChoice.least(of: choices))
        #expect(score(taken.metrics) >= top - 0.5)
        #expect(choices.allSatisfy { $0.depth >= taken.depth || score($0.metrics) < top - 0.5 })
        #expect(RerankingChoice.least(of: [])?.depth == nil)
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

@Suite struct CalibrationFitTests {
    /// Answers whose truth follows a known law.
    private func answers(_ count: Int) -> [CalibrationFit.Answer] {
        var random = SplitMix64(seed: 8)
        return (0..<count).map { group in
            let (fast, evidence) = (random.nextUniform(), random.nextNormal())
            let p = 1 / (1 + exp(-(-2 + 3 * fast + 1.5 * evidence)))
            return .init(fast: fast, evidence: evidence, isRight: random.nextUniform() < p, group: group)
        }
    }

    @Test func `The fit finds the law that the answers follow`() {
        let fit = CalibrationFit(answers(20_000))
        #expect(abs(fit.calibration.both.bias + 2) < 0.15)
        #expect(abs(fit.calibration.both.fast - 3) < 0.2)
        #expect(abs(fit.calibration.both.slow - 1.5) < 0.1)
        #expect(fit.calibration.fastOnly.slow == 0)
        #expect(fit.expectedCalibrationError < 0.02)
        #expect(fit.reliability.allSatisfy { abs($0.meanProbability - $0.frequency) < 0.06 })
    }

    @Test func `Answers that can be told apart without a mistake have a finite fit`() {
        let answers = (0..<50).map {
            CalibrationFit.Answer(fast: Double($0), evidence: 0, isRight: $0 >= 25, group: $0)
        }
        let fit = CalibrationFit(answers)
        #expect(fit.calibration.both.fast.isFinite && fit.calibration.both.fast > 0)
        #expect(fit.probabilities.allSatisfy { (0...1).contains($0) })
    }
}
