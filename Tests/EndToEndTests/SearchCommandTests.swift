import API
import Foundation
import Search
import SystemPackage
import TestSupport
import Testing

/// What `saccade search` asks for, and how it shows what it is told.
struct SearchCommandTests {
    private let home = Result { try TemporaryDirectory() }

    private func answer(
        stage: API.SearchStage = .slow, reranked: Int = 2, probabilities: [Double?] = [0.834, 0.0004],
        found: Bool? = nil
    ) -> API.SearchResponse {
        API.SearchResponse(
            query: "",
            results: probabilities.enumerated().map { place, probability in
                API.SearchResult(
                    clip: Int64(place + 7),
                    media: .init(id: 2, path: API.Path("/v/\(place).mp4"), duration: 12.5, online: true), start: 0,
                    end: 6.25, score: -1.25 - Double(place), scores: .init(fast: 0.5, slow: -1.75),
                    probability: probability)
            },
            found: found, stage: stage, reranked: reranked, modelDigest: "ab12", clips: 9,
            timings: .init(embed: 1, filter: 0, scan: 1, rerank: 20, lookup: 1, total: 31.2)
        )
    }

    /// Runs `saccade search` with the arguments against a daemon with one answer.
    private func search(
        _ arguments: [String], answering answer: API.SearchResponse
    ) async throws -> (outcome: Outcome, requests: [API.SearchRequest]) {
        let home = try home.get().path
        let socket = home.appending("s")
        var result: (Outcome, [API.SearchRequest])?
        try await ScriptedDaemon.run(at: socket, answering: answer) { daemon in
            let outcome = try await saccade(["search"] + arguments + ["--socket", socket.string], home: home)
            result = (outcome, daemon.requests)
        }
        return try #require(result)
    }

    @Test func `without options the model's own re-ranking is asked for`() async throws {
        let (outcome, requests) = try await search(["a", "dog"], answering: answer())
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(requests == [API.SearchRequest(query: "a dog", fold: true)])
    }

    @Test func `lines of text stand below what they were found by`() async throws {
        func result(_ clip: Int64, _ why: API.SearchReason, _ line: API.Line?) -> API.SearchResult {
            API.SearchResult(
                clip: clip, media: .init(id: 2, path: API.Path("/v/a.mp4"), duration: 60, online: true), start: 0,
                end: 6,
                score: 0.03, scores: .init(fast: 0.5), why: why, line: line)
        }
        var answer = answer()
        answer.results = [
            result(1, .both, .init(kind: .subtitle, start: 65.5, end: 67, language: "en", text: "a \u{1B}[31mdog")),
            result(2, .picture, nil),
            result(3, .words, .init(kind: .fileName, text: String(repeating: "dog ", count: 99))),
        ]
        let (outcome, _) = try await search(["a", "dog"], answering: answer)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let lines = outcome.text.split(separator: "\n")
        #expect(lines.count == 6 && lines[0].contains("why") && lines[1].contains("both"))
        #expect(lines[2].hasSuffix("dog” (at 1:05, en)") && !lines[2].contains("\u{1B}"))
        #expect(lines[3].contains("picture") && lines[5].contains("…” (file name)") && lines[5].count < 200)
        let both = try await saccade(["search", "x", "--picture", "--text"], home: home.get().path)
        #expect(both.status == 64)
    }

    private static let meanings: [(options: [String], request: API.SearchRequest)] = [
        (["--fast"], .init(query: "a dog", rerank: .off)),
        (["--no-fold"], .init(query: "a dog")), (["--json"], .init(query: "a dog")),
        (
            ["--not", "tall tree*2"],
            .init(query: "a dog", not: [.init("tall tree", weight: 2)])
        ),
        (["--like", "clip:7*0.5"], .init(query: "a dog", like: [.init(.clip(7), weight: 0.5)])),
        (
            ["--like", "/v/a.mp4@1:05"],
            .init(query: "a dog", like: [.init(.file(API.Path("/v/a.mp4"), time: 65))])
        ),
        (["--picture"], .init(query: "a dog", channel: .picture)),
        (["--text"], .init(query: "a dog", channel: .words)),
        (["--rerank", "16"], .init(query: "a dog", rerank: .on(.init(depth: 16)))),
        (["--beta", "-0.5"], .init(query: "a dog", rerank: .on(.init(beta: -0.5)))),
        (["--deadline", "200"], .init(query: "a dog", rerank: .on(.init(deadline: 200)))),
        (["--min-probability", "0.5"], .init(query: "a dog", minProbability: 0.5)),
        (["--fast", "--by-video", "-l", "3"], .init(query: "a dog", limit: 3, rerank: .off, group: .media)),
    ]

