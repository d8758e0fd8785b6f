import Basics
import Catalog
import Foundation
import GRDB
import SystemPackage
import TestSupport
import Testing

/// Where lines of text come from, how long they stay, and how they are found.
struct CatalogTextTests {
    private let fixture: CatalogFixture
    private let index: IndexRecord
    private var catalog: Catalog { fixture.catalog }

    init() throws {
        fixture = try CatalogFixture()
        index = try fixture.index()
    }

    /// A media item that is indexed, with clips of a second each.
    @discardableResult
    private func film(_ path: FilePath, content: UInt8, clips: Int = 3, root: RootID? = nil) throws -> MediaID {
        let media = try fixture.file(path, content: content, root: root)
        try catalog.setProperties(MediaProperties(duration: Double(clips)), of: media)
        _ = try catalog.commit(
            (0..<clips).map { fixture.clip(media, $0) }, of: index, finished: [media], at: 2)
        return media
    }

    private func subtitles(_ media: MediaID, _ path: FilePath, modified: Int64 = 1, language: String? = nil)
        -> FoundSubtitles
    {
        let stamp = FileStamp(size: 10, modified: modified, device: 1, inode: 77)
        return FoundSubtitles(media: media, path: path, language: language, stamp: stamp)
    }

    /// Gives a media item lines as if its own file carried them.
    private func say(_ texts: [String], in media: MediaID) throws {
        let source = try #require(try catalog.nextTextSource(at: 5, of: media))
        let lines = texts.enumerated().map {
            Line(kind: .subtitle, start: Double($0), end: Double($0) + 1, text: $1)
        }
        #expect(try catalog.setLines(lines, of: source))
    }

    private func texts(_ query: String, where filter: MediaFilter = .all, in other: Catalog? = nil) throws -> [String] {
        try (other ?? catalog).matches(of: WordQuery(query), limit: 100, where: filter).matches.map(\.line.text)
    }

    @Test func `What a media file carries is read once it is indexed, and once alone`() throws {
        let media = try fixture.file("/v/a.mp4", content: 1)
        #expect(try catalog.nextTextSource(at: 5) == nil)
        _ = try catalog.commit([fixture.clip(media, 0)], of: index, finished: [media], at: 2)
        let source = try #require(try catalog.nextTextSource(at: 5))
        #expect(source.media == media && source.kind == .media && source.path == "/v/a.mp4")
        #expect(try catalog.setLines([Line(kind: .title, text: "A day at the sea")], of: source))
        #expect(try catalog.nextTextSource(at: 5) == nil)
        #expect(try texts("sea") == ["A day at the sea"])
        // Made anew, for whatever reason, its text is the same.
        try catalog.restart(media, of: index.id)
        _ = try catalog.commit([fixture.clip(media, 0)], of: index, finished: [media], at: 2)
        #expect(try catalog.nextTextSource(at: 5) == nil)
    }

    @Test func `A still picture is not asked for text`() throws {
        let media = try fixture.file("/v/a.jpg", content: 1)
        try catalog.setProperties(MediaProperties(duration: 0), of: media)
        _ = try catalog.commit([fixture.clip(media, 0)], of: index, finished: [media], at: 2)
        #expect(try catalog.nextTextSource(at: 5) == nil)
    }

    @Test func `Text that can't be read is tried again when its time comes, and keeps its lines until then`() throws {
        let media = try film("/v/a.mp4", content: 1)
        try say(["hello"], in: media)
        let file = subtitles(media, "/v/a.srt")
        #expect(try catalog.recordSubtitles([file], inDirectory: "/v"))
        var source = try #require(try catalog.nextTextSource(at: 5))
        #expect(source.kind == .subtitles && source.path == "/v/a.srt")
        #expect(try catalog.setLines([Line(kind: .subtitle, text: "beside")], of: source))
        #expect(try catalog.recordSubtitles([subtitles(media, "/v/a.srt", modified: 2)], inDirectory: "/v"))
        source = try #require(try catalog.nextTextSource(at: 5))
        try catalog.failText(of: source, Problem(code: .decode, message: "later", retryAt: 50))
        #expect(try catalog.nextTextSource(at: 49) == nil && catalog.nextTextRetry(after: 5) == 50)
        #expect(try texts("beside") == ["beside"])
        source = try #require(try catalog.nextTextSource(at: 50))
        #expect(source.attempts == 1)
        try catalog.failText(of: source, Problem(code: .decode, message: "never", retryAt: nil))
        #expect(try texts("beside").isEmpty && texts("hello") == ["hello"])
        #expect(try catalog.failures().map(\.path) == ["/v/a.srt"])
    }

