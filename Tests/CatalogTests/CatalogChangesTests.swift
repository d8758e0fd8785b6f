import Catalog
import SystemPackage
import TestSupport
import Testing

/// Who follows an index by its cursor holds what the catalog says, whatever happens in between.
@Suite struct CatalogChangesTests {
    /// One that keeps nothing but ids.
    private struct Follower {
        let index: IndexID
        var clips: [ClipID: MediaID] = [:]
        var cursor: IndexCursor?

        init(_ index: IndexID) {
            self.index = index
        }

        /// - Returns: whether it is level; nil when it had to begin anew.
        mutating func step(_ catalog: Catalog, limit: Int) throws -> Bool? {
            guard let step = try catalog.indexChanges(of: index, after: cursor, limit: limit) else {
                self = Follower(index)
                return nil
            }
            clips = clips.filter { !step.left.contains($0.value) }
            for row in step.entered { clips[row.clip] = row.media }
            cursor = step.cursor
            return step.isLevel
        }

        mutating func follow(_ catalog: Catalog, limit: Int = 5) throws {
            while try step(catalog, limit: limit) != true {}
        }
    }

    /// The clips that are found, asked one by one.
    private func searchable(_ catalog: Catalog, _ index: IndexID) throws -> [ClipID: MediaID] {
        var clips: [ClipID: MediaID] = [:]
        for media in try catalog.media(where: .all) {
            for clip in try catalog.clips(of: media, index: index) { clips[clip.id] = media }
        }
        return clips
    }

    @Test(arguments: 1...12)
    func `Followers of any pace hold what can be found, through crashes and lost history`(seed: UInt64) throws {
        var random = SeededGenerator(state: seed)
        var fixture = try CatalogFixture()
        let index = try fixture.index("a", storesRerankFeatures: true)
        let beside = try fixture.index("b")
        var followers = [Follower(index.id), Follower(index.id), Follower(beside.id)]
        var ordinals: [MediaID: Int] = [:]
        var compared = 0
        for now in 0..<120 {
            let time = Timestamp(now)
            let content = UInt8.random(in: 1...6, using: &random)
            let path = FilePath("/\(Int.random(in: 1...8, using: &random)).mp4")
            let media = try fixture.catalog.media(where: .all).randomElement(using: &random)
            switch Int.random(in: 0..<12, using: &random) {
            case 0, 1, 2: try fixture.file(path, content: content, at: time)
            case 3, 4:
                if let file = try fixture.catalog.file(at: path) {
                    _ = try fixture.catalog.removeFiles([file.id], at: time)
                }
            case 5:
                if let file = try fixture.catalog.file(at: path) {
                    _ = try fixture.catalog.move([MovedFile(file.id, to: "/moved.mp4", root: nil)], at: time)
                }
            case 6, 7, 8:
                // Now and then of one that went away while it was in work.
                let target = media ?? MediaID(Int.random(in: 1...6, using: &random))
                let first = ordinals[target, default: 0]
                let clips = (first..<first + Int.random(in: 1...7, using: &random)).map {
                    fixture.clip(target, $0, rerankFeatures: [1])
                }
                ordinals[target] = first + clips.count
                _ = try fixture.catalog.commit(clips, of: index, at: time)
                _ = try fixture.catalog.commit(clips.dropLast(), of: beside, at: time)
            case 9:
                if let media { try fixture.catalog.restart(media, of: index.id) }
            case 10:
                let kept = [0, 3, 100].randomElement(using: &random) ?? 0
                while try fixture.catalog.purge(tombstonesBefore: time - 10, limit: 3, keepingChanges: kept) {}
            default:
                try fixture.reopen()
            }
            for place in followers.indices where Int.random(in: 0...place * 4, using: &random) == 0 {
                _ = try followers[place].step(fixture.catalog, limit: Int.random(in: 1...20, using: &random))
            }
            guard now % 15 == 14 else { continue }
            for place in followers.indices {
                try followers[place].follow(fixture.catalog)
                let index = followers[place].index
                #expect(try followers[place].clips == searchable(fixture.catalog, index), "\(now)")
                compared += followers[place].clips.count
            }
        }
        #expect(compared > 0)
    }

    @Test func `A step brings about as much as is asked for, and the last one says so`() throws {
        let fixture = try CatalogFixture()
        let index = try fixture.index()
        let media = try fixture.file("/a.mp4", content: 1)
        _ = try fixture.catalog.commit((0..<10).map { fixture.clip(media, $0) }, of: index, at: 2)
        var sizes: [Int] = []
        var follower = Follower(index.id)
        while true {
            let step = try #require(
                try fixture.catalog.indexChanges(of: index.id, after: follower.cursor, limit: 4))
            sizes.append(step.entered.count)
            follower.cursor = step.cursor
            if step.isLevel { break }
        }
        #expect(sizes == [4, 4, 2])
    }

    @Test func `Who is level has passed over what other indexes got`() throws {
        let fixture = try CatalogFixture()
        let (live, beside) = (try fixture.index("a"), try fixture.index("b"))
        let media = try fixture.file("/a.mp4", content: 1)
        var follower = Follower(live.id)
        try follower.follow(fixture.catalog)
        let before = follower.cursor
        _ = try fixture.catalog.commit([fixture.clip(media, 0)], of: beside, at: 2)
        try follower.follow(fixture.catalog)
        #expect(follower.cursor != before && follower.clips.isEmpty)
        _ = try fixture.catalog.commit([fixture.clip(media, 0)], of: live, at: 2)
        try follower.follow(fixture.catalog)
        #expect(follower.clips.count == 1)
    }

    @Test func `History that is forgotten is not passed over in silence`() throws {
        let fixture = try CatalogFixture()
        let index = try fixture.index()
        var follower = Follower(index.id)
        try fixture.file("/a.mp4", content: 1)
        try fixture.file("/b.mp4", content: 2)
        try follower.follow(fixture.catalog)
        let files = try ["/a.mp4", "/b.mp4"].map { try #require(try fixture.catalog.file(at: FilePath($0))).id }
        _ = try fixture.catalog.removeFiles(files, at: 3)
        _ = try fixture.catalog.purge(tombstonesBefore: 0, keepingChanges: 1)
        #expect(try fixture.catalog.indexChanges(of: index.id, after: follower.cursor) == nil)
        try follower.follow(fixture.catalog)
        #expect(try fixture.catalog.indexChanges(of: index.id, after: follower.cursor)?.isLevel == true)
    }

    @Test func `An index that comes back after it was retired is another one to its followers`() throws {
        let fixture = try CatalogFixture()
        let first = try fixture.index("a")
        let media = try fixture.file("/a.mp4", content: 1)
        _ = try fixture.catalog.commit([fixture.clip(media, 0)], of: first, at: 2)
        let step = try #require(try fixture.catalog.indexChanges(of: first.id, after: nil))
        try fixture.catalog.switchLive(to: try fixture.index("b").id)
        try fixture.catalog.retire(first.id)
        let again = try fixture.index("a")
        #expect(again.id != first.id)
        #expect(throws: CatalogError.self) { try fixture.catalog.indexChanges(of: first.id, after: step.cursor) }
    }
}
