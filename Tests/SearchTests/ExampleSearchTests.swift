import Catalog
import Search
import SystemPackage
import Testing

/// Searches for what looks like a clip, a file's moment or a picture, alone and beside words.
struct ExampleSearchTests {
    /// Clips that lean from axis 0 towards axis 7 by their cosine, and one on axis 3.
    private let library = Result { try Library() }

    private func example(_ source: SearchExample.Source, weight: Double = 1) throws -> SearchExample {
        try SearchExample(source, weight: weight)
    }

    @Test func `an example alone finds what is like it, without itself, in the Fast model's order`() throws {
        let library = try library.get()
        try library.add(["/v/a.mp4"], clips: [leaning(1), leaning(0.5)])
        try library.add(["/v/b.mp4"], clips: [leaning(0.99), AxisEncoder.axis(3)])
        let itself = try #require(try library.catalog.clip(at: 3, inFileAt: "/v/a.mp4"))
        let reranker = TableReranker(scores: [:])
        for source in [SearchExample.Source.clip(itself.id), .moment("/v/a.mp4", time: 3)] {
            let request = try SearchRequest(query: " ", examples: [example(source)], rerank: RerankOptions())
            let answer = try library.searcher(reranker: reranker).search(request)
            #expect(answer.paths == ["/v/b.mp4", "/v/a.mp4", "/v/b.mp4"])
            #expect(!answer.results.map(\.clip.id).contains(itself.id))
            #expect(answer.stage == .fast && answer.reranked == 0 && answer.isFound == nil)
            #expect(answer.results.allSatisfy { $0.scores.probability == nil })
        }
        let pictures = try library.searcher().search(
            SearchRequest(query: "", examples: [example(.vector(leaning(1), modelDigest: "axes"))]))
        #expect(pictures.results.first?.clip.id == itself.id, "a picture is no clip, so none is left out")
    }

    @Test func `words and examples are summed by weight`() throws {
        let library = try library.get()
        try library.add(["/v/words.mp4"], clips: [AxisEncoder.axis(0)])
        try library.add(["/v/like.mp4"], clips: [AxisEncoder.axis(3)])
        try library.add(["/v/both.mp4"], clips: [[0.7, 0, 0, 0.714, 0, 0, 0, 0]])
        func best(_ weight: Double) throws -> [String] {
            let likes = try [example(.vector(AxisEncoder.axis(3), modelDigest: "axes"), weight: weight)]
            return try library.searcher().search(SearchRequest(query: "axis 0", examples: likes, channel: .picture))
                .paths
        }
        #expect(try best(1).first == "/v/both.mp4")
        #expect(try best(10) == ["/v/like.mp4", "/v/both.mp4", "/v/words.mp4"])
        #expect(try best(0.1) == ["/v/words.mp4", "/v/both.mp4", "/v/like.mp4"])
    }

    @Test func `an example weighs the same whatever its vector's length`() throws {
        let library = try library.get()
        try library.add(["/v/long.mp4"], clips: [AxisEncoder.axis(3).map { $0 * 1.5 }])
        try library.add(["/v/short.mp4"], clips: [AxisEncoder.axis(5).map { $0 * 0.5 }])
        let ids = try ["/v/long.mp4", "/v/short.mp4"].map { path in
            try #require(try library.catalog.clip(at: 0, inFileAt: FilePath(path))).id
        }
        try library.add(["/v/between.mp4"], clips: [[0, 0, 0, 0.7071, 0, 0.7071, 0, 0]])
        let answer = try library.searcher().search(
            SearchRequest(query: " ", examples: ids.map { try example(.clip($0)) }))
        #expect(answer.paths.first == "/v/between.mp4")
        #expect(abs(try #require(answer.results.first).scores.fast - 1) < 1e-3)
    }

