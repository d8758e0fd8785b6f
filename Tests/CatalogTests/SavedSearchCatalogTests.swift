import Catalog
import Foundation
import GRDB
import SystemPackage
import TestSupport
import Testing

/// Saved searches, what they are asked of, and what waits for its command.
struct SavedSearchCatalogTests {
    private var fixture: CatalogFixture
    private let index: IndexRecord
    private var catalog: Catalog { fixture.catalog }

    init() throws {
        fixture = try CatalogFixture()
        index = try fixture.index()
    }

    /// A media item that is indexed.
    private func film(_ path: FilePath, content: UInt8, index: IndexRecord? = nil) throws -> MediaID {
        let media = try fixture.file(path, content: content)
        _ = try catalog.commit([fixture.clip(media, 0)], of: index ?? self.index, finished: [media], at: 2)
        return media
    }

    /// Reads all text there is, as empty.
    private func read() throws {
        while try catalog.renewNames() {}
        while let source = try catalog.nextTextSource(at: 5) { _ = try catalog.setLines([], of: source) }
    }

    private func next(in index: IndexRecord? = nil, mostWaiting: Int = 10) throws -> Arrivals? {
        try catalog.nextArrivals(in: (index ?? self.index).id, limit: 9, mostWaiting: mostWaiting)
    }

