import Foundation
import Models
import SystemPackage
import Testing

/// What the shipped model answers, beside what it answered when its fixture was made.
///
/// `Fixtures/saccade-small/answers.json` and the stored features beside it were written by this suite, run with
/// `SACCADE_WRITE_ANSWERS=1`, when the shipped weights changed last. Write them anew only when those change.
@Suite struct SaccadeSmallTests {
    static let folder = FilePath(repositoryFile("models/saccade-small"))

    /// Vectors are of length 1 and scores some units of log-likelihood. The processor that made the fixture gives these very bits
    /// again; another one's kernels add in another order, which moves the seventh digit.
    private static let tolerance = 1e-5
    /// Of what layers in 8 bits compute: the last digit of an input may differ from processor to processor, and with it which way it is rounded.
    private static let packedTolerance = 5e-3

    private static let queries = [
        "a red ball on a green field", "two dogs run over a lawn", "a man playing guitar on stage", "blue",
        "Stripes, black & white; moving slowly to the right!", "naïve 東京 \u{1F600}",
    ]

    struct Answers: Codable {
        var embeddings: [[Float]]
        var vectors: [[Float]]
        /// By precision, clip, query: of the stored features beside this file.
        var scores: [String: [[Float]]]
        /// Of each query with nothing in sight.
        var blank: [Float]
        /// By clip and query, from the scores of the full features.
        var probabilities: [[Double]]
        /// Of each clip, from its full features.
        var sentences: [String]
        var sentenceScores: [Double]
    }

    /// A still picture and a clip of eight frames, drawn with whole numbers only.
    static let clips: [[RGBImage]] = [
        [picture { x, y in [UInt8((x * 3 + y * 5) % 256), UInt8(x * y / 32 % 256), UInt8((x + y) / 2)] }],
        (0..<8).map { frame in
            picture { x, y in
                let (dx, dy) = (x - 40 - 25 * frame, y - 128)
                return dx * dx + dy * dy < 1_600 ? [210, 30, 20] : [40, UInt8(110 + y / 4), 50]
            }
        },
    ]

    private static func picture(_ colour: (_ x: Int, _ y: Int) -> [UInt8]) -> RGBImage {
        RGBImage(
            width: 256, height: 256,
            pixels: (0..<256).flatMap { y in (0..<256).flatMap { x in colour(x, y) } })
    }

    // The model as this suite asks it.

    private static let full = Result { try LoadedModel.load(folder) }
    private static let compact = Result { try LoadedModel.load(folder, precision: .compact) }

    private static func encoded(_ precision: String) throws -> [EncodedClip] {
        try (precision == "full" ? full : compact).get().clips.encode(clips: clips)
    }