    @Test func `A file of subtitles that changes while it is read is read again`() throws {
        let media = try film("/v/a.mp4", content: 1)
        try say([], in: media)
        _ = try catalog.recordSubtitles([subtitles(media, "/v/a.srt")], inDirectory: "/v")
        let source = try #require(try catalog.nextTextSource(at: 5))
        _ = try catalog.recordSubtitles([subtitles(media, "/v/a.srt", modified: 2)], inDirectory: "/v")
        #expect(try !catalog.setLines([Line(kind: .subtitle, text: "old")], of: source))
        #expect(try texts("old").isEmpty)
        let again = try #require(try catalog.nextTextSource(at: 5))
        #expect(try catalog.setLines([Line(kind: .subtitle, text: "new")], of: again))
        #expect(try texts("new") == ["new"])
        // The same once more is nothing new, and writes nothing.
        #expect(try !catalog.recordSubtitles([subtitles(media, "/v/a.srt", modified: 2)], inDirectory: "/v"))
        #expect(try catalog.nextTextSource(at: 5) == nil)
        // Gone, its lines go.
        #expect(try catalog.recordSubtitles([], inDirectory: "/v"))
        #expect(try texts("new").isEmpty && catalog.lines(of: media).allSatisfy { $0.kind != .subtitle })
        #expect(try catalog.quickCheck() == [])
    }

    @Test func `Files of subtitles belong to a media item for as long as a file of it lies beside them`() throws {
        let media = try film("/v/a.mp4", content: 1)
        try fixture.file("/w/copy.mp4", content: 1)
        try say([], in: media)
        _ = try catalog.recordSubtitles([subtitles(media, "/v/a.srt")], inDirectory: "/v")
        let source = try #require(try catalog.nextTextSource(at: 5))
        #expect(try catalog.setLines([Line(kind: .subtitle, text: "beside")], of: source))
        let file = try #require(try catalog.file(at: "/w/copy.mp4"))
        #expect(try catalog.removeFiles([file.id], at: 9).isEmpty)
        #expect(try texts("beside") == ["beside"])
        let moved = try #require(try catalog.file(at: "/v/a.mp4"))
        _ = try catalog.move([MovedFile(moved.id, to: "/x/a.mp4", root: nil)], at: 9)
        #expect(try texts("beside").isEmpty && catalog.subtitles(inDirectory: "/v").isEmpty)
    }

    @Test func `Names of files and of the folders below their root can be found`() throws {
        let root = try catalog.addRoot("/home/me/Videos", device: nil, at: 0)
        let media = try film("/home/me/Videos/Summer 2024/Lake_trip/IMG-01 canoe.mp4", content: 1, root: root.id)
        try film("/elsewhere/below/bicycle.mp4", content: 2)
        while try catalog.renewNames() {}
        #expect(try texts("canoe") == ["IMG-01 canoe"])
        #expect(try texts("\"lake trip\"") == ["Summer 2024 / Lake_trip"])
        #expect(try texts("videos").isEmpty && texts("elsewhere").isEmpty && texts("below") == ["below"])
        let file = try #require(try catalog.file(at: "/home/me/Videos/Summer 2024/Lake_trip/IMG-01 canoe.mp4"))
        _ = try catalog.move([MovedFile(file.id, to: "/home/me/Videos/kayak.mp4", root: root.id)], at: 9)
        while try catalog.renewNames() {}
        #expect(try texts("canoe").isEmpty && texts("lake").isEmpty && texts("kayak") == ["kayak"])
        _ = try catalog.removeFiles([file.id], at: 10)
        #expect(try texts("kayak").isEmpty)
        #expect(try catalog.lines(of: media).map(\.text) == ["kayak"])
    }

    @Test func `Deleting a media item deletes its lines and leaves the index of words sound`() throws {
        let media = try film("/v/a.mp4", content: 1)
        try say(["first words", "今日は天気がいい"], in: media)
        let other = try film("/v/b.mp4", content: 2)
        try say(["other words"], in: other)
        let file = try #require(try catalog.file(at: "/v/a.mp4"))
        #expect(try catalog.removeFiles([file.id], at: 10) == [media])
        #expect(try texts("words") == ["other words"])
        while try catalog.purge(tombstonesBefore: 100) {}
        #expect(try catalog.media(media) == nil && catalog.lines(of: media).isEmpty)
        #expect(try texts("words") == ["other words"])
        let database = try DatabaseQueue(path: Catalog.catalogFile(in: fixture.directory.path).string)
        try database.write { db in
            #expect(try Int.fetchOne(db, sql: "SELECT count(*) FROM lines") == 1)
            // FTS5's own check of the index against the lines.
            try db.execute(sql: "INSERT INTO words (words) VALUES ('integrity-check')")
        }
    }

    @Test func `A line is found in the clip that holds its middle`() throws {
        let media = try film("/v/a.mp4", content: 1)
        let source = try #require(try catalog.nextTextSource(at: 5))
        let lines = [
            Line(kind: .subtitle, start: 0.9, end: 1.9, text: "second"),
            Line(kind: .chapter, start: 2, end: 2.5, text: "third"),
            Line(kind: .subtitle, start: 800, end: 900, text: "behind the end"), Line(kind: .comment, text: "whole"),
        ]
        #expect(try catalog.setLines(lines, of: source))
        let clips = try catalog.clips(of: media, index: index.id).map(\.id)
        for (query, place) in [("second", 1), ("third", 2), ("behind", 2), ("whole", 0)] {
            let found = try catalog.matches(of: WordQuery(query), limit: 9, where: .all).matches
            #expect(found.map(\.clip) == [clips[place]], "\(query)")
        }
    }

