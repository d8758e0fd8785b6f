import Foundation
import Models
import SystemPackage
import TestSupport
import Testing

@Suite struct RerankingFileTests {
    private static let one = """
        {"depth": 32, "beta": 2.5,
         "calibration": {"both": {"bias": -7.5, "fast": 9, "slow": 0.75}, "fast_only": {"bias": -8, "fast": 10.5, "slow": 0}}}
        """
    private static let two = """
        {"format": 2, "depth": 32, "short_depth": 128, "beta": 2.5, "end_weight": 0.25, "relevance": {"threshold": 0.25,
         "both": {"bias": -7.5, "fast": 9, "evidence": 0.75, "length": 0.5, "unknown": -2},
         "fast_only": {"bias": -8, "fast": 10.5, "evidence": 0, "length": 0.125, "unknown": -1}}}
        """

    private static let three =
        two.replacing("\"format\": 2", with: "\"format\": 3").replacing("2.5", with: "2.5, \"short_beta\": 1.25")

    private func read(_ text: String) throws -> Reranking {
        let folder = try TemporaryDirectory()
        return try Reranking(contentsOf: folder.write(Data(text.utf8), to: "reranking.json"))
    }

    @Test func `Format 1 has the end weigh as a word, one depth, and probabilities that find nothing absent`() throws {
        let found = try read(Self.one)
        #expect(
            found
                == Reranking(
                    depth: 32, shortDepth: 32, beta: 2.5, endWeight: 1,
                    relevance: Relevance(
                        fastOnly: .init(bias: -8, fast: 10.5), both: .init(bias: -7.5, fast: 9, evidence: 0.75))))
        #expect(found.relevance?.isFound(best: 0.99) == nil)
        #expect(try read(#"{"depth": 8, "beta": 0}"#) == Reranking(depth: 8, beta: 0))
        #expect(try read(#"{"format": 1, "depth": 8, "beta": 0}"#) == Reranking(depth: 8, beta: 0))
    }

    @Test func `Format 2 has one β, and format 3 is read as it is written`() throws {
        let found = try read(Self.two)
        let relevance = Relevance(
            fastOnly: .init(bias: -8, fast: 10.5, length: 0.125, unknown: -1),
            both: .init(bias: -7.5, fast: 9, evidence: 0.75, length: 0.5, unknown: -2), threshold: 0.25)
        #expect(
            found == Reranking(depth: 32, shortDepth: 128, beta: 2.5, endWeight: 0.25, relevance: relevance))
        #expect(found.shortBeta == 2.5)
        let latest = try read(Self.three)
        #expect(
            latest
                == Reranking(
                    depth: 32, shortDepth: 128, beta: 2.5, shortBeta: 1.25, endWeight: 0.25, relevance: relevance))
        let folder = try TemporaryDirectory()
        for reranking in [found, latest, try read(Self.one), .untuned] {
            let path = folder.path.appending("reranking.json")
            try reranking.write(to: path)
            #expect(try Reranking(contentsOf: path) == reranking)
            #expect(try String(contentsOfFile: path.string, encoding: .utf8).contains("\"format\" : 3"))
        }
    }

    @Test(arguments: [
        ("no JSON", "isn't a model's reranking.json"),
        ("{}", "isn't a model's reranking.json"),
        (
            #"{"format": 4, "depth": 8, "beta": 0}"#,
            "has format 4 and this program reads formats 1 to 3; update saccade"
        ),
        (#"{"format": 0, "depth": 8, "beta": 0}"#, "has format 0"),
        (#"{"format": "2", "depth": 8, "beta": 0}"#, "isn't a model's reranking.json"),
        (#"{"format": 2, "depth": 8, "beta": 0}"#, "isn't a model's reranking.json"),
        (two.replacing("\"format\": 2", with: "\"format\": 3"), "isn't a model's reranking.json"),
        (three.replacing("1.25", with: "1e999"), "isn't a model's reranking.json"),
        (#"{"depth": 0, "beta": 0}"#, "isn't a model's reranking.json"),
        (#"{"depth": 1001, "beta": 0}"#, "isn't a model's reranking.json"),
        (two.replacing("128", with: "0"), "isn't a model's reranking.json"),
        (two.replacing("\"end_weight\": 0.25", with: "\"end_weight\": 1.5"), "isn't a model's reranking.json"),
        (two.replacing("\"threshold\": 0.25", with: "\"threshold\": -1"), "isn't a model's reranking.json"),
        (two.replacing("\"unknown\": -2", with: "\"unknown\": 1e999"), "isn't a model's reranking.json"),
        (one.replacing("\"slow\": 0.75", with: "\"slow\": null"), "isn't a model's reranking.json"),
        (two + String(repeating: " ", count: 1 << 16), "isn't a model's reranking.json"),
    ])
    func `What can't be read is refused with the file's name and what to do`(text: String, words: String) {
        #expect { try read(text) } throws: { "\($0)".contains(words) && "\($0)".contains("reranking.json: ") }
    }

    @Test func `Truncated files are refused`() {
        for length in 0..<Self.three.utf8.count {
            #expect(throws: ModelError.self) { try read(String(Self.three.prefix(length))) }
        }
    }

    @Test func `Four word pieces are a short query`() {
        let reranking = Reranking(depth: 32, shortDepth: 128, beta: 2, shortBeta: 1)
        #expect([1, 4, 5, 40].map { reranking.depth(of: QueryPieces(count: $0)) } == [128, 128, 32, 32])
        #expect([1, 4, 5, 40].map { reranking.beta(of: QueryPieces(count: $0)) } == [1, 1, 2, 2])
    }

    @Test func `A probability is the logistic of cosine, evidence, length and unknown words`() throws {
        let relevance = try #require(try read(Self.two).relevance)
        let query = QueryPieces(count: 4, unknown: 1)
        let both = -7.5 + 9 * 0.5 + 0.75 * 2 + 0.5 * log(4) - 2 / 4.0
        #expect(abs(relevance.probability(fast: 0.5, evidence: 2, of: query) - 1 / (1 + exp(-both))) < 1e-15)
        let fast = -8 + 10.5 * 0.5 + 0.125 * log(4) - 1 / 4.0
        #expect(abs(relevance.probability(fast: 0.5, evidence: nil, of: query) - 1 / (1 + exp(-fast))) < 1e-15)
        // Nothing to read is no division by zero.
        #expect(relevance.probability(fast: 0, evidence: nil, of: QueryPieces(count: 0)).isFinite)
        #expect([0.25, 0.2499, nil].map { relevance.isFound(best: $0) } == [true, false, false])
    }
}
