import Catalog
import Models
import Search
import SystemPackage
import Testing

/// Searches of pictures and text together.
struct WordSearchTests {
    /// Three videos whose first clips lean towards the query's axis in this order, and what is said in them, by clip.
    private static func library(_ said: [String: [String]] = [:]) throws -> Library {
        let library = try Library()
        for (path, cosine) in [("/v/a.mp4", Float(0.9)), ("/v/b.mp4", 0.5), ("/v/c.mp4", 0.1)] {
            let media = try library.add(
                [path], duration: 30, clips: [leaning(cosine), leaning(cosine - 0.05), leaning(0)])
            let source = try #require(try library.catalog.nextTextSource(at: 1, of: media))
            let lines = (said[path] ?? []).enumerated().map { clip, text in
                Line(
                    kind: .subtitle, start: Double(clip) * 10 + 1, end: Double(clip) * 10 + 3, language: "en",
                    text: text)
            }
            #expect(try library.catalog.setLines(lines, of: source))
        }
        while try library.catalog.renewNames() {}
        return library
    }

    private static let talk = [
        "/v/b.mp4": ["a word", "axis 0 is spoken here", "nothing"], "/v/c.mp4": ["", "", "an axis"],
    ]

    private func places(_ answer: SearchAnswer) -> [String] {
        answer.results.map { "\($0.path.lastComponent?.stem ?? "")\($0.clip.ordinal) \($0.reason)" }
    }

    @Test func `Without text an answer is what the pictures say`() throws {
        let library = try Self.library()
        let answer = try library.searcher().search(SearchRequest(query: "axis 0", limit: 2))
        #expect(places(answer) == ["a0 picture", "a1 picture"])
        #expect(answer.results[0].line == nil && answer.results[0].scores.words == nil)
        #expect(abs(answer.results[0].scores.combined - 0.9) < 1e-5 && answer.isFound == nil)
    }

    @Test func `A clip whose text says it all is among the best, with its line, and counts as found`() throws {
        let library = try Self.library(Self.talk)
        let answer = try library.searcher().search(SearchRequest(query: "axis 0", limit: 20))
        #expect(places(answer).first == "b1 both")
        let best = try #require(answer.results.first)
        #expect(best.line?.text == "axis 0 is spoken here" && best.line?.language == "en")
        #expect(best.scores.words == 1 && abs(best.scores.fast - 0.45) < 0.02)
        #expect(answer.isFound == true && answer.timings.words != nil)
        #expect(answer.results.count == 9 && Set(answer.results.map(\.clip.id)).count == 9)
        // A score is that of the picture.
        #expect(best.scores.combined == best.scores.fast)
        // One word of two is less than the best picture.
        let order = places(answer)
        let half = try #require(order.firstIndex { $0.hasPrefix("c2") })
        #expect(half > 0 && (answer.results[half].scores.words ?? 1) < 1)
    }

