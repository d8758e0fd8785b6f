import Catalog
import Foundation
import Models
import SystemPackage
import TestSupport
import Testing

/// A state folder that version 0.1.0 made, with the answers that it gave: see the fixture's README.
struct PreviousIndexTests {
    private struct Answer: Decodable {
        struct Result: Decodable {
            struct Media: Decodable {
                var path: String
            }

            struct Scores: Decodable {
                var fast: Double
                var slow: Double
            }

            var clip: Int
            var start: Double
            var end: Double
            var score: Double
            var scores: Scores
            var probability: Double
            var media: Media
        }

        var query: String
        var results: [Result]
    }

    private static let fixture = FilePath(
        URL(filePath: #filePath).appending(path: "../Fixtures/index-of-0.1.0").standardizedFileURL
            .path(percentEncoded: false))

    private let home: TemporaryDirectory
    private let earlier: [Answer]

    init() throws {
        home = try TemporaryDirectory()
        for file in ["catalog.sqlite", "memories.sqlite"] {
            try FileManager.default.copyItem(
                atPath: Self.fixture.appending(file).string, toPath: home.path.appending(file).string)
        }
        let answers = try Data(contentsOf: URL(filePath: Self.fixture.appending("answers.json").string))
        earlier = try JSONDecoder().decode([Answer].self, from: answers)
    }

    private func answer(_ query: String) async throws -> Answer {
        let outcome = try await saccade(["search", query, "--state", ".", "--json"], home: home.path)
        #expect(outcome.status == 0, "\(outcome.errors)")
        return try outcome.decoded(Answer.self)
    }

    /// The same clips in the same order. Scores to 1e-4: other processors add in another order.
    private func expectEqual(_ answer: [Answer.Result], _ earlier: [Answer.Result]) {
        #expect(answer.map(\.clip) == earlier.map(\.clip))
        for (now, before) in zip(answer, earlier) {
            #expect(now.start == before.start && now.end == before.end)
            #expect(now.media.path == before.media.path)
            #expect(abs(now.score - before.score) < 1e-4)
            #expect(abs(now.scores.fast - before.scores.fast) < 1e-4)
            #expect(abs(now.scores.slow - before.scores.slow) < 1e-4)
            #expect(abs(now.probability - before.probability) < 1e-4)
        }
    }

    @Test func `an index of the previous version is searched as it is, with the same answers`() async throws {
        #expect(earlier.count == 3)
        for before in earlier {
            #expect(before.results.count == 4)
            expectEqual(try await answer(before.query).results, before.results)
        }
    }

    @Test func `a writer takes over the index of the previous version without indexing anything again`() async throws {
        // The bytes that are indexed already, at another path: known by their content.
        try FileManager.default.copyItem(
            atPath: Self.fixture.appending("film.mp4").string, toPath: home.path.appending("copy.mp4").string)
        let again = try await saccade(["index", "copy.mp4", "--state", "."], home: home.path)
        #expect(again.status == 0, "\(again.errors)")
        #expect(again.text.contains("4 clips, indexed before"), "\(again.text)")

        try await TestVideo(width: 160, height: 120, seconds: 2, scenes: 1).write(to: home.path.appending("new.mp4"))
        let added = try await saccade(["index", "new.mp4", "--state", "."], home: home.path)
        #expect(added.status == 0, "\(added.errors)")
        #expect(!added.text.contains("indexed before"), "\(added.text)")

        for before in earlier {
            let now = try await answer(before.query).results
            #expect(now.count == before.results.count + 1)
            expectEqual(now.filter { $0.clip <= before.results.count }, before.results)
        }

        let catalog = try Catalog(state: home.path, access: .readOnly)
        defer { catalog.close() }
        let digest = try LoadedModel.load(ModelFolder.shipped()).digest
        #expect(try catalog.indexes().map(\.digest) == [digest])
    }
}
