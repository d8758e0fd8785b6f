import Daemon
import Library
import API
import Foundation
import Models
import Search
import Synchronization
import SystemPackage
import TestSupport
import Testing

/// Re-ranking, probabilities, streams and descriptions between the query socket and the library.
struct RerankedSearchTests {
    private let calibrated = Reranking(
        depth: 32, beta: 0.5,
        relevance: Relevance(
            fastOnly: .init(bias: -1, fast: 0), both: .init(bias: 0, fast: 0, evidence: 1), threshold: 0.5))

    private func refusal(_ body: () async throws -> Void) async -> APIError? {
        do {
            try await body()
            return nil
        } catch {
            return error as? APIError
        }
    }

    private func collect(
        _ answers: AsyncThrowingStream<API.SearchResponse, any Error>
    ) async throws -> [API.SearchResponse] {
        var all: [API.SearchResponse] = []
        for try await answer in answers { all.append(answer) }
        return all
    }

    @Test func `a search is re-ranked unless it says otherwise`() async throws {
        let indexed = try await IndexedLibrary(videos: 4, reranker: ReversingReranker())
        let answer = try await indexed.backend.search(API.SearchRequest(query: "grey"))
        let clips = answer.results.map(\.clip)
        #expect(clips.count == 4)
        #expect(clips == clips.sorted(by: >))
        #expect(answer.stage == .slow)
        #expect(answer.reranked == 4)
        #expect(answer.isFinal == nil)
        for result in answer.results {
            let slow = try #require(result.scores.slow)
            #expect(slow == Double(result.clip))
            #expect(result.score == slow + 0.5 * result.scores.fast)
            #expect(result.probability == nil)
        }
        let fast = try await indexed.backend.search(API.SearchRequest(query: "grey", rerank: .off))
        #expect(fast.results.map(\.clip) == clips.reversed())
        #expect(fast.stage == .fast)
        #expect(fast.reranked == 0)
        #expect(fast.results.allSatisfy { $0.scores.slow == nil && $0.score == $0.scores.fast })
        #expect(fast.timings.rerank == 0)
        indexed.library.close()
    }

    @Test func `the request's depth, weight and deadline reach the re-ranker`() async throws {
        let indexed = try await IndexedLibrary(videos: 4, reranker: ReversingReranker())
        let two = try await indexed.backend.search(
            API.SearchRequest(query: "grey", rerank: .on(.init(depth: 2, beta: -3, deadline: 60_000))))
        #expect(two.reranked == 2)
        #expect(two.stage == .slow)
        let best = try #require(two.results.first)
        #expect(best.score == Double(best.clip) - 3 * best.scores.fast)
        let none = try await indexed.backend.search(
            API.SearchRequest(query: "grey", rerank: .on(.init(deadline: 0))))
        #expect(none.reranked == 0)
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
        let indexed = try await IndexedLibrary(videos: 3, reranker: ReversingReranker(reranking: calibrated))
        let all = try await indexed.backend.search(API.SearchRequest(query: "grey", minProbability: 0.5))
        #expect(all.results.count == 3)
        #expect(all.found == true)
        let best = try #require(all.results.first)
        #expect(best.probability == 1 / (1 + exp(-Double(best.clip))))
        let fast = try await indexed.backend.search(
            API.SearchRequest(query: "grey", rerank: .off, minProbability: 0.5))
        #expect(fast.results.isEmpty)
        #expect(fast.found == false)
        #expect(fast.clips == 3)
        let plain = try await IndexedLibrary(reranker: ReversingReranker())
        #expect(try await plain.backend.search(API.SearchRequest(query: "grey")).found == nil)
        plain.library.close()
        indexed.library.close()
    }

    @Test(arguments: [true, false])
    func `a model that isn't calibrated says so to who asks for a probability`(hasSlow: Bool) async throws {
        let indexed = try await IndexedLibrary(reranker: hasSlow ? ReversingReranker() : nil)
        let request = API.SearchRequest(query: "grey", minProbability: 0.5)
        for error in [
            await refusal { _ = try await indexed.backend.search(request) },
            await refusal { _ = try await collect(indexed.backend.searchStream(request) { true }) },
        ] {
            #expect(error?.code == .invalidRequest)
            #expect(error?.message.contains("calibrated") == true)
        }
        indexed.library.close()
    }

    @Test func `a stream goes from the Fast order to the re-ranked one`() async throws {
        let indexed = try await IndexedLibrary(videos: 4, reranker: ReversingReranker())
        let request = API.SearchRequest(query: "grey", stream: true)
        let answers = try await collect(indexed.backend.searchStream(request) { true })
        #expect(answers.map(\.stage) == [.fast, .partial, .slow, .slow])
        #expect(answers.map(\.reranked) == [0, 2, 4, 4])
        #expect(answers.map(\.isFinal) == [false, false, false, true])
        let whole = try await indexed.backend.search(API.SearchRequest(query: "grey"))
        #expect(answers.last?.results == whole.results)
        #expect(answers.first?.results == whole.results.reversed().map(withoutSlowScore))
        #expect(answers.allSatisfy { $0.found == nil })
        let telling = try await IndexedLibrary(videos: 4, reranker: ReversingReranker(reranking: calibrated))
        let said = try await collect(telling.backend.searchStream(request) { true })
        #expect(said.map(\.found) == [false, true, true, true])
        telling.library.close()
        let totals = answers.map(\.timings.total)
        #expect(totals == totals.sorted())
        indexed.library.close()
    }

