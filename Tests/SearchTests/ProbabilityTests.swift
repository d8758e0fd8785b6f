import Catalog
import Foundation
import Models
import Search
import Testing

@Suite struct ProbabilityTests {
    /// Of a re-ranked clip the Slow score alone counts, of another the Fast one: 0.9, 0.8 … are 90 %, 88 % … likely.
    private let calibration = Calibration(
        fastOnly: .init(bias: 0, fast: 2.5, slow: 0), both: .init(bias: 0, fast: 0, slow: 1))

    /// Six media in the Fast model's order 1 to 6; their clips have the same numbers.
    private func searcher(
        _ scores: [ClipID: Double] = [:], depth: Int = 4, isCalibrated: Bool = true
    ) throws -> Searcher {
        let library = try Library()
        for number in 1...6 {
            try library.add(["/v/\(number).mp4"], clips: [leaning(1 - Float(number) / 10)])
        }
        return try library.searcher(
            reranker: TableReranker(
                defaultDepth: depth, calibration: isCalibrated ? calibration : nil, scores: scores))
    }

    private func logistic(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

    @Test func `A re-ranked clip is as likely as both scores say, and another as the Fast one says`() throws {
        let answer = try searcher([1: -4, 2: 3, 3: 0, 4: 1]).search(SearchRequest(query: "q", rerank: RerankOptions()))
        #expect(answer.results.map(\.clip.id) == [2, 4, 3, 1, 5, 6])
        for result in answer.results {
            let expected = logistic(result.scores.slow ?? 2.5 * result.scores.fast)
            #expect(result.scores.probability == expected)
        }
        #expect(answer.results.map { $0.scores.slow == nil } == [false, false, false, false, true, true])
    }

    @Test func `Without re-ranking every clip is as likely as the Fast score says`() throws {
        let answer = try searcher().search(SearchRequest(query: "q"))
        #expect(answer.results.count == 6)
        for result in answer.results {
            #expect(result.scores.probability == logistic(2.5 * result.scores.fast))
        }
    }

    @Test func `A model that isn't calibrated gives no probabilities`() throws {
        let answer = try searcher(isCalibrated: false).search(SearchRequest(query: "q", rerank: RerankOptions()))
        #expect(answer.results.count == 6)
        #expect(answer.results.allSatisfy { $0.scores.probability == nil })
    }

    @Test func `Unlikely clips are left out`() throws {
        let request = try SearchRequest(query: "q", rerank: RerankOptions(), minProbability: 0.75)
        let answer = try searcher([1: -4, 2: 3, 3: 0, 4: 2]).search(request)
        // Clip 5 is 78 % likely by its Fast score, clip 6 only 73 %.
        #expect(answer.results.map(\.clip.id) == [2, 4, 5])
        #expect(answer.reranked == 4)
        #expect(answer.stage == .slow)
    }

    @Test func `Nothing found is an answer`() throws {
        for rerank in [try RerankOptions(depth: 6), nil] {
            let request = try SearchRequest(query: "q", rerank: rerank, minProbability: 1)
            let answer = try searcher([:]).search(request)
            #expect(answer.results.isEmpty)
            #expect(answer.clips == 6)
            #expect(answer.reranked == (rerank == nil ? 0 : 6))
        }
    }

    @Test func `A least probability of zero leaves nothing out`() throws {
        let request = try SearchRequest(query: "q", rerank: RerankOptions(), minProbability: 0)
        #expect(try searcher([:]).search(request).results.count == 6)
    }

    @Test func `Pages of likely clips follow each other`() throws {
        let searcher = try searcher([1: 1, 2: -9, 3: 3, 4: -9, 5: 2, 6: 4], depth: 6)
        func page(_ offset: Int, _ limit: Int) throws -> [ClipID] {
            let request = try SearchRequest(
                query: "q", limit: limit, offset: offset, rerank: RerankOptions(), minProbability: 0.5)
            return try searcher.search(request).results.map(\.clip.id)
        }
        #expect(try page(0, 10) == [6, 3, 5, 1])
        #expect(try page(0, 3) + page(3, 3) == [6, 3, 5, 1])
        #expect(try page(1, 2) == [3, 5])
        #expect(try page(4, 2).isEmpty)
    }

    @Test func `Answers that improve leave unlikely clips out too`() throws {
        var seen: [[ClipID]] = []
        let request = try SearchRequest(query: "q", rerank: RerankOptions(depth: 2), minProbability: 0.84)
        let answer = try searcher([1: -4, 2: 3]).search(request) { seen.append($0.results.map(\.clip.id)) }
        // By the Fast score clips 1 to 3 are more than 84 % likely.
        #expect(seen == [[1, 2, 3], [2, 3], [2, 3]])
        #expect(answer.results.map(\.clip.id) == [2, 3])
    }

    @Test func `A least probability needs a calibrated model`() throws {
        let uncalibrated = [try searcher(isCalibrated: false), try Library().searcher()]
        for searcher in uncalibrated {
            for least in [0, 0.5] {
                #expect {
                    try searcher.search(SearchRequest(query: "q", rerank: RerankOptions(), minProbability: least))
                } throws: {
                    let error = $0 as? SearchError
                    return error?.code == .invalidRerank && error?.message.contains("calibrated") == true
                }
            }
        }
    }
}