    @Test(arguments: meanings)
    func `options are sent as they are meant`(options: [String], request: API.SearchRequest) async throws {
        let (outcome, requests) = try await search(["a dog"] + options, answering: answer())
        #expect(outcome.status == 0, "\(outcome.errors)")
        var request = request
        request.fold = !options.contains("--no-fold") && !options.contains("--json")
        #expect(requests == [request])
    }

    @Test(arguments: [
        ["--rerank", "0"], ["--rerank", "1001"], ["--rerank", "x"], ["--beta", "inf"], ["--beta", "nan"],
        ["--beta", "1e7"], ["--deadline", "-1"], ["--deadline", "60001"], ["--min-probability", "1.5"],
        ["--min-probability", "nan"], ["--fast", "--rerank", "8"], ["--fast", "--beta", "1"],
        ["--fast", "--deadline", "5"], ["--like", "clip:1*11"], ["--not", " "],
    ])
    func `what can't be is wrong usage`(options: [String]) async throws {
        // After an equals sign a value may begin with a dash.
        let joined = options.count == 2 ? ["\(options[0])=\(options[1])"] : options
        let outcome = try await saccade(["search", "a dog"] + joined, home: home.get().path)
        #expect(outcome.status == 64)
        #expect(outcome.errors.contains(options[0]))
    }

