import Models
import Search
import Synchronization
import SystemPackage
import Testing

/// Scores a clip by its first stored byte; 255 there is another model's.
private final class ByteScorer: PairScorer {
    let modelDigest = "axes"
    let blanks = Mutex(0)
    let batches = Mutex<[Int]>([])

    func pieces(of query: String) -> QueryPieces {
        QueryPieces(count: query == "unreadable" ? 0 : query.split(separator: " ").count)
    }

    func scores(of query: String, features: [[UInt8]]) throws -> [Float?] {
        batches.withLock { $0.append(features.count) }
        return features.map { bytes in
            switch bytes[0] {
            case 255: nil
            case 254: .nan
            default: Float(bytes[0])
            }
        }
    }

    func blankScore(of query: String) throws -> Float {
        blanks.withLock { $0 += 1 }
        return 2
    }
}

@Suite struct StoredFeatureRerankerTests {
    private let library: Library
    private let scorer = ByteScorer()

    init() throws { library = try Library(storesRerankFeatures: true) }

    /// A media item for each byte, in the order of their cosines; nil stores nothing.
    private func add(_ stored: [UInt8?]) throws {
        for (number, byte) in stored.enumerated() {
            try library.add(
                ["/v/\(number).mp4"], clips: [leaning(1 - Float(number) / 100)], rerankFeatures: byte.map { [$0] })
        }
    }

    private func reranker(_ reranking: Reranking? = nil) -> StoredFeatureReranker {
        StoredFeatureReranker(scorer: scorer, reranking: reranking, rows: library.catalog) { _ in }
    }

    private func search(_ query: String, _ reranker: StoredFeatureReranker, depth: Int = 64) throws -> SearchAnswer {
        try library.searcher(reranker: reranker).search(
            SearchRequest(query: query, rerank: RerankOptions(depth: depth)))
    }

    @Test func `Clips are put in the order of their pairs' scores, and what has no usable bytes keeps its place below`()
        throws
    {
        try add([3, 255, 9, nil, 254, 5])
        let answer = try search("axis 0", reranker(Reranking(depth: 8, beta: 0)))
        #expect(answer.results.map(\.scores.slow) == [9, 5, 3, nil, nil, nil])
        #expect(answer.paths.suffix(3) == ["/v/1.mp4", "/v/3.mp4", "/v/4.mp4"])
        #expect(scorer.blanks.withLock { $0 } == 1)
    }

    @Test func `β weighs the cosine, and the probability is of what the clip adds to nothing`() throws {
        try add([7])
        let relevance = Relevance(
            fastOnly: .init(bias: 0, fast: 1), both: .init(bias: -1, fast: 2, evidence: 0.5, length: -0.25))
        let answer = try search("axis 0", reranker(Reranking(depth: 8, beta: 3, relevance: relevance)))
        let scores = try #require(answer.results.first).scores
        #expect(abs(scores.combined - (7 + 3 * scores.fast)) < 1e-9)
        let expected = relevance.probability(fast: scores.fast, evidence: 7 - 2, of: QueryPieces(count: 2))
        #expect(scores.probability == expected)
    }

    @Test func `A query that the scorer can't read leaves the order as it is, and reads nothing`() throws {
        try add([1, 2, 3])
        let answer = try search("unreadable", reranker())
        #expect(answer.results.allSatisfy { $0.scores.slow == nil })
        #expect(scorer.batches.withLock { $0 }.isEmpty)
    }

    @Test func `Many clips are scored in batches, and the blank once`() throws {
        try add((0..<40).map { UInt8($0) })
        let answer = try search("axis 0", reranker())
        #expect(answer.reranked == 40)
        #expect(scorer.batches.withLock { $0 } == [16, 16, 8])
        #expect(scorer.blanks.withLock { $0 } == 1)
    }

    @Test func `Without usable bytes nothing is scored, not even the blank`() throws {
        try add([255, nil])
        #expect(try search("axis 0", reranker()).results.allSatisfy { $0.scores.slow == nil })
        #expect(scorer.blanks.withLock { $0 } == 0)
    }

    @Test func `A model without a scorer has no re-ranker`() throws {
        struct Clips: ClipEncoder {
            var input: FrameInput { fatalError("nobody decodes here") }
            let framesPerClip = 1
            let dimensions = 8
            let modelDigest = "axes"
            func encode(clips: [[RGBImage]]) throws -> [EncodedClip] { [] }
        }
        var model = LoadedModel(
            name: "axes", directory: "/nowhere", architecture: "axes", clips: Clips(), queries: AxisEncoder())
        #expect(StoredFeatureReranker(model, rows: library.catalog) { _ in } == nil)
        #expect(!model.storesRerankFeatures)
        model.scorer = scorer
        #expect(StoredFeatureReranker(model, rows: library.catalog) { _ in }?.reranking == .untuned)
        #expect(model.storesRerankFeatures)
    }
}
