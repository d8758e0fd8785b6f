import Catalog
import SystemPackage
import TestSupport
import Testing

struct TimelineTests {
    @Test func `timelines are the clips of all media items that are there, in order, with their vectors`() throws {
        let fixture = try CatalogFixture()
        let index = try fixture.index("a")
        let beside = try fixture.index("b")
        let (first, second, gone) = (
            try fixture.file("/1.mp4", content: 1), try fixture.file("/2.mp4", content: 2),
            try fixture.file("/3.mp4", content: 3)
        )
        for media in [second, first, gone] {
            _ = try fixture.catalog.commit([fixture.clip(media, 1), fixture.clip(media, 0)], of: index, at: 20)
            _ = try fixture.catalog.commit([fixture.clip(media, 0)], of: beside, at: 20)
        }
        let file = try #require(try fixture.catalog.file(at: "/3.mp4"))
        _ = try fixture.catalog.removeFiles([file.id], at: 30)

        let timelines = try fixture.catalog.timelines(of: index.id)
        #expect(timelines.map(\.media) == [first, second])
        for timeline in timelines {
            #expect(timeline.entries.map(\.start) == [0, 1] && timeline.entries.map(\.end) == [1, 2])
            #expect(timeline.entries.map(\.vector) == [[0, 0, 0, 1], [1, 0, 0, 1]] && timeline.end == 2)
        }
        #expect(try fixture.catalog.timelines(of: beside.id).map(\.entries.count) == [1, 1])
        #expect(try fixture.catalog.timelines(of: 99).isEmpty)
    }

    @Test func `media items at several places are told, and places that are gone don't count`() throws {
        let fixture = try CatalogFixture()
        let copied = try fixture.file("/a.mp4", content: 1)
        try fixture.file("/copy/a.mp4", content: 1)
        try fixture.file("/b.mp4", content: 2)
        try fixture.file("/copy/b.mp4", content: 2)
        let file = try #require(try fixture.catalog.file(at: "/copy/b.mp4"))
        _ = try fixture.catalog.removeFiles([file.id], at: 30)
        #expect(try fixture.catalog.mediaAtSeveralPlaces() == [copied])
    }
}
