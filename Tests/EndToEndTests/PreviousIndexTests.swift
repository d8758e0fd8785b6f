import Catalog
import Foundation
import Models
import SystemPackage
import TestSupport
import Testing

/// A state folder that version 0.1.0 made, with that version's model: see the fixture's README.
struct PreviousIndexTests {
    private struct Answer: Decodable {
        struct Result: Decodable {
            struct Media: Decodable {
                var id: Int
                var path: String
            }

            struct Scores: Decodable {
                var slow: Double?
            }

            var start: Double
            var end: Double
            var scores: Scores
            var media: Media
        }

        var results: [Result]
    }

    private static let fixture = FilePath(
        URL(filePath: #filePath).appending(path: "../Fixtures/index-of-0.1.0").standardizedFileURL
            .path(percentEncoded: false))

    /// The digest of its model.
    private static let digest = "e21c7107d9e74d6483eece13af138b93"

    private let home: TemporaryDirectory

    init() throws {
        home = try TemporaryDirectory()
        for file in ["catalog.sqlite", "memories.sqlite"] {
            try FileManager.default.copyItem(
                atPath: Self.fixture.appending(file).string, toPath: home.path.appending(file).string)
        }
    }

    @Test func `a search in an index of another model names both models and says what to do`() async throws {
        let outcome = try await saccade(["search", "a green field", "--state", "."], home: home.path)
        #expect(outcome.status != 0)
        #expect(outcome.errors.contains("made with the model \(Self.digest.prefix(12))"), "\(outcome.errors)")
        #expect(outcome.errors.contains("or index again"), "\(outcome.errors)")
    }

    @Test func `the files of the previous version's index are indexed with the new model beside it`() async throws {
        // The bytes that are known already, at another path.
        try FileManager.default.copyItem(
            atPath: Self.fixture.appending("film.mp4").string, toPath: home.path.appending("copy.mp4").string)
        let again = try await saccade(["index", "copy.mp4", "--state", "."], home: home.path)
        #expect(again.status == 0, "\(again.errors)")
        #expect(again.text.contains("4 clips") && !again.text.contains("indexed before"), "\(again.text)")

        let outcome = try await saccade(["search", "a green field", "--state", ".", "--json"], home: home.path)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let results = try outcome.decoded(Answer.self).results
        #expect(results.map(\.start).sorted() == [0, 5, 10, 15])
        #expect(results.allSatisfy { $0.media.id == 1 && $0.scores.slow != nil })

        let catalog = try Catalog(state: home.path, access: .readOnly)
        defer { catalog.close() }
        let digest = try LoadedModel.load(ModelFolder.shipped()).digest
        #expect(try catalog.indexes().filter { $0.state == .live }.map(\.digest) == [digest])
    }
}