    private static func features(_ clip: EncodedClip) throws -> [UInt8] { try #require(clip.rerankFeatures) }

    private static func vector(_ query: String) throws -> [Float] { try full.get().queries.embed(query: query) }

    private static func scores(_ query: String, _ features: [[UInt8]]) throws -> [Float] {
        let scorer = try #require(try full.get().scorer)
        #expect(scorer.canRead(query))
        return try scorer.scores(of: query, features: features).map { try #require($0) }
    }

    private static func blank(_ query: String) throws -> Float {
        try #require(try full.get().scorer).blankScore(of: query)
    }

    private static func sentence(_ features: [UInt8]) throws -> (sentence: String, score: Double) {
        let caption = try #require(try full.get().captioner).caption(features)
        return (caption.sentence, caption.score)
    }

    private static func reranking() throws -> Reranking { try #require(try full.get().reranking) }

    // What is compared.

    private static let precisions = ["full", "compact"]

    private static func stored(_ precision: String, clip: Int) throws -> [UInt8] {
        try fixtureContent("saccade-small/\(precision)-\(clip).features")
    }

    private static func probability(
        _ query: String, _ clip: [Float], _ vector: [Float], score: Float, blank: Float
    ) throws -> Double {
        let cosine = zip(clip, vector).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
        let pieces = try #require(try full.get().scorer).pieces(of: query)
        return try #require(try reranking().relevance).probability(
            fast: cosine, evidence: Double(score - blank), of: pieces)
    }

    /// Everything that the model answers, the scores being those of the given features.
    private static func answers(_ stored: [String: [[UInt8]]]) throws -> Answers {
        let embeddings = try encoded("full").map(\.embedding)
        let vectors = try queries.map(vector)
        let blank = try queries.map(blank)
        let scores = try stored.mapValues { features in
            let columns = try queries.map { try Self.scores($0, features) }
            return features.indices.map { clip in columns.map { $0[clip] } }
        }
        let full = try #require(scores["full"])
        let sentences = try #require(stored["full"]).map(sentence)
        return Answers(
            embeddings: embeddings, vectors: vectors, scores: scores, blank: blank,
            probabilities: try full.indices.map { clip in
                try queries.indices.map { query in
                    try probability(
                        queries[query], embeddings[clip], vectors[query], score: full[clip][query], blank: blank[query])
                }
            },
            sentences: sentences.map(\.sentence), sentenceScores: sentences.map(\.score))
    }

    private static func expected() throws -> Answers {
        try JSONDecoder().decode(Answers.self, from: Data(fixtureContent("saccade-small/answers.json")))
    }

    private static func difference(_ found: [[Float]], _ expected: [[Float]]) -> Double {
        guard found.map(\.count) == expected.map(\.count) else { return .infinity }
        return zip(found.joined(), expected.joined()).reduce(0) { worst, pair in
            pair.0.isFinite ? max(worst, Double(abs(pair.0 - pair.1))) : .infinity
        }
    }

    @Test func `It answers as it did when the fixture was made`() throws {
        if ProcessInfo.processInfo.environment["SACCADE_WRITE_ANSWERS"] != nil { try Self.write() }
        var stored: [String: [[UInt8]]] = [:]
        for precision in Self.precisions {
            stored[precision] = try Self.clips.indices.map { try Self.stored(precision, clip: $0) }
        }
        let (found, expected) = (try Self.answers(stored), try Self.expected())
        #expect(Self.difference(found.embeddings, expected.embeddings) <= Self.tolerance)
        #expect(Self.difference(found.vectors, expected.vectors) <= Self.packedTolerance)
        for precision in Self.precisions {
            let (now, then) = (try #require(found.scores[precision]), try #require(expected.scores[precision]))
            #expect(Self.difference(now, then) <= Self.tolerance, "\(precision)")
        }
        #expect(Self.difference([found.blank], [expected.blank]) <= Self.tolerance)
        for (now, then) in zip(found.probabilities.joined(), expected.probabilities.joined()) {
            #expect(abs(now - then) <= 2 * Self.packedTolerance)
        }
        #expect(found.sentences == expected.sentences)
        for (now, then) in zip(found.sentenceScores, expected.sentenceScores) {
            #expect(abs(now - then) <= Self.tolerance)
        }
    }

    /// A number that lies between two steps may go to the other one on another processor: one in a hundred, at most.
    @Test(arguments: precisions)
    func `What it stores of a clip is what it stored`(precision: String) throws {
        for (clip, found) in try Self.encoded(precision).map(Self.features).enumerated() {
            let stored = try Self.stored(precision, clip: clip)
            #expect(found.count == stored.count)
            let changed = zip(found, stored).count { $0 != $1 }
            #expect(changed * 100 <= stored.count, "\(changed) of \(stored.count) bytes of clip \(clip)")
            for query in Self.queries {
                let pair = try Self.scores(query, [found, stored])
                #expect(abs(pair[0] - pair[1]) < 1e-3)
            }
        }
    }

    @Test func `Pictures and clips that it doesn't take are refused, and bytes that aren't its own have no score`()
        throws
    {
        let model = try Self.full.get()
        let small = RGBImage(width: 128, height: 256, pixels: [UInt8](repeating: 0, count: 128 * 256 * 3))
        #expect {
            try model.clips.encode(clips: [[small]])
        } throws: { "\($0)".contains("128×256") && "\($0)".contains("256×256") }
        for clip in [[], [RGBImage](repeating: Self.clips[0][0], count: 9)] {
            #expect(throws: ModelError.self) { try model.clips.encode(clips: [clip]) }
        }
        let scorer = try #require(model.scorer)
        let stored = try Self.stored("full", clip: 0)
        let scores = try scorer.scores(of: "blue", features: [[], stored, Array(stored.dropLast()), [1, 2, 3]])
        #expect(scores.map { $0 != nil } == [false, true, false, false])
        #expect(try scorer.scores(of: "blue", features: []).isEmpty)
        #expect(!scorer.canRead(""))
        #expect(throws: ModelError.self) { try model.captioner?.caption([1, 2, 3]) }
    }

    private static func write() throws {
        let folder = URL(filePath: fixture("saccade-small").string)
        let repository = URL(filePath: repositoryFile("Tests/ModelsTests/Fixtures/saccade-small"))
        var stored: [String: [[UInt8]]] = [:]
        for precision in precisions {
            stored[precision] = try encoded(precision).map(features)
            for (clip, bytes) in (stored[precision] ?? []).enumerated() {
                for place in [folder, repository] {
                    try Data(bytes).write(to: place.appending(path: "\(precision)-\(clip).features"))
                }
            }
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        for place in [folder, repository] {
            try encoder.encode(answers(stored)).write(to: place.appending(path: "answers.json"))
        }
    }
}