    private func withoutSlowScore(_ result: API.SearchResult) -> API.SearchResult {
        var result = result
        result.scores = API.SearchScores(fast: result.scores.fast)
        result.score = result.scores.fast
        return result
    }

    @Test func `a stream of a search that isn't re-ranked is its final answer`() async throws {
        let indexed = try await IndexedLibrary(reranker: ReversingReranker())
        let request = API.SearchRequest(query: "grey", rerank: .off, stream: true)
        #expect(try await collect(indexed.backend.searchStream(request) { true }).map(\.isFinal) == [true])
        indexed.library.close()
    }

    @Test func `a slow reader misses improvements, never the final answer`() async throws {
        let indexed = try await IndexedLibrary(reranker: ReversingReranker(batches: 40))
        let asked = Observed(0)
        let answers = indexed.backend.searchStream(API.SearchRequest(query: "grey")) {
            asked.change { $0 += 1 }
            return true
        }
        // The Fast answer, forty improvements, the final answer.
        try await asked.wait { $0 >= 42 }
        let read = try await collect(answers)
        #expect(read.count < 42)
        #expect(read.count { $0.isFinal == true } == 1)
        #expect(read.last?.isFinal == true)
        indexed.library.close()
    }

    @Test func `a search that nobody wants any more ends at its next batch`() async throws {
        let batches = Mutex(0)
        let reranker = ReversingReranker(batches: 1_000_000) { _ in batches.withLock { $0 += 1 } }
        let indexed = try await IndexedLibrary(reranker: reranker)
        let answers = indexed.backend.searchStream(API.SearchRequest(query: "grey")) {
            batches.withLock { $0 } < 3
        }
        await #expect(throws: CancellationError.self) { _ = try await collect(answers) }
        #expect(batches.withLock { $0 } == 3)
        indexed.library.close()
    }

    @Test(.timeLimit(.minutes(5)))
    func `a stream that is dropped ends its search`() async throws {
        let (ended, ending) = AsyncStream<Void>.makeStream()
        let reranker = ReversingReranker(batches: 1_000_000_000, onEnd: { ending.finish() })
        let indexed = try await IndexedLibrary(reranker: reranker)
        do {
            let answers = indexed.backend.searchStream(API.SearchRequest(query: "grey")) { true }
            for try await _ in answers { break }
        }
        for await _ in ended {}
        indexed.library.close()
    }

    @Test func `an error after the first answer ends the stream`() async throws {
        let reranker = ReversingReranker { batch in
            if batch == 1 { throw SearchError(.unusableEmbedding, "it broke") }
        }
        let indexed = try await IndexedLibrary(videos: 2, reranker: reranker)
        var stages: [API.SearchStage] = []
        await #expect(throws: SearchError.self) {
            for try await answer in indexed.backend.searchStream(API.SearchRequest(query: "grey"), while: { true }) {
                stages.append(answer.stage)
            }
        }
        #expect(stages == [.fast, .partial])
        indexed.library.close()
    }

    @Test func `a clip is described from its memory`() async throws {
        let indexed = try await IndexedLibrary(model: ConstantModel(rerankFeatures: [7, 8])) { features in
            Caption(sentence: "there are \(features.count) bytes", score: -1.25)
        }
        let clip = try await indexed.clip()
        let description = try await indexed.backend.description(ofClip: clip)
        #expect(description == API.ClipDescription(clip: clip, description: "there are 2 bytes", score: -1.25))
        #expect(await refusal { _ = try await indexed.backend.description(ofClip: 999) }?.code == .clipNotFound)
        // The media isn't needed.
        try FileManager.default.removeItem(atPath: indexed.video.string)
        #expect(try await indexed.backend.description(ofClip: clip) == description)
        indexed.library.close()
    }

    @Test func `what can't be described says why`() async throws {
        let silent = try await IndexedLibrary(model: ConstantModel(rerankFeatures: [7, 8]))
        let forgetful = try await IndexedLibrary { _ in Caption(sentence: "never", score: 0) }
        let confused = try await IndexedLibrary(model: ConstantModel(rerankFeatures: [7, 8])) { _ in
            throw ModelError(.malformed, "the stored features aren't of this model")
        }
        let replaced = try await IndexedLibrary(
            model: ConstantModel(rerankFeatures: [7, 8]), describingModel: "decade"
        ) { _ in Caption(sentence: "never", score: 0) }
        let cases = [
            (silent, "writes no sentences"), (forgetful, "no rerank features"), (replaced, "no rerank features"),
            (confused, "aren't of this"),
        ]
        for (indexed, word) in cases {
            let clip = try await indexed.clip()
            let error = await refusal { _ = try await indexed.backend.description(ofClip: clip) }
            #expect(error?.code == .noDescription)
            #expect(error?.message.contains(word) == true)
            indexed.library.close()
        }
    }
}