    @Test func `with a least probability the table has them, and the closing line the re-ranked clips`() async throws {
        let (outcome, _) = try await search(["a dog", "--min-probability", "0"], answering: answer())
        let lines = outcome.text.split(separator: "\n")
        #expect(lines.first?.split(separator: " ") == ["likely", "time", "path"])
        #expect(
            lines.dropFirst() == [
                "1  ▮▮▮▮▮  83 %  0:00–0:06  /v/0.mp4",
                "2  ▯▯▯▯▯  <1 %  0:00–0:06  /v/1.mp4",
            ])
        #expect(outcome.errors == "9 clips searched in 31 ms, 2 of them re-ranked\n")
    }

    @Test func `a model that can't tell gets steps beside the best, and no log-likelihoods`() async throws {
        let (outcome, _) = try await search(["a dog"], answering: answer())
        let lines = outcome.text.split(separator: "\n")
        #expect(lines.first?.split(separator: " ") == ["fit", "time", "path"])
        #expect(lines.dropFirst().map { $0.split(separator: " ")[1] } == ["▮▮▮▮▮", "▮▮▯▯▯"])
        #expect(!outcome.text.contains("1.25"))
        let json = try await search(["a dog", "--json"], answering: answer()).outcome
        #expect(json.text.contains("-1.25"), "the scores are there for programs")
    }

    @Test func `words with a minus sign are excluded`() async throws {
        let (_, requests) = try await search(
            ["a dog -grass", "and", "more -\"red car\" -", "--not", "tree"], answering: answer())
        #expect(
            requests == [
                API.SearchRequest(
                    query: "a dog and more -", not: [.init("grass"), .init("red car"), .init("tree")], fold: true)
            ])
    }

    @Test func `what is like an example is told by its likeness`() async throws {
        let (outcome, requests) = try await search(["--like", "clip:7"], answering: answer(probabilities: [nil, nil]))
        #expect(requests == [API.SearchRequest(query: "", like: [.init(.clip(7))], fold: true)])
        let lines = outcome.text.split(separator: "\n")
        #expect(lines.first?.split(separator: " ") == ["alike", "time", "path"])
        #expect(lines.last == "2  ▮▮▮▯▯  50 %  0:00–0:06  /v/1.mp4", "\(lines)")
    }

    @Test func `results that were folded are counted`() async throws {
        var folding = answer()
        folding.results[0].folded = 3
        let (outcome, _) = try await search(["a dog"], answering: folding)
        #expect(outcome.text.split(separator: "\n")[1].hasSuffix("/v/0.mp4  +3 similar"))
    }

    @Test func `links and pictures are for terminals, and asked for where there is none`() async throws {
        let (outcome, _) = try await search(["a dog"], answering: answer())
        #expect(!outcome.output.contains(0x1B))
        let (refused, _) = try await search(["a dog", "--preview"], answering: answer())
        #expect(refused.status == 74 && refused.errors.contains("--preview-format"))
        for wrong in [
            ["--preview", "--json"], ["--preview-format", "kitty"], ["--watch", "--json"], ["--preview-format", "x"],
        ] {
            #expect(try await saccade(["search", "a"] + wrong, home: home.get().path).status == 64)
        }
    }

    @Test func `where something is found, the table says how likely each result is`() async throws {
        let (outcome, _) = try await search(["a dog"], answering: answer(found: true))
        #expect(
            outcome.text.split(separator: "\n").first?.split(separator: " ") == ["likely", "time", "path"])
        #expect(!outcome.errors.contains("Nothing"))
    }

    @Test func `where nothing is found, that is said before the nearest`() async throws {
        let (outcome, _) = try await search(["a dog"], answering: answer(found: false))
        #expect(outcome.status == 0)
        #expect(outcome.errors.hasPrefix("Nothing looks like that; the nearest are:\n"))
        #expect(outcome.text.split(separator: "\n").count == 3)
        let (json, _) = try await search(["a dog", "--json"], answering: answer(found: false))
        #expect(try API.decoder().decode(API.SearchResponse.self, from: json.output).found == false)
        #expect(json.errors.isEmpty)
        let (empty, _) = try await search(
            ["a dog", "--min-probability", "0.5"], answering: answer(probabilities: [], found: false))
        #expect(empty.errors.hasPrefix("No clip is likely enough"))
    }

    private static let endings: [(options: [String], stage: API.SearchStage, reranked: Int, line: String)] = [
        ([], .fast, 0, ""),
        (["--fast"], .fast, 0, ""),
        (["--rerank", "4"], .fast, 0, ", none of them re-ranked"),
        (["--deadline", "30"], .partial, 1, ", 1 of them re-ranked: then the deadline passed"),
        ([], .partial, 1, ", 1 of them re-ranked: the others have no rerank features"),
    ]

    @Test(arguments: endings)
    func `the closing line says how far the search went`(
        options: [String], stage: API.SearchStage, reranked: Int, line: String
    ) async throws {
        let answer = answer(stage: stage, reranked: reranked)
        let (outcome, _) = try await search(["a dog"] + options, answering: answer)
        #expect(outcome.errors == "9 clips searched in 31 ms\(line)\n")
    }

    @Test func `that nothing is likely enough is said plainly`() async throws {
        let (outcome, _) = try await search(
            ["a dog", "--min-probability", "0.5"], answering: answer(probabilities: []))
        #expect(outcome.status == 0)
        #expect(outcome.output.isEmpty)
        #expect(outcome.errors.hasPrefix("No clip is likely enough (--min-probability 0.5): "))
        let (filtered, _) = try await search(
            ["a dog", "--min-probability", "0.5", "--root", "1"], answering: answer(probabilities: []))
        #expect(filtered.errors.hasPrefix("No clip that passes the filters is likely enough (--min-probability 0.5): "))
    }

    @Test func `JSON is the API's answer`() async throws {
        let (outcome, _) = try await search(["a dog", "--json"], answering: answer())
        let response = try API.decoder().decode(API.SearchResponse.self, from: outcome.output)
        #expect(outcome.output.last == UInt8(ascii: "\n") && outcome.output.dropLast().last != UInt8(ascii: "\n"))
        #expect(response.results == answer().results)
        #expect(response.reranked == 2)
        #expect(response.stage == .slow)
    }
}
