import Catalog
import Search
import Synchronization
import SystemPackage
import TestSupport
import Testing

@Suite struct SearcherTests {
    @Test func `Clips come best first, with their media and times`() throws {
        let library = try Library()
        let media = try library.add(
            ["/v/a.mp4"], duration: 30, clips: [leaning(0.2), leaning(0.9), leaning(0.5)])
        try library.add(["/v/b.mp4"], duration: 10, clips: [leaning(0.7)])
        let answer = try library.searcher().search(SearchRequest(query: "anything"))
        #expect(answer.paths == ["/v/a.mp4", "/v/b.mp4", "/v/a.mp4", "/v/a.mp4"])
        let best = try #require(answer.results.first)
        #expect(best.media.id == media)
        #expect((best.clip.start, best.clip.end) == (10, 20))
        #expect(abs(best.scores.fast - 0.9) < 0.01)
        #expect(best.scores.combined == best.scores.fast)
        #expect(best.isOnline)
        #expect(answer.clips == 4)
        #expect(answer.stage == .fast)
        #expect(answer.modelDigest == "axes")
        #expect(answer.timings.total >= answer.timings.scan)
    }

    @Test func `Pages follow each other`() throws {
        let library = try Library()
        for number in 0..<30 {
            // Every third score repeats, so that ties fall on the edges of pages.
            let cosines = [Float(number / 3) / 20, Float(number) / 40]
            try library.add(["/v/\(number).mp4"], clips: cosines.map { leaning($0) })
        }
        let searcher = try library.searcher()
        let whole = try searcher.search(SearchRequest(query: "q", limit: 100)).results.map(\.clip.id)
        #expect(whole.count == 60)
        for size in [1, 7, 60] {
            var pages: [ClipID] = []
            for offset in stride(from: 0, to: 60, by: size) {
                pages += try searcher.search(SearchRequest(query: "q", limit: size, offset: offset)).results.map(
                    \.clip.id)
            }
            #expect(pages == whole)
        }
        #expect(try searcher.search(SearchRequest(query: "q", offset: 60)).results.isEmpty)
        #expect(try searcher.search(SearchRequest(query: "q", limit: 1_000, offset: 10_000)).results.isEmpty)
    }

    @Test func `Grouping by media item keeps the best clip of each`() throws {
        let library = try Library()
        // One media item fills the first ranks many times over.
        try library.add(["/v/long.mp4"], clips: (0..<250).map { leaning(0.9 - Float($0) / 1_000) })
        try library.add(["/v/b.mp4"], clips: [leaning(0.3), leaning(0.4)])
        try library.add(["/v/c.mp4"], clips: [leaning(0.1)])
        let answer = try library.searcher().search(SearchRequest(query: "q", limit: 2, group: .media))
        #expect(answer.paths == ["/v/long.mp4", "/v/b.mp4"])
        #expect(answer.results.map(\.clip.ordinal) == [0, 1])
        let rest = try library.searcher().search(SearchRequest(query: "q", limit: 2, offset: 2, group: .media))
        #expect(rest.paths == ["/v/c.mp4"])
    }