    @discardableResult
    private func save(_ name: String, command: [String]? = nil, replacing: Bool = false) throws -> SavedSearch {
        try catalog.save(name, request: #"{"query":"a dog"}"#, command: command, replacing: replacing, at: 7)
    }

    @Test func `A search is kept under its name, which is its alone`() throws {
        let dog = try save("dog", command: ["/bin/true", "{file}"])
        #expect(try catalog.savedSearches() == [dog] && dog.command == ["/bin/true", "{file}"] && dog.createdAt == 7)
        #expect(try catalog.savedSearch(named: "dog") == dog && catalog.savedSearch(named: "Dog") == nil)
        let taken = #expect(throws: CatalogError.self) { try save("dog") }
        #expect(taken?.code == .nameTaken)
        #expect(try save("dog", replacing: true).command == nil)
        try catalog.removeSavedSearch(named: "dog")
        let gone = #expect(throws: CatalogError.self) { try catalog.removeSavedSearch(named: "dog") }
        #expect(try gone?.code == .notFound && catalog.savedSearches().isEmpty)
    }

    @Test func `There are at most so many`() throws {
        for number in 0..<Catalog.maximumSavedSearches { try save("\(number)") }
        let error = #expect(throws: CatalogError.self) { try save("one more") }
        #expect(error?.code == .tooMany)
        // One that takes another's place is none more.
        try save("7", replacing: true)
    }

    @Test func `A search is asked once of what comes after it, when its text is read`() throws {
        let before = try film("/v/before.mp4", content: 1)
        try read()
        let search = try save("dog")
        #expect(search.afterClip > 0)
        #expect(try next() == nil)
        let after = try film("/v/after.mp4", content: 2)
        while try catalog.renewNames() {}
        #expect(try next() == nil, "its text may say what is looked for")
        try read()
        let arrivals = try #require(try next())
        #expect(arrivals.search == search && arrivals.media == [after])
        #expect(try next() == arrivals, "until it is settled")
        #expect(try catalog.settle(arrivals, matches: []))
        #expect(try next() == nil)
        // Made anew, found again under another name and by another model, they are the same media items.
        for media in [before, after] {
            try catalog.restart(media, of: index.id)
            _ = try catalog.commit([fixture.clip(media, 0)], of: index, finished: [media], at: 3)
        }
        try fixture.file("/v/copy.mp4", content: 2)
        let other = try fixture.index("b")
        for media in [before, after] {
            _ = try catalog.commit([fixture.clip(media, 0)], of: other, finished: [media], at: 3)
        }
        try catalog.switchLive(to: other.id)
        try read()
        #expect(try next(in: other) == nil)
    }

    @Test func `What cannot be read counts as read, and a still picture has nothing to read`() throws {
        try save("dog")
        let film = try film("/v/a.mp4", content: 1)
        while try catalog.renewNames() {}
        let source = try #require(try catalog.nextTextSource(at: 5))
        try catalog.failText(of: source, Problem(code: .catalog, message: "no", retryAt: 99))
        let picture = try fixture.file("/v/b.jpg", content: 2)
        try catalog.setProperties(MediaProperties(duration: 0), of: picture)
        _ = try catalog.commit([fixture.clip(picture, 0)], of: index, finished: [picture], at: 2)
        while try catalog.renewNames() {}
        #expect(try next()?.media == [film, picture])
    }

    @Test func `What is only in an index that is being built waits until that is live`() throws {
        _ = try film("/v/a.mp4", content: 1)
        try read()
        try save("dog")
        let other = try fixture.index("b")
        let media = try film("/v/b.mp4", content: 2, index: other)
        try read()
        #expect(try next() == nil)
        #expect(try next(in: other)?.media == [media])
    }

    @Test func `Matches wait for their command in order, and hold their own search back when there are many`() throws {
        let dog = try save("dog", command: ["/bin/true"])
        let cat = try save("cat", command: ["/bin/true"])
        let media = try film("/v/a.mp4", content: 1)
        try read()
        let first = try #require(try next())
        #expect(first.search == dog)
        let match = SavedMatch(media: media, clip: 1, start: 0, end: 2.5, probability: 0.5)
        let unlikely = SavedMatch(media: media, clip: 2, start: 3, end: 4, probability: nil)
        let gone = SavedMatch(media: 99, clip: 3, start: 0, end: 1, probability: nil)
        #expect(try catalog.settle(first, matches: [match, unlikely, gone]))
        #expect(try catalog.savedSearches().map(\.waiting) == [0, 2])
        _ = try film("/v/b.mp4", content: 2)
        try read()
        #expect(try next(mostWaiting: 2)?.search.id == cat.id)
        let waiting = try #require(try catalog.nextWaitingMatch())
        #expect(waiting.match == match && waiting.search.name == "dog")
        try catalog.removeWaitingMatch(waiting.id)
        #expect(try catalog.nextWaitingMatch()?.match == unlikely)
        #expect(try next(mostWaiting: 2)?.search.id == dog.id)
        // A search that is replaced starts anew.
        let stale = try #require(try next())
        try save("dog", replacing: true)
        #expect(try !catalog.settle(stale, matches: [match]) && catalog.nextWaitingMatch() == nil)
    }

    @Test func `All of it is there after a crash`() throws {
        var fixture = fixture
        let search = try save("dog", command: ["/bin/true"])
        let media = try film("/v/a.mp4", content: 1)
        try read()
        try fixture.reopen()
        let arrivals = try #require(try fixture.catalog.nextArrivals(in: index.id, limit: 9, mostWaiting: 9))
        #expect(arrivals.search == search && arrivals.media == [media])
        let match = SavedMatch(media: media, clip: 1, start: 0, end: 2.5, probability: nil)
        #expect(try fixture.catalog.settle(arrivals, matches: [match]))
        try fixture.reopen()
        #expect(try fixture.catalog.nextWaitingMatch()?.match == match)
        #expect(try fixture.catalog.nextArrivals(in: index.id, limit: 9, mostWaiting: 9) == nil)
    }

    @Test(arguments: [2, 3])
    func `What an earlier schema has is not told`(version: Int) throws {
        let directory = try TemporaryDirectory()
        try EarlierCatalog.write(version, to: directory.path)
        let catalog = try Catalog(state: directory.path, access: .readWrite)
        defer { catalog.close() }
        _ = try catalog.save("dog", request: "{}", command: nil, at: 1)
        while try catalog.renewNames() {}
        while let source = try catalog.nextTextSource(at: 5) { _ = try catalog.setLines([], of: source) }
        #expect(try catalog.nextArrivals(in: 1, limit: 9, mostWaiting: 9) == nil)
        #expect(try catalog.quickCheck() == [])
    }
}
