import Models
import Tensors
import Testing
import Training

/// Which bank of captions a model gets.
struct QuerybankChoiceTests {
    private func gallery(_ clips: [[Float]], _ sentences: [[Float]]) -> QuerybankChoice.Gallery {
        QuerybankChoice.Gallery(
            clips: Tensor(clips.flatMap { $0 }, shape: [clips.count, clips[0].count]),
            table: SimilarityTable(
                owners: Array(sentences.indices),
                scores: Variable(
                    constant: Tensor(sentences.flatMap { $0 }, shape: [sentences.count, sentences[0].count])
                )
                .matmul(
                    Variable(constant: Tensor(clips.flatMap { $0 }, shape: [clips.count, clips[0].count])),
                    transposeB: true
                ).value))
    }

    private func axis(_ number: Int, of count: Int, _ length: Float = 1) -> [Float] {
        (0..<count).map { $0 == number ? length : 0 }
    }

    @Test func `The bank that is chosen takes the first place from a hub`() throws {
        // Clips of six axes, each a little beside its caption, and one that is near to all captions.
        let count = 6
        let clips =
            (0..<count).map { number in
                // The last axis is nobody's caption.
                axis(number, of: count + 1, 0.4).enumerated().map { $0 == count ? 0.9165 : $1 }
            } + [(0..<count + 1).map { $0 < count ? Float(1 / 6.0).squareRoot() : 0 }]
        let sentences = (0..<count).map { axis($0, of: count + 1) }
        let queries = Tensor(sentences.flatMap { $0 }, shape: [count, count + 1])
        let choice = QuerybankChoice(queries: queries, galleries: [gallery(clips, sentences)])
        #expect(choice.without[0].recallAt1 == 0 && choice.with[0].recallAt1 == 100)
        #expect(choice.tried.count == 20)
        let bank = try #require(choice.querybank)
        #expect(bank.queries == queries && bank.weight > 0)
    }

    @Test func `Where none is better than none, there is none`() {
        let vectors = (0..<4).map { axis($0, of: 4) }
        let choice = QuerybankChoice(
            queries: Tensor(vectors.flatMap { $0 }, shape: [4, 4]), galleries: [gallery(vectors, vectors)])
        #expect(choice.querybank == nil && choice.with == choice.without)
    }
}
