import Catalog
import Foundation
import Models
import Search
import Testing

@Suite struct ProbabilityTests {
    /// Of a re-ranked clip the Slow score alone counts, of another the Fast one: 0.9, 0.8 … are 90 %, 88 % … likely.
    private let relevance = Relevance(fastOnly: .init(bias: 0, fast: 2.5), both: .init(bias: 0, fast: 0, evidence: 1))

    /// Six media in the Fast model's order 1 to 6; their clips have the same numbers.
    private func searcher(
        _ scores: [ClipID: Double] = [:], depth: Int = 4, isCalibrated: Bool = true, threshold: Double? = nil
    ) throws -> Searcher {
        var relevance = relevance
        relevance.threshold = threshold
        let library = try Library()
        for number in 1...6 {
            try library.add(["/v/\(number).mp4"], clips: [leaning(1 - Float(number) / 10)])
        }
        return try library.searcher(
            reranker: TableReranker(
                reranking: Reranking(depth: depth, beta: 0, relevance: isCalibrated ? relevance : nil), scores: scores))
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
        let answer = try searcher([1: -4, 2: 3]).search(request, progress: { seen.append($0.results.map(\.clip.id)) })
        // By the Fast score clips 1 to 3 are more than 84 % likely.
        #expect(seen == [[1, 2, 3], [2, 3], [2, 3]])
        #expect(answer.results.map(\.clip.id) == [2, 3])
    }

    @Test func `A query is found when its best clip is likely enough`() throws {
        let scores: [ClipID: Double] = [1: -4, 2: 3, 3: 0]
        func found(_ threshold: Double?, _ rerank: RerankOptions?, least: Double? = nil, offset: Int = 0) throws
            -> Bool?
        {
            let request = try SearchRequest(query: "q", offset: offset, rerank: rerank, minProbability: least)
            return try searcher(scores, threshold: threshold).search(request).isFound
        }
        // Re-ranked, the best is clip 2 with 95 %; by the Fast model clip 1 with 90 %.
        #expect(try found(0.95, RerankOptions()) == true)
        #expect(try found(0.96, RerankOptions()) == false)
        #expect(try found(0.9, nil) == true)
        #expect(try found(0.91, nil) == false)
        #expect(try found(nil, RerankOptions()) == nil)
        // Neither the page nor what is left out changes what the best is.
        #expect(try found(0.95, RerankOptions(), offset: 3) == true)
        #expect(try found(0.96, RerankOptions(), least: 0.9) == false)
        #expect(try found(0.95, RerankOptions(), least: 1) == true)
    }

    @Test func `Nothing is found where the filters let nothing through`() throws {
        let request = try SearchRequest(query: "q", filter: MediaFilter(pathPrefix: Array("/w/".utf8)))
        #expect(try searcher(threshold: 0.5).search(request).isFound == false)
        #expect(try searcher().search(request).isFound == nil)
        #expect(try searcher(isCalibrated: false).search(request).isFound == nil)
    }

    @Test func `Answers that improve say what is found by then`() throws {
        var seen: [Bool?] = []
        let request = try SearchRequest(query: "q", rerank: RerankOptions(depth: 2))
        let answer = try searcher([1: -4, 2: -3], threshold: 0.85).search(
            request, progress: { seen.append($0.isFound) })
        #expect(seen.first == true)
        #expect(seen.last == false && answer.isFound == false)
    }

    @Test func `Words that the model doesn't know make a clip less likely`() throws {
        let library = try Library()
        try library.add(["/v/1.mp4"], clips: [leaning(0.5)])
        let relevance = Relevance(
            fastOnly: .init(bias: 0, fast: 0), both: .init(bias: 0, fast: 0, length: 1, unknown: -2), threshold: 0.5)
        let searcher = try library.searcher(
            reranker: TableReranker(reranking: Reranking(depth: 4, beta: 0, relevance: relevance)))
        func answer(_ query: String) throws -> SearchAnswer {
            try searcher.search(SearchRequest(query: query, rerank: RerankOptions()))
        }
        #expect(try answer("one word").results[0].scores.probability == logistic(log(2)))
        #expect(try answer("one WORD").results[0].scores.probability == logistic(log(2) - 1))
        #expect(try answer("one WORD").isFound == false && answer("one word").isFound == true)
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