    @Test func `Rare words weigh more, and a line tells which it has`() throws {
        let media = try film("/v/a.mp4", content: 1)
        try say(["the man walks", "a man runs", "the lighthouse", "a man at a lighthouse"], in: media)
        let found = try catalog.matches(of: WordQuery("the man at the lighthouse keeper"), limit: 9, where: .all)
        #expect(found.weights.count == 3 && found.weights[0] < found.weights[1] && found.weights[1] < found.weights[2])
        #expect(found.matches.first?.line.text == "a man at a lighthouse")
        #expect(found.matches.first?.words == [0, 1] && found.matches.count == 4)
    }

    @Test(arguments: [
        ("weather", ["The weather is fine"]), ("WEATHERS", ["The weather is fine"]), ("ete", ["C'est l'été"]),
        ("天気", ["今日は天気がいい"]), ("今", ["今日は天気がいい"]), ("天気予報", ["今日は天気がいい"]), ("\"天気予報\"", []),
        ("\"天気がいい\"", ["今日は天気がいい"]), ("고양이", ["나는 고양이다"]), ("สวัสดี", ["สวัสดีครับ"]), ("погода", ["Хорошая погода"]),
        ("ＷＥＡＴＨＥＲ", ["The weather is fine"]), ("l'été", ["C'est l'été"]), ("हिन्दी", ["यह हिन्दी है"]),
    ])
    func `Words of any script are found`(query: String, expected: [String]) throws {
        let media = try film("/v/a.mp4", content: 1)
        try say(
            ["The weather is fine", "C'est l'été", "今日は天気がいい", "나는 고양이다", "สวัสดีครับ", "Хорошая погода", "यह हिन्दी है"],
            in: media)
        #expect(try texts(query) == expected)
    }

    @Test func `Quoted words must stand as they are; others make a line better`() throws {
        let media = try film("/v/a.mp4", content: 1)
        try say(
            ["to be or not to be", "not to be seen", "be not afraid", "to be or not to be, that is the question"],
            in: media)
        #expect(try Set(texts("\"to be or not to be\"")).count == 2)
        #expect(try texts("\"to be or not to be\" question").first == "to be or not to be, that is the question")
        #expect(try texts("“be not” \"afraid\"") == ["be not afraid"])
        #expect(try texts("\"afraid to be\"").isEmpty)
        // A mark that isn't closed is none.
        #expect(try texts("19\" afraid") == ["be not afraid"])
        #expect(!WordQuery("19\" rack").isQuoted && WordQuery("a \"b c\" d").plain == "a b c d")
        // Words that say nothing count where there are no others.
        #expect(try texts("to be or not").count == 4)
    }

    @Test(arguments: [
        "AND", "OR NOT", "NEAR(a b)", "a*", "^a", "text: a", "-a", "a + b", "(a", "a)", "{a}", "\"", "\"\"", "''",
        "a\u{0}b",
        "\"a\u{0}", "*", "%_\\", ";DROP TABLE lines", "💥", "\u{301}", "\"\u{301}\"", "ั", "a\u{202E}b",
        "words MATCH 'a'",
        String(repeating: "\"a\" ", count: 300), String(repeating: "天", count: 900),
    ])
    func `Any text is a query`(query: String) throws {
        let media = try film("/v/a.mp4", content: 1)
        try say(["a line", "and near or not", "天天"], in: media)
        _ = try texts(query)
        _ = try texts("\"\(query)\"")
    }

    @Test func `Filters and tombstones hold for text`() throws {
        try say(["the same words"], in: try film("/v/a.mp4", content: 1))
        try say(["the same words"], in: try film("/w/b.mp4", content: 2))
        #expect(try texts("words").count == 2)
        #expect(try texts("words", where: MediaFilter(pathPrefix: Array("/w/".utf8))).count == 1)
        #expect(try texts("words", where: MediaFilter(minDuration: 100)).isEmpty)
    }

    @Test(arguments: [2, 3])
    func `A catalog of an earlier schema gets its text, and has none for who may only read it`(version: Int) throws {
        let directory = try TemporaryDirectory()
        try EarlierCatalog.write(version, to: directory.path)
        let reader = try Catalog(state: directory.path, access: .readOnly)
        #expect(try reader.matches(of: WordQuery("a"), limit: 9, where: .all).matches.isEmpty)
        #expect(try reader.lines(of: 1).isEmpty)
        reader.close()
        let catalog = try Catalog(state: directory.path, access: .readWrite)
        defer { catalog.close() }
        while try catalog.renewNames() {}
        #expect(try catalog.lines(of: 1).map(\.text) == ["a"])
        // What was indexed before is read now.
        let source = try #require(try catalog.nextTextSource(at: 9))
        #expect(source.media == 1 && source.kind == .media && source.path == "/v/a.mp4")
        #expect(try catalog.setLines([Line(kind: .title, text: "the sea")], of: source))
        #expect(try texts("sea", in: catalog) == ["the sea"] && catalog.nextTextSource(at: 9) == nil)
        #expect(try catalog.quickCheck() == [])
    }
}
