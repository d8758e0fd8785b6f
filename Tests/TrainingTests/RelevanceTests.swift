import Glibc
import Models
import Tensors
import TestSupport
import Testing
import Training

@Suite struct RelevanceFitTests {
    /// Examples whose truth follows a known law.
    private func examples(_ count: Int) -> [RelevanceFit.Example] {
        var random = SplitMix64(seed: 8)
        return (0..<count).map { group in
            let (fast, evidence) = (random.nextUniform(), random.nextNormal())
            let pieces = QueryPieces(count: 1 + group % 12, unknown: group % 3 == 0 ? 1 : 0)
            let p =
                1
                / (1
                    + exp(
                        -(-2 + 3 * fast + 1.5 * evidence + 0.5 * log(Double(pieces.count))
                            - 2 * Double(pieces.unknown) / Double(pieces.count))))
            return .init(
                fast: fast, evidence: evidence, pieces: pieces, isRelevant: random.nextUniform() < p, group: group)
        }
    }

    @Test func `The fit finds the law that the examples follow`() {
        let fit = RelevanceFit(examples(20_000))
        let found = fit.relevance.both
        #expect(abs(found.bias + 2) < 0.2)
        #expect(abs(found.fast - 3) < 0.2)
        #expect(abs(found.evidence - 1.5) < 0.1)
        #expect(abs(found.length - 0.5) < 0.1)
        #expect(abs(found.unknown + 2) < 0.25)
        #expect(fit.relevance.fastOnly.evidence == 0)
        #expect(fit.relevance.threshold == nil)
        #expect(fit.expectedCalibrationError < 0.02)
        #expect(fit.reliability.allSatisfy { abs($0.meanProbability - $0.frequency) < 0.06 })
    }

    @Test func `An example of weight two is one that stands twice`() {
        var some = examples(400)
        for index in some.indices where index % 3 == 0 { some[index].weight = 2 }
        let twice = some.flatMap { example in
            var one = example
            one.weight = 1
            return [RelevanceFit.Example](repeating: one, count: Int(example.weight))
        }
        let (weighted, repeated) = (RelevanceFit(some).relevance, RelevanceFit(twice).relevance)
        for (one, other) in zip(weighted.both.coefficients, repeated.both.coefficients) {
            #expect(abs(one - other) < 1e-9)
        }
    }

    @Test func `A pair without evidence counts for the Fast model alone`() {
        var some = examples(500)
        let whole = RelevanceFit(some).relevance
        some += some.prefix(250).map { example in
            var bare = example
            bare.evidence = nil
            return bare
        }
        let more = RelevanceFit(some).relevance
        #expect(more.both == whole.both && more.fastOnly != whole.fastOnly)
    }

    @Test func `Examples that can be told apart without a mistake have a finite fit`() {
        let examples = (0..<50).map {
            RelevanceFit.Example(
                fast: Double($0), evidence: 0, pieces: QueryPieces(count: 5), isRelevant: $0 >= 25, group: $0)
        }
        let fit = RelevanceFit(examples)
        #expect(fit.relevance.both.fast.isFinite && fit.relevance.both.fast > 0)
        #expect(fit.probabilities.allSatisfy { (0...1).contains($0) })
    }

    @Test func `Each example is judged by a fit to the others`() {
        let some = examples(300)
        let fit = RelevanceFit(some)
        #expect(some.map(fit.probability(of:)) == fit.probabilities)
        let odd = RelevanceFit(some.filter { $0.group % 2 == 1 }).relevance
        for (example, probability) in zip(some, fit.probabilities) where example.group % 2 == 0 {
            #expect(
                probability == odd.probability(fast: example.fast, evidence: example.evidence, of: example.pieces))
        }
    }
}

@Suite struct RelevanceExamplesTests {
    private let reranking = Reranking(depth: 2, shortDepth: 6, beta: 1)
    private let captions: RerankingEvaluation
    private let absent: RerankingEvaluation
    private let concepts: ConceptRanking

    init() throws {
        let folder = try TemporaryDirectory()
        let set = try TinyLearning(in: folder.path).features
        func evaluation(_ queries: [String]?) throws -> RerankingEvaluation {
            let asked = queries.map(set.asked) ?? set
            let captioner = try TinyLearning.captioner()
            let fast = try FastEmbeddings(
                model: try TinyLearning.fastModel(), features: asked, framesInUse: 2, encode: TinyLearning.encode)
            return RerankingEvaluation(
                captioner: captioner,
                memories: SlowMemories(model: captioner.model, features: set, items: Array(0..<set.count)),
                fast: fast.table, sentences: asked.dataset.items.flatMap { $0.captions.map(TinyLearning.encode) },
                pairs: .bestItems(6))
        }
        captions = try evaluation(nil)
        absent = try evaluation(["w10", "w11 w10", "w9 w11 w10 w11 w9"])
        let phrases = [ConceptSet.Concept(phrase: "w3", items: Array(0..<8), unsure: [])]
        concepts = ConceptRanking(phrases, by: try evaluation(["w3"]))
    }

    @Test func `Captions and phrases with their own items stand against absent queries with their best`() {
        let examples = RelevanceExamples(captions: captions, concepts: concepts, absent: absent, reranking: reranking)
        let (right, wrong) = (examples.examples.filter(\.isRelevant), examples.examples.filter { !$0.isRelevant })
        #expect(right.count == captions.fast.captions + 1)
        // Five of each short query; of the long one, the two that are re-ranked.
        #expect(wrong.count == 12)
        #expect(abs(right.reduce(0) { $0 + $1.weight } - wrong.reduce(0) { $0 + $1.weight }) < 1e-6)
        // The caption's own item has no evidence where it wasn't re-ranked.
        for (caption, example) in right.prefix(captions.fast.captions).enumerated() {
            let owner = captions.fast.owners[caption]
            #expect((example.evidence == nil) == captions.slow.row(caption)[owner].isNaN)
            #expect(example.fast == Double(captions.fast.row(caption)[owner]) && example.group == owner)
        }
        #expect(examples.firsts.map(\.name) == ["captions", "short queries", "absent queries"])
        #expect(examples.firsts.map(\.answers.count) == [captions.fast.captions, 1, 3])
        #expect((0.1...0.5).contains(examples.threshold(by: RelevanceFit(examples.examples))))
    }

    @Test func `Without absent queries a caption's own item stands against others`() {
        let examples = RelevanceExamples(captions: captions, reranking: Reranking(depth: 2, beta: 1))
        #expect(examples.firsts.map(\.name) == ["with", "without"])
        #expect(examples.firsts.map(\.answers.count) == [24, 24])
        #expect(examples.examples.count == 24 * 4)
        #expect(examples.firsts[1].answers.allSatisfy { !$0.isRelevant })
    }
}

@Suite struct AreaUnderCurveTests {
    @Test func `The area is the chance that a right one is above a wrong one, and a tie is half a chance`() {
        #expect(RelevanceEvaluation.area([0.9, 0.8], above: [0.1, 0.2, 0.3]) == 1)
        #expect(RelevanceEvaluation.area([0.1], above: [0.9]) == 0)
        #expect(RelevanceEvaluation.area([0.5, 0.5], above: [0.5]) == 0.5)
        // 3 against 1, 3: won, tied; 2 against 1, 3: won, lost.
        #expect(RelevanceEvaluation.area([3, 2], above: [1, 3]) == 0.625)
        #expect(RelevanceEvaluation.area([], above: [1]) == 0.5 && RelevanceEvaluation.area([1], above: []) == 0.5)
    }
}
