import Catalog
import Models
import Search
import Testing

@Suite struct RerankingTests {
    /// Six media in the Fast model's order 1 to 6; their clips have the same numbers.
    private func library() throws -> Library {
        let library = try Library()
        for number in 1...6 {
            try library.add(["/v/\(number).mp4"], clips: [leaning(1 - Float(number) / 10)])
        }
        return library
    }

    @Test func `The best candidates are ordered by the Slow score, and the rest follows`() throws {
        let searcher = try library().searcher(reranker: TableReranker(scores: [1: -4, 2: -3, 3: -1, 4: -2, 5: 0]))
        let answer = try searcher.search(SearchRequest(query: "q", rerank: RerankOptions()))
        #expect(answer.results.map(\.clip.id) == [3, 4, 2, 1, 5, 6])
        #expect(answer.results.map(\.scores.slow) == [-1, -2, -3, -4, nil, nil])
        #expect(answer.stage == .slow)
        #expect(answer.reranked == 4)
    }

    @Test func `Depth and weight come from the request`() throws {
        let searcher = try library().searcher(reranker: TableReranker(scores: [1: -4, 2: -3, 3: -1]))
        let two = try searcher.search(SearchRequest(query: "q", rerank: RerankOptions(depth: 2)))
        #expect(two.results.map(\.clip.id) == [2, 1, 3, 4, 5, 6])
        let fast = try searcher.search(SearchRequest(query: "q", rerank: RerankOptions(depth: 3, beta: 1_000)))
        #expect(fast.results.map(\.clip.id) == [1, 2, 3, 4, 5, 6])
    }

    @Test func `A short query has its own depth, and a request's depth wins`() throws {
        var reranker = TableReranker()
        reranker.reranking.shortDepth = 6
        let searcher = try library().searcher(reranker: reranker)
        func reranked(_ query: String, depth: Int? = nil) throws -> Int {
            try searcher.search(SearchRequest(query: query, rerank: RerankOptions(depth: depth))).reranked
        }
        #expect(try reranked("q") == 6)
        #expect(try reranked("four words are short") == 6)
        #expect(try reranked("five words are not short") == 4)
        #expect(try reranked("q", depth: 2) == 2)
        #expect(try reranked("five words are not short", depth: 5) == 5)
    }

    @Test func `Pages of a re-ranked answer follow each other`() throws {
        let searcher = try library().searcher(reranker: TableReranker(scores: [1: -4, 2: -3, 3: -1, 4: -2]))
        var pages: [ClipID] = []
        for offset in [0, 2, 4] {
            let request = try SearchRequest(query: "q", limit: 2, offset: offset, rerank: RerankOptions())
            pages += try searcher.search(request).results.map(\.clip.id)
        }
        #expect(pages == [3, 4, 2, 1, 5, 6])
    }

    @Test func `What wasn't reached before the deadline keeps its order`() throws {
        let table: [ClipID: Double] = [1: -4, 2: -3, 3: -1, 4: -2]
        let partial = try library().searcher(reranker: TableReranker(scores: table, reach: 2))
            .search(SearchRequest(query: "q", rerank: RerankOptions()))
        #expect(partial.stage == .partial)
        #expect(partial.reranked == 2)
        #expect(partial.results.map(\.clip.id) == [2, 1, 3, 4, 5, 6])
        let fast = try library().searcher(reranker: TableReranker(scores: table, reach: 0))
            .search(SearchRequest(query: "q", rerank: RerankOptions()))
        #expect(fast.stage == .fast)
        #expect(fast.results.map(\.clip.id) == [1, 2, 3, 4, 5, 6])
    }

    @Test func `Progress begins with the Fast answer`() throws {
        let searcher = try library().searcher(reranker: TableReranker(scores: [1: -4, 2: -3]))
        var seen: [(SearchStage, [ClipID])] = []
        let request = try SearchRequest(query: "q", limit: 2, rerank: RerankOptions(depth: 2))
        let answer = try searcher.search(request, progress: { seen.append(($0.stage, $0.results.map(\.clip.id))) })
        #expect(seen.first.map { $0.0 } == .fast)
        #expect(seen.first.map { $0.1 } == [1, 2])
        #expect(answer.results.map(\.clip.id) == [2, 1])
    }

    @Test func `Without a re-ranker the Fast order is the answer`() throws {
        let answer = try library().searcher().search(SearchRequest(query: "q", rerank: RerankOptions()))
        #expect(answer.stage == .fast)
        #expect(answer.results.count == 6)
    }
}
