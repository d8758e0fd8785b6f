import Search
import Testing

@Suite struct SearchRequestTests {
    private func refusal(_ make: () throws -> SearchRequest) -> SearchError? {
        do {
            _ = try make()
            return nil
        } catch {
            return error as? SearchError
        }
    }

    @Test(arguments: ["", " \n\t ", "\u{200B}", "\u{0}", "\u{3000}\u{FEFF}"])
    func `A blank query is refused`(query: String) {
        #expect(refusal { try SearchRequest(query: query) }?.code == .emptyQuery)
    }

    @Test(arguments: [1_001, 1 << 20])
    func `A long query is refused`(length: Int) {
        #expect(refusal { try SearchRequest(query: String(repeating: "é", count: length)) }?.code == .queryTooLong)
    }

    @Test func whatStandsAroundAQueryIsLeftOut() throws {
        #expect(try SearchRequest(query: " \u{200B}a dog\n").query == "a dog")
    }

    @Test func limitsThemselvesAreAllowed() throws {
        let request = try SearchRequest(
            query: "q", limit: 1_000, offset: 10_000,
            rerank: RerankOptions(depth: 1_000, beta: -1e6, deadline: 60_000), minProbability: 1)
        #expect(request.rerank?.deadline == .seconds(60))
    }

    @Test func requestsOutOfRangeAreRefusedByTheFieldsName() {
        let cases: [(() throws -> SearchRequest, SearchError.Code, String)] = [
            ({ try SearchRequest(query: "q", limit: 0) }, .invalidLimit, "limit"),
            ({ try SearchRequest(query: "q", limit: .max) }, .invalidLimit, "limit"),
            ({ try SearchRequest(query: "q", offset: -1) }, .invalidOffset, "offset"),
            ({ try SearchRequest(query: "q", offset: .max) }, .invalidOffset, "offset"),
            ({ try SearchRequest(query: "q", rerank: RerankOptions(depth: 0)) }, .invalidRerank, "rerank.depth"),
            ({ try SearchRequest(query: "q", rerank: RerankOptions(depth: 1_001)) }, .invalidRerank, "rerank.depth"),
            ({ try SearchRequest(query: "q", rerank: RerankOptions(beta: .infinity)) }, .invalidRerank, "rerank.beta"),
            ({ try SearchRequest(query: "q", rerank: RerankOptions(beta: .nan)) }, .invalidRerank, "rerank.beta"),
            (
                { try SearchRequest(query: "q", rerank: RerankOptions(deadline: -1)) }, .invalidRerank,
                "rerank.deadline_ms"
            ),
            (
                { try SearchRequest(query: "q", rerank: RerankOptions(deadline: .nan)) }, .invalidRerank,
                "rerank.deadline_ms"
            ),
        ]
        for (make, code, field) in cases {
            let error = refusal(make)
            #expect(error?.code == code)
            #expect(error?.message.hasPrefix("“\(field)” must be ") == true)
        }
    }

    @Test(arguments: [-0.1, 1.1, .nan, .infinity])
    func `A least probability that is none is refused`(least: Double) {
        #expect(refusal { try SearchRequest(query: "q", minProbability: least) }?.field == .minProbability)
    }
}
