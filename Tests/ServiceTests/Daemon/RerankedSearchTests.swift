import Catalog
import Foundation
import Ingest
import Models
import Search
import Service
import Testing

/// Re-ranking and probabilities between the query socket and the library.
struct RerankedSearchTests {
    private let calibration = Calibration(
        fastOnly: .init(bias: -1, fast: 0, slow: 0), both: .init(bias: 0, fast: 0, slow: 1))

    private func refusal(_ body: () async throws -> Void) async -> APIError? {
        do {
            try await body()
            return nil
        } catch {
            return error as? APIError
        }
    }

    @Test func `a search is re-ranked unless it says otherwise`() async throws {
        let indexed = try await IndexedLibrary(videos: 4, reranker: ReversingReranker())
        let answer = try await indexed.backend.search(API.SearchRequest(query: "grey"))
        let clips = answer.results.map(\.clip)
        #expect(clips.count == 4)
        #expect(clips == clips.sorted(by: >))
        #expect(answer.stage == .slow)
        #expect(answer.rescored == 4)
        #expect(answer.isFinal == nil)
        for result in answer.results {
            let slow = try #require(result.scores.slow)
            #expect(slow == Double(result.clip))
            #expect(result.score == slow + 0.5 * result.scores.fast)
            #expect(result.scores.combined == result.score)
            #expect(result.probability == nil)
        }
        let fast = try await indexed.backend.search(API.SearchRequest(query: "grey", rerank: .off))
        #expect(fast.results.map(\.clip) == clips.reversed())
        #expect(fast.stage == .fast)
        #expect(fast.rescored == 0)
        #expect(fast.results.allSatisfy { $0.scores.slow == nil && $0.score == $0.scores.fast })
        #expect(fast.timings.rerank == 0)
        indexed.library.close()
    }

    @Test func `the request's depth, weight and deadline reach the re-ranker`() async throws {
        let indexed = try await IndexedLibrary(videos: 4, reranker: ReversingReranker())
        let two = try await indexed.backend.search(
            API.SearchRequest(query: "grey", rerank: .on(.init(k: 2, beta: -3, deadline: 60_000))))
        #expect(two.rescored == 2)
        #expect(two.stage == .slow)
        let best = try #require(two.results.first)
        #expect(best.score == Double(best.clip) - 3 * best.scores.fast)
        let none = try await indexed.backend.search(
            API.SearchRequest(query: "grey", rerank: .on(.init(deadline: 0))))
        #expect(none.rescored == 0)
        #expect(none.stage == .fast)
        indexed.library.close()
    }

    @Test func `grouping by media leaves one clip of each`() async throws {
        let indexed = try await IndexedLibrary(videos: 3, seconds: 25, reranker: ReversingReranker())
        let clips = try await indexed.backend.search(API.SearchRequest(query: "grey", group: .clip))
        #expect(clips.results.count == 9)
        let media = try await indexed.backend.search(API.SearchRequest(query: "grey", group: .media))
        #expect(media.results.count == 3)
        #expect(Set(media.results.map(\.media.id)).count == 3)
        indexed.library.close()
    }

    @Test func `unlikely clips are left out, and an empty answer is no error`() async throws {
        let indexed = try await IndexedLibrary(videos: 3, reranker: ReversingReranker(calibration: calibration))
        let all = try await indexed.backend.search(API.SearchRequest(query: "grey", minProbability: 0.5))
        #expect(all.results.count == 3)
        let best = try #require(all.results.first)
        #expect(best.probability == 1 / (1 + exp(-Double(best.clip))))
        let fast = try await indexed.backend.search(
            API.SearchRequest(query: "grey", rerank: .off, minProbability: 0.5))
        #expect(fast.results.isEmpty)
        #expect(fast.clips == 3)
        indexed.library.close()
    }

    @Test(arguments: [true, false])
    func `a model that isn't calibrated says so to who asks for a probability`(hasSlow: Bool) async throws {
        let indexed = try await IndexedLibrary(reranker: hasSlow ? ReversingReranker() : nil)
        let request = API.SearchRequest(query: "grey", minProbability: 0.5)
        let error = await refusal { _ = try await indexed.backend.search(request) }
        #expect(error?.code == .invalidRequest)
        #expect(error?.message.contains("calibrated") == true)
        indexed.library.close()
    }
}