    @Test func `Filters let through what they name`() throws {
        let library = try Library()
        let first = try library.addRoot("/v/one")
        let second = try library.addRoot("/v/two")
        try library.add(["/v/one/a.mp4"], root: first, duration: 5, recordedAt: 100, clips: [leaning(0.9)])
        try library.add(["/v/one/sub/b.mkv"], root: first, duration: 50, recordedAt: 200, clips: [leaning(0.8)])
        try library.add(["/v/two/c.mp4"], root: second, duration: 500, clips: [leaning(0.7)])
        try library.add(["/w/d.mp4"], recordedAt: 300, clips: [leaning(0.6)])
        let searcher = try library.searcher()
        let expectations: [(MediaFilter, [String])] = try [
            (MediaFilter(root: first), ["/v/one/a.mp4", "/v/one/sub/b.mkv"]),
            (MediaFilter(pathPrefix: Array("/v/".utf8)), ["/v/one/a.mp4", "/v/one/sub/b.mkv", "/v/two/c.mp4"]),
            (
                MediaFilter(pathPrefix: Array("/".utf8)),
                ["/v/one/a.mp4", "/v/one/sub/b.mkv", "/v/two/c.mp4", "/w/d.mp4"]
            ),
            (MediaFilter(pathPrefix: [0x2F, 0xFF, 0xFF]), []),
            (MediaFilter(pathGlob: "*.mp4"), ["/v/one/a.mp4", "/v/two/c.mp4", "/w/d.mp4"]),
            (MediaFilter(root: first, pathGlob: "*.mp4"), ["/v/one/a.mp4"]),
            (MediaFilter(pathGlob: "/v/*/*.mp4"), ["/v/one/a.mp4", "/v/two/c.mp4"]),
            (
                MediaFilter(pathPrefix: Array("/v/one/".utf8), pathGlob: "/v/**"),
                ["/v/one/a.mp4", "/v/one/sub/b.mkv"]
            ),
            (MediaFilter(pathPrefix: Array("/v".utf8), pathGlob: "/v/one/*"), ["/v/one/a.mp4"]),
            (MediaFilter(pathPrefix: Array("/w".utf8), pathGlob: "/v/one/*"), []),
            (MediaFilter(recordedAfter: 200), ["/v/one/sub/b.mkv", "/w/d.mp4"]),
            (MediaFilter(recordedAfter: 100, recordedBefore: 300), ["/v/one/a.mp4", "/v/one/sub/b.mkv"]),
            (MediaFilter(minDuration: 50), ["/v/one/sub/b.mkv", "/v/two/c.mp4"]),
            (MediaFilter(minDuration: 5, maxDuration: 50), ["/v/one/a.mp4", "/v/one/sub/b.mkv"]),
            (MediaFilter(root: second, minDuration: 1, maxDuration: 10), []),
        ]
        for (filter, paths) in expectations {
            #expect(try searcher.search(SearchRequest(query: "q", filter: filter)).paths == paths, "\(filter)")
        }
        #expect { try searcher.search(SearchRequest(query: "q", filter: MediaFilter(root: 99))) } throws: {
            ($0 as? SearchError)?.code == .rootNotFound
        }
    }

    @Test func `The path that is shown is one that the filters let through`() throws {
        let library = try Library()
        let root = try library.addRoot("/z")
        let media = try library.add(["/a/x.mp4", "/b/x.mp4"], clips: [leaning(0.9)])
        let digest = try #require(try library.catalog.media(media)).identity.digest
        try library.place(media: digest, at: "/z/y.mp4", root: root)
        let searcher = try library.searcher()
        func paths(_ filter: MediaFilter) throws -> [String] {
            try searcher.search(SearchRequest(query: "q", filter: filter)).paths
        }
        #expect(try paths(.all) == ["/a/x.mp4"])
        #expect(try paths(MediaFilter(pathGlob: "/b/*")) == ["/b/x.mp4"])
        #expect(try paths(MediaFilter(root: root)) == ["/z/y.mp4"])
        // One path has the root and another the prefix: no path has both.
        #expect(try paths(MediaFilter(root: root, pathPrefix: Array("/b".utf8))).isEmpty)
    }

    @Test func `A deleted media item isn't shown, and its place is filled`() throws {
        let library = try Library()
        for number in 0..<5 {
            try library.add(["/v/\(number).mp4"], clips: [leaning(0.9 - Float(number) / 10)])
        }
        let searcher = try library.searcher()
        let file = try #require(try library.catalog.file(at: "/v/1.mp4"))
        _ = try library.catalog.removeFiles([file.id], at: 1)
        // The index still has the clip.
        let answer = try searcher.search(SearchRequest(query: "q", limit: 3))
        #expect(answer.paths == ["/v/0.mp4", "/v/2.mp4", "/v/3.mp4"])
        #expect(try SearchIndex(loading: library.catalog, encoder: AxisEncoder()).candidates.count == 4)
    }

    @Test(arguments: [
        "a dog", "собака на пляже", "海辺の犬", "كلب على الشاطئ", "🐶🏖️", "\u{202E}dog", "q\u{0}q",
        String(repeating: "字", count: 1_000),
    ])
    func `A query in any script is taken`(query: String) throws {
        let library = try Library()
        try library.add(["/v/a.mp4"], clips: [leaning(0.5)])
        #expect(try library.searcher().search(SearchRequest(query: query)).results.count == 1)
    }

    @Test func `A state folder is searched while its writer goes on`() throws {
        let library = try Library()
        try library.add(["/v/a.mp4"], clips: [leaning(0.9)])
        let reader = try Catalog(state: library.folder.path, access: .readOnly)
        let before = try SearchIndex(loading: reader, encoder: AxisEncoder())
        try library.add(["/v/b.mp4"], clips: [leaning(0.8)])
        let after = try SearchIndex(loading: reader, encoder: AxisEncoder())
        let current = CurrentIndex(before)
        let searcher = Searcher(catalog: reader) { current.index }
        #expect(try searcher.search(SearchRequest(query: "q")).paths == ["/v/a.mp4"])
        current.index = after
        #expect(try searcher.search(SearchRequest(query: "q")).paths == ["/v/a.mp4", "/v/b.mp4"])
    }

    @Test func aSourceOfCandidatesGetsTheFilterItself() throws {
        let library = try Library()
        let media = try library.add(["/v/a.mp4"], clips: [leaning(0.5), leaning(0.4)])
        let clips = try library.catalog.clips(of: media, index: library.index.id).map(\.id)
        let source = FixedCandidates(clips.reversed().map { .init(clip: $0, media: media, score: 0.25) })
        let searcher = Searcher(
            catalog: library.catalog, index: try SearchIndex(candidates: source, encoder: AxisEncoder()))
        let filter = try MediaFilter(pathGlob: "*.mp4", maxDuration: 9)
        let answer = try searcher.search(SearchRequest(query: "q", limit: 3, offset: 1, filter: filter, group: .media))
        #expect(source.questions.count == 1)
        let question = try #require(source.questions.first)
        #expect(question.filter == filter && question.group == .media && question.limit >= 4)
        // Its order, its count and its timings are the answer's.
        #expect(answer.results.map(\.clip.id) == [clips[0]])
        #expect(answer.clips == 2 && answer.timings.filter == 2 && answer.timings.scan == 3)
    }

    @Test func anIndexUnderAnEarlierDigestOfTheModelIsSearched() throws {
        let library = try Library()
        try library.add(["/v/a.mp4"], clips: [leaning(0.5)])
        let index = try SearchIndex(
            loading: library.catalog, encoder: AxisEncoder(modelDigest: "now"), earlierDigests: ["axes"])
        #expect(index.candidates.count == 1)
    }

    @Test func `An index of another model is refused`() throws {
        let library = try Library()
        #expect { try SearchIndex(loading: library.catalog, encoder: AxisEncoder(modelDigest: "other")) } throws: {
            ($0 as? SearchError)?.code == .otherModel
        }
        #expect { try SearchIndex(candidates: FixedCandidates(dimensions: 9), encoder: AxisEncoder()) } throws: {
            ($0 as? SearchError)?.code == .otherModel
        }
        let empty = try Catalog(state: library.folder.path.appending("new"), access: .readWrite)
        #expect { try SearchIndex(loading: empty, encoder: AxisEncoder()) } throws: {
            ($0 as? SearchError)?.code == .noIndex
        }
    }
}

/// What a searcher asks for at each search.
private final class CurrentIndex: Sendable {
    private let value: Mutex<SearchIndex>

    init(_ index: SearchIndex) {
        value = Mutex(index)
    }

    var index: SearchIndex {
        get { value.withLock { $0 } }
        set { value.withLock { $0 = newValue } }
    }
}