    @Test func `Text that says it all comes after likely pictures, and before the others`() throws {
        let relevance = Relevance(
            fastOnly: .init(bias: -3.2, fast: 6.4), both: .init(bias: -3.2, fast: 6.4), threshold: 0.4)
        let reranker = TableReranker(reranking: Reranking(depth: 4, beta: 0, relevance: relevance))
        let library = try Self.library(["/v/c.mp4": ["", "", "axis 0 is spoken here"]])
        let answer = try library.searcher(reranker: reranker).search(SearchRequest(query: "axis 0", limit: 6))
        #expect(
            places(answer) == ["a0 picture", "a1 picture", "b0 picture", "b1 picture", "c2 words", "c0 picture"])
        let other = try library.searcher(reranker: reranker).search(SearchRequest(query: "axis 5", limit: 2))
        // Half of it is no answer, where the pictures have none either.
        #expect(other.isFound == false)
        // What is both seen and said comes first.
        let both = try Self.library(["/v/b.mp4": ["axis 0 is spoken here"]])
        #expect(try places(both.searcher(reranker: reranker).search(SearchRequest(query: "axis 0"))).first == "b0 both")
    }

    @Test func `What is said everywhere moves nothing up`() throws {
        let library = try Library()
        for number in 0..<40 {
            let media = try library.add(["/v/\(number).mp4"], duration: 10, clips: [leaning(1 - Float(number) / 50)])
            let source = try #require(try library.catalog.nextTextSource(at: 1, of: media))
            let lines = number % 10 == 0 ? [] : [Line(kind: .subtitle, start: 1, end: 2, text: "an axis of 0")]
            #expect(try library.catalog.setLines(lines, of: source))
        }
        let answer = try library.searcher().search(SearchRequest(query: "axis 0", limit: 3))
        #expect(places(answer) == ["00 picture", "10 both", "20 both"])
    }

    @Test func `What a title says counts beside a line that says less`() throws {
        let library = try Self.library(["/v/c.mp4": ["an axis"]])
        let media = try library.add(["/v/axis 0.mp4"], duration: 20, clips: [leaning(0.2), leaning(0.3)])
        let source = try #require(try library.catalog.nextTextSource(at: 1, of: media))
        #expect(try library.catalog.setLines([Line(kind: .subtitle, start: 1, end: 2, text: "an axis")], of: source))
        while try library.catalog.renewNames() {}
        let answer = try library.searcher().search(SearchRequest(query: "axis 0", limit: 20, channel: .words))
        #expect(answer.results.map(\.line?.text) == ["axis 0", "an axis"])
        #expect(answer.results.map(\.scores.combined) == answer.results.map(\.scores.words))
    }

    @Test func `The picture alone and the text alone can be asked for`() throws {
        let library = try Self.library(Self.talk)
        let searcher = try library.searcher()
        let picture = try searcher.search(SearchRequest(query: "axis 0", limit: 3, channel: .picture))
        #expect(places(picture) == ["a0 picture", "a1 picture", "b0 picture"] && picture.timings.words == nil)
        let words = try searcher.search(SearchRequest(query: "axis 0", limit: 9, channel: .words))
        #expect(words.results.map(\.line?.text) == ["axis 0 is spoken here", "an axis"])
        #expect(words.isFound == true)
        #expect(try searcher.search(SearchRequest(query: "axis 5", channel: .words)).isFound == false)
        #expect(try searcher.search(SearchRequest(query: "zebra", channel: .words)).results.isEmpty)
    }

    @Test func `Quoted words ask the text alone, unless the picture alone is asked`() throws {
        let library = try Self.library(Self.talk)
        let searcher = try library.searcher()
        let quoted = try searcher.search(SearchRequest(query: "\"spoken here\""))
        #expect(places(quoted) == ["b1 words"] && quoted.isFound == true)
        #expect(try searcher.search(SearchRequest(query: "\"here spoken\"")).results.isEmpty)
        let picture = try searcher.search(SearchRequest(query: "\"axis 0\"", limit: 1, channel: .picture))
        #expect(places(picture) == ["a0 picture"])
    }

    @Test func `What is said of a whole video is found where its picture is best`() throws {
        let library = try Self.library()
        let media = try library.add(["/v/axis 0 film.mp4"], clips: [leaning(0.1), leaning(0.7)])
        while try library.catalog.renewNames() {}
        let answer = try library.searcher().search(SearchRequest(query: "axis 0", limit: 3))
        #expect(answer.results.first?.media.id == media && answer.results.first?.clip.ordinal == 1)
        #expect(answer.results.first?.line == Line(kind: .fileName, text: "axis 0 film"))
        // The same said of many says nothing of their order.
        for place in 1...3 {
            try library.add(["/w/axis 0 \(place).mp4"], clips: [leaning(Float(place) / 10)])
        }
        while try library.catalog.renewNames() {}
        let many = try library.searcher().search(
            SearchRequest(query: "axis 0", filter: MediaFilter(pathPrefix: Array("/w/".utf8))))
        #expect(many.paths == ["/w/axis 0 3.mp4", "/w/axis 0 2.mp4", "/w/axis 0 1.mp4"])
    }

    @Test(arguments: [SearchRequest.Group.clip, .media])
    func `Pages neither overlap nor leave a gap`(group: SearchRequest.Group) throws {
        let library = try Library()
        for number in 0..<120 {
            let media = try library.add(
                ["/v/\(number).mp4"], clips: [leaning(1 - Float(number) / 130), leaning(Float(number) / 130)])
            let source = try #require(try library.catalog.nextTextSource(at: 1, of: media))
            let text = number % 7 == 0 ? "axis 0" : number % 5 == 0 ? "an axis of many" : "other"
            #expect(try library.catalog.setLines([Line(kind: .subtitle, start: 11, end: 12, text: text)], of: source))
        }
        let searcher = try library.searcher()
        let all = try searcher.search(SearchRequest(query: "axis 0", limit: 240, group: group)).results.map(\.clip.id)
        #expect(all.count == (group == .clip ? 240 : 120) && Set(all).count == all.count)
        for size in [1, 7, 50] {
            var pages: [ClipID] = []
            for offset in stride(from: 0, to: 100, by: size) {
                pages += try searcher.search(
                    SearchRequest(query: "axis 0", limit: size, offset: offset, group: group)
                ).results.map(\.clip.id)
            }
            #expect(pages == Array(all.prefix(pages.count)), "\(size)")
        }
    }

    @Test func `By video the moment is shown that the text is about`() throws {
        let library = try Self.library(Self.talk)
        let answer = try library.searcher().search(SearchRequest(query: "axis 0", group: .media))
        #expect(Set(answer.paths).count == 3 && answer.results.count == 3)
        let spoken = try #require(answer.results.first { $0.path == "/v/b.mp4" })
        #expect(spoken.clip.ordinal == 1 && spoken.line?.text == "axis 0 is spoken here")
    }

    @Test func `A stream's answers have the text from the first on`() throws {
        let library = try Self.library(Self.talk)
        var stages: [(SearchStage, String?)] = []
        let searcher = try library.searcher(reranker: TableReranker())
        _ = try searcher.search(
            SearchRequest(query: "axis 0", rerank: RerankOptions()),
            progress: {
                stages.append(($0.stage, $0.results.first?.line?.text))
            })
        #expect(stages.count > 1 && stages.allSatisfy { $0.1 == "axis 0 is spoken here" })
    }
}
