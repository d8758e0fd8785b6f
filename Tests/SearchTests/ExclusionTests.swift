import Catalog
import Search
import Testing

/// Searches with words that results are not to show.
struct ExclusionTests {
    /// A vector with cosines to `axis 0` and `axis 1`.
    private func vector(_ query: Float, _ excluded: Float) -> [Float] {
        [query, excluded, 0, 0, 0, 0, 0, (1 - query * query - excluded * excluded).squareRoot()]
    }

    @Test func `what shows the excluded more than others do moves down, and the rest stays in its order`() throws {
        let library = try Library()
        try library.add(["/v/grass.mp4"], clips: [vector(0.8, 0.5)])
        try library.add(["/v/street.mp4"], clips: [vector(0.7, 0.1)])
        try library.add(["/v/indoors.mp4"], clips: [vector(0.6, -0.4)])
        let searcher = try library.searcher()
        #expect(try searcher.search(SearchRequest(query: "axis 0", channel: .picture)).paths.first == "/v/grass.mp4")
        let not = try [SearchExclusion("axis 1")]
        let answer = try searcher.search(SearchRequest(query: "axis 0", exclusions: not, channel: .picture))
        #expect(answer.paths == ["/v/street.mp4", "/v/indoors.mp4", "/v/grass.mp4"])
        let excluded = answer.results.map { $0.scores.excluded ?? -1 }
        #expect(excluded[1] == 0 && excluded[2] > 0.4)
        #expect(answer.results.allSatisfy { abs($0.scores.combined - $0.scores.prior) < 1e-9 })
        let lightly = try searcher.search(
            SearchRequest(query: "axis 0", exclusions: [SearchExclusion("axis 1", weight: 0.1)], channel: .picture))
        #expect(lightly.paths.first == "/v/grass.mp4")
    }

    @Test func `pages neither overlap nor leave a gap`() throws {
        let library = try Library()
        for number in 0..<40 {
            let cosine = 0.9 - Float(number) / 50
            try library.add(["/v/\(number).mp4"], clips: [vector(cosine, number % 3 == 0 ? 0.4 : 0)])
        }
        let searcher = try library.searcher()
        let not = try [SearchExclusion("axis 1")]
        func page(_ limit: Int, _ offset: Int) throws -> [ClipID] {
            try searcher.search(SearchRequest(query: "axis 0", exclusions: not, limit: limit, offset: offset)).results
                .map(\.clip.id)
        }
        let whole = try page(40, 0)
        #expect(Set(whole).count == 40)
        #expect(try stride(from: 0, to: 40, by: 7).flatMap { try page(7, $0) } == whole)
    }

    @Test func `text that says the excluded words is no answer`() throws {
        let library = try Library()
        try library.add(["/v/lighthouse.mp4"], clips: [vector(0.1, 0)])
        try library.add(["/v/lighthouse at night.mp4"], clips: [vector(0.1, 0)])
        while try library.catalog.renewNames() {}
        let searcher = try library.searcher()
        func paths(_ not: [String]) throws -> [String] {
            let exclusions = try not.map { try SearchExclusion($0) }
            return try searcher.search(SearchRequest(query: "lighthouse", exclusions: exclusions, channel: .words))
                .paths
        }
        #expect(try paths([]).count == 2)
        #expect(try paths(["night"]) == ["/v/lighthouse.mp4"])
        #expect(try paths(["night", "lighthouse"]).isEmpty)
    }
}