    @Test func `with words and an example, the words re-rank and the example stays in the prior`() throws {
        let library = try library.get()
        try library.add(["/v/a.mp4"], clips: [AxisEncoder.axis(0)])
        try library.add(["/v/b.mp4"], clips: [AxisEncoder.axis(3)])
        let clips = try ["/v/a.mp4", "/v/b.mp4"].map {
            try #require(try library.catalog.clip(at: 0, inFileAt: FilePath($0)))
        }
        let reranker = TableReranker(scores: [clips[0].id: -1, clips[1].id: -1.1])
        let likes = try [example(.vector(AxisEncoder.axis(3), modelDigest: "axes"), weight: 2)]
        func order(beta: Double) throws -> [String] {
            let answer = try library.searcher(reranker: reranker).search(
                SearchRequest(query: "axis 0", examples: likes, rerank: RerankOptions(beta: beta)))
            #expect(answer.stage == .slow && answer.results.allSatisfy { $0.scores.probability == nil })
            return answer.paths
        }
        #expect(try order(beta: 0) == ["/v/a.mp4", "/v/b.mp4"])
        #expect(try order(beta: 1) == ["/v/b.mp4", "/v/a.mp4"])
    }

    @Test func `in a group of media the example's own is left out`() throws {
        let library = try library.get()
        try library.add(["/v/a.mp4"], clips: [leaning(1), leaning(0.9)])
        try library.add(["/v/b.mp4"], clips: [leaning(0.5)])
        let answer = try library.searcher().search(
            SearchRequest(query: "", examples: [example(.moment("/v/a.mp4", time: 0))], group: .media))
        #expect(answer.paths == ["/v/b.mp4"])
    }

    @Test func `of a file the clip that holds the time is taken, or the nearest`() throws {
        let library = try library.get()
        try library.add(["/v/a.mp4"], clips: [AxisEncoder.axis(0), AxisEncoder.axis(1), AxisEncoder.axis(2)])
        let catalog = library.catalog
        #expect(
            try [0, 9.9, 10, 15, 29, 1e9].map { try catalog.clip(at: $0, inFileAt: "/v/a.mp4")?.ordinal } == [
                0, 0, 1, 1, 2, 2,
            ])
        #expect(try catalog.clip(at: 0, inFileAt: "/v/b.mp4") == nil)
    }

    @Test func `what isn't there is said, and which example named it`() throws {
        let library = try library.get()
        try library.add(["/v/a.mp4"], clips: [leaning(1)])
        func code(_ source: SearchExample.Source) -> SearchError.Code? {
            do {
                _ = try library.searcher().search(SearchRequest(query: "q", examples: [example(source)]))
                return nil
            } catch {
                return (error as? SearchError)?.code
            }
        }
        #expect(code(.clip(99)) == .clipNotFound)
        #expect(code(.moment("/v/b.mp4", time: 0)) == .fileNotIndexed)
        #expect(code(.vector([1], modelDigest: "axes")) == .otherModel)
        #expect(code(.vector(AxisEncoder.axis(0), modelDigest: "other")) == .otherModel)
        #expect(code(.vector(AxisEncoder.axis(0).map { -$0 }, modelDigest: "axes")) == .unusableEmbedding)
    }

    @Test func `what can't be asked is refused`() throws {
        let one = try example(.clip(1))
        func field(_ body: () throws(SearchError) -> Void) -> String? {
            do throws(SearchError) {
                try body()
                return nil
            } catch {
                return error.field?.name
            }
        }
        #expect(field { () throws(SearchError) in _ = try SearchRequest(query: "", examples: []) } == "query")
        #expect(
            field { () throws(SearchError) in
                _ = try SearchRequest(query: "", examples: Array(repeating: one, count: 9))
            } == "like")
        #expect(
            field { () throws(SearchError) in _ = try SearchRequest(query: "a", examples: [one], channel: .words) }
                == "like")
        #expect(
            field { () throws(SearchError) in _ = try SearchRequest(query: "a", examples: [one], minProbability: 0.5) }
                == "min_probability")
        for weight in [0, -1, 10.5, .nan, .infinity] {
            #expect(
                field { () throws(SearchError) in _ = try SearchExample(.clip(1), weight: weight, place: 2) }
                    == "like[2]")
            #expect(
                field { () throws(SearchError) in _ = try SearchExclusion("a", weight: weight, place: 1) } == "not[1]")
        }
        #expect(field { () throws(SearchError) in _ = try SearchExample(.moment("a.mp4", time: 0)) } == "like[0]")
        #expect(field { () throws(SearchError) in _ = try SearchExample(.moment("/a.mp4", time: -1)) } == "like[0]")
        #expect(field { () throws(SearchError) in _ = try SearchExclusion(" \t", place: 3) } == "not[3]")
    }
}
