import Testing
import Training

@Suite struct RetrievalMetricsTests {
    @Test func `A constant score earns nothing`() {
        let ranks = (0..<11).map { correct in
            RetrievalMetrics.rank(scores: [Float](repeating: 0.5, count: 11)) { $0 == correct }
        }
        #expect(ranks == [Double](repeating: 6, count: 11))
        #expect(RetrievalMetrics(ranks: ranks).recallAt1 == 0)
    }

    @Test func `The best of several correct items counts, and the others are not in its way`() {
        let scores: [Float] = [0.9, 0.8, 0.7, 0.95]
        #expect(RetrievalMetrics.rank(scores: scores) { $0 == 0 || $0 == 2 } == 2)
        #expect(RetrievalMetrics.rank(scores: scores) { $0 == 1 || $0 == 2 } == 3)
    }

    @Test func `A score that is not a number is the lowest`() {
        #expect(RetrievalMetrics.rank(scores: [.nan, 0.1, 0.2]) { $0 == 0 } == 3)
        #expect(RetrievalMetrics.rank(scores: [.nan, 0.1, .nan]) { $0 == 1 } == 1)
    }

    @Test func `Half of the ties count`() {
        #expect(RetrievalMetrics.rank(scores: [0.5, 0.5, 0.9]) { $0 == 0 } == 2.5)
    }

    @Test func `The metrics are those of the ranks`() {
        let metrics = RetrievalMetrics(ranks: [1, 1, 5, 6, 11, 40])
        #expect(abs(metrics.recallAt1 - 100 / 3.0) < 1e-9)
        #expect(metrics.recallAt5 == 50)
        #expect(abs(metrics.recallAt10 - 200 / 3.0) < 1e-9)
        #expect(metrics.medianRank == 5.5)
        #expect(abs(metrics.meanRank - 64 / 6.0) < 1e-9)
    }
}
