import Catalog
import FolderFakes
import FolderWatch
import Foundation
import Library
import Synchronization
import SystemPackage
import TestSupport
import Testing

/// The text of media items on its way from files into the catalog.
@Suite(.timeLimit(.minutes(2))) struct TextReadingTests {
    private func found(_ query: String, in fixture: LibraryFixture) throws -> [String] {
        try fixture.catalog.matches(of: WordQuery(query), limit: 9, where: .all).matches.map(\.line.text)
    }

    @Test func `Files that are indexed by name bring their own text and that beside them`() async throws {
        let fixture = try LibraryFixture()
        let film = try fixture.write("4 says a title", to: "sailing trip.txt")
        try fixture.write("hello there\ngeneral remarks", to: "sailing trip.en.srt")
        try fixture.write("not of it", to: "other.srt")
        _ = try await fixture.library.index([film])
        #expect(try found("title", in: fixture) == ["a title"])
        #expect(try found("\"general remarks\"", in: fixture) == ["general remarks"])
        #expect(try found("sailing", in: fixture) == ["sailing trip"])
        #expect(try found("\"not of it\"", in: fixture).isEmpty)
        let line = try #require(
            try fixture.catalog.matches(of: WordQuery("remarks"), limit: 1, where: .all).matches.first?.line)
        #expect(line == Line(kind: .subtitle, start: 2, end: 4, language: "en", text: "general remarks"))
        // What was read is not read again; what has changed is, and nothing is decoded for it.
        let readings = fixture.source.readings.withLock { $0.count }
        let decodings = fixture.source.decodings.count
        _ = try await fixture.library.index([film])
        #expect(fixture.source.readings.withLock { $0.count } == readings)
        try fixture.write("something else", to: "sailing trip.en.srt")
        _ = try await fixture.library.index([film])
        #expect(fixture.source.readings.withLock { $0.count } == readings + 1)
        #expect(fixture.source.decodings.count == decodings)
        #expect(try found("remarks", in: fixture).isEmpty && found("else", in: fixture) == ["something else"])
        try fixture.remove("sailing trip.en.srt")
        _ = try await fixture.library.index([film])
        #expect(try found("else", in: fixture).isEmpty)
    }

    @Test func `A watched folder's files of subtitles are noticed when they come, change and go`() async throws {
        let fixture = try LibraryFixture()
        try fixture.write("4", to: "film.mp4")
        let events = fixture.library.events()
        try await fixture.running {
            _ = try await fixture.library.addRoot(fixture.folder)
            let film = try await events.indexed()[0]
            for text in ["first words", "second words, and more"] {
                try fixture.write(text, to: "film.srt")
                fixture.watcher.tell(WatchHints(directories: [fixture.folder]))
                _ = try await events.first { if case .textRead(film, _, let lines) = $0 { lines > 0 } else { false } }
                #expect(try found("words", in: fixture) == [text])
            }
            try fixture.write("broken beyond repair", to: "film.srt")
            fixture.watcher.tell(WatchHints(directories: [fixture.folder]))
            let failure = try await events.first { if case .textFailed = $0 { true } else { false } }
            guard case .textFailed(film, _, let problem) = failure else { throw CancellationError() }
            #expect(problem.retryAt == nil && problem.code.rawValue == "not-media")
            #expect(try found("words", in: fixture).isEmpty)
            let status = try await fixture.library.status()
            #expect(status.failures.map(\.path) == [fixture.folder.appending("film.srt")])
            #expect(status.statistics.media[.failed] == nil)
        }
        #expect(fixture.source.decodings.count == 1)
    }
}
