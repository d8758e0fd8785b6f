import Catalog
import Search
import SystemPackage
import Testing

/// Results that show nearly the same as one result.
struct FoldingTests {
    private func search(
        _ library: Library, limit: Int = 10, offset: Int = 0, group: SearchRequest.Group = .clip
    ) throws -> SearchAnswer {
        try library.searcher().search(
            SearchRequest(
                query: "axis 0", limit: limit, offset: offset, group: group, channel: .picture, folds: true))
    }

    @Test func `copies, neighbours and repeats fold into the best of them, and others don't`() throws {
        let library = try Library()
        // A repeat that doesn't adjoin, a neighbour that is somewhat alike, and one that isn't.
        try library.add(
            ["/v/a.mp4"],
            clips: [
                leaning(0.95, towards: 1), leaning(0.5, towards: 2), leaning(0.94, towards: 1),
                leaning(0.75, towards: 1),
            ])
        try library.add(["/v/copy.mp4"], clips: [leaning(0.93, towards: 1)])
        try library.add(["/v/other.mp4"], clips: [leaning(0.8, towards: 3)])
        let answer = try search(library)
        #expect(answer.paths == ["/v/a.mp4", "/v/other.mp4", "/v/a.mp4"])
        #expect(answer.results.map(\.foldedCount) == [3, nil, nil])
        #expect(answer.results[0].folded.map(\.path.string) == ["/v/a.mp4", "/v/copy.mp4", "/v/a.mp4"])
        #expect(
            answer.results[0].folded.map(\.scores.fast) == answer.results[0].folded.map(\.scores.fast).sorted(by: >))
        let byMedia = try search(library, group: .media)
        #expect(byMedia.paths == ["/v/a.mp4", "/v/other.mp4"] && byMedia.results[0].foldedCount == 1)
    }

    @Test func `clips whose vectors have other lengths fold as their directions say`() throws {
        let library = try Library()
        try library.add(["/v/a.mp4"], clips: [leaning(0.95, towards: 1).map { $0 * 0.7 }])
        try library.add(["/v/copy.mp4"], clips: [leaning(0.93, towards: 1).map { $0 * 1.2 }])
        try library.add(["/v/other.mp4"], clips: [leaning(0.8, towards: 3).map { $0 * 1.3 }])
        let answer = try search(library)
        #expect(answer.paths == ["/v/copy.mp4", "/v/other.mp4"], "by their dot products")
        #expect(answer.results.map(\.foldedCount) == [1, nil])
    }

    @Test func `pages neither overlap nor leave a gap, also where much is folded`() throws {
        let library = try Library()
        // Of 12 pictures one is there 300 times: more than the results that are looked at at first.
        for number in 0..<300 {
            try library.add(["/v/same \(number).mp4"], clips: [leaning(0.99 - Float(number) / 1e5)])
        }
        for number in 1..<12 {
            var vector = AxisEncoder.axis(0).map { $0 * 0.5 }
            vector[1 + number % 6] += number > 6 ? -0.866 : 0.866
            try library.add(["/v/\(number).mp4"], clips: [vector])
        }
        let whole = try search(library, limit: 12).results
        #expect(whole.count == 12 && whole[0].foldedCount == 299 && whole[0].folded.count == 20)
        for size in [1, 5] {
            let pages = try stride(from: 0, to: 12, by: size).flatMap {
                try search(library, limit: size, offset: $0).results.map(\.clip.id)
            }
            #expect(pages == whole.map(\.clip.id))
        }
        #expect(throws: SearchError.self) { try SearchRequest(query: "a", limit: 10, offset: 991, folds: true) }
    }

    @Test func `moments that were found by different lines stay apart`() throws {
        let library = try Library()
        for name in ["budget one", "budget two"] { try library.add(["/v/\(name).mp4"], clips: [leaning(0.3)]) }
        while try library.catalog.renewNames() {}
        let answer = try library.searcher().search(
            SearchRequest(query: "budget", channel: .words, folds: true))
        #expect(answer.results.count == 2 && answer.results.allSatisfy { $0.foldedCount == nil })
    }
}
