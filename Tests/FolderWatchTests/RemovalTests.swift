import Basics
import Catalog
import FolderFakes
import FolderWatch
import Foundation
import Synchronization
import SystemPackage
import TestSupport
import Testing

struct RemovalTests {
    @Test(arguments: [
        (100, 120, true), (101, 202, true), (101, 201, false), (900, 1000, false), (500, 1000, true),
        (501, 1000, false),
    ])
    func `More than half of a root and a hundred files don't go at once`(going: Int, present: Int, admitted: Bool) {
        #expect(Breaker(share: 0.5).admits(going, of: present, at: 0) == admitted)
        #expect(Breaker(share: 1).admits(going, of: present, at: 0))
    }

    /// A breaker that is asked in an expectation.
    private final class Breaker {
        var breaker: RemovalBreaker

        init(share: Double) {
            breaker = RemovalBreaker(share: share)
        }

        func admits(_ count: Int, besides held: Int = 0, of present: Int, in root: RootID = 1, at now: Timestamp)
            -> Bool
        {
            breaker.admits(count, besides: held, of: present, in: root, at: now)
        }
    }

    @Test func `What goes in parts counts together until ten minutes have passed`() {
        let breaker = Breaker(share: 0.5)
        #expect(breaker.admits(300, of: 1000, at: 0))
        #expect(breaker.admits(150, of: 700, at: 60))
        #expect(!breaker.admits(100, of: 550, at: 120))
        #expect(breaker.admits(1, of: 1000, in: 2, at: 120))
        #expect(!breaker.admits(51, of: 550, at: 599))
        #expect(breaker.admits(51, of: 550, at: 700))
        breaker.breaker.reset(1)
        #expect(breaker.admits(200, of: 499, at: 701))
        // Those that are held count as well.
        #expect(!breaker.admits(1, besides: 600, of: 1000, in: 3, at: 0))
    }

    /// A root of 120 files, of which `kept` are left after one scan more.
    private func emptied(kept: Int) throws -> ScannerFixture {
        let fixture = try ScannerFixture()
        for number in 0..<120 { try fixture.write("\(number)".utf8, to: FilePath("\(number % 3)/\(number).mp4")) }
        try fixture.scan()
        for number in kept..<120 { try fixture.remove("\(number % 3)/\(number).mp4") }
        try fixture.scan()
        return fixture
    }

    private func places(_ fixture: ScannerFixture, online: Bool) throws -> Int {
        try fixture.catalog.media(where: .all).reduce(0) { sum, media in
            try sum + fixture.catalog.places(of: media).count { $0.isOnline == online }
        }
    }

    private func held(_ fixture: ScannerFixture) -> [FolderEvent] {
        fixture.told.withLock { $0.filter { if case .removalHeld = $0 { true } else { false } } }
    }

    @Test func `Files that go with most of a root are kept, offline, and told of once`() throws {
        let fixture = try emptied(kept: 10)
        #expect(try fixture.present.count == 120)
        #expect(try places(fixture, online: false) == 110)
        #expect(held(fixture) == [.removalHeld(fixture.root.id, missing: 110)])
        let root = try #require(try fixture.catalog.root(fixture.root.id))
        #expect(root.state == .online && root.fileCount == 120 && root.missingCount == 110)
        #expect(try fixture.catalog.failures().isEmpty)
        try fixture.scan()
        #expect(held(fixture).count == 1)
        #expect(try fixture.catalog.root(fixture.root.id)?.missingCount == 110)
        // One more that goes doesn't go alone.
        try fixture.remove("0/0.mp4")
        try fixture.scan()
        #expect(held(fixture).last == .removalHeld(fixture.root.id, missing: 111))
        // New files are taken in as ever.
        try fixture.write("new".utf8, to: "new.mp4")
        try fixture.scan()
        #expect(try places(fixture, online: true) == 10)
    }

    @Test(arguments: [2_592_000.0, -2_592_000])
    func `What goes in parts counts together though the clock was set in between`(step: Double) throws {
        let fixture = try ScannerFixture()
        for number in 0..<180 { try fixture.write("\(number)".utf8, to: FilePath("\(number).mp4")) }
        try fixture.scan()
        for number in 0..<90 { try fixture.remove("\(number).mp4") }
        try fixture.scan()
        #expect(try fixture.present.count == 90)
        fixture.clock.set(step)
        for number in 90..<170 { try fixture.remove("\(number).mp4") }
        try fixture.scan()
        #expect(held(fixture) == [.removalHeld(fixture.root.id, missing: 80)])
    }

    @Test func `Confirmed, missing files leave, and those that are back stay`() throws {
        let fixture = try emptied(kept: 10)
        try fixture.write("119".utf8, to: "2/119.mp4")
        #expect(try fixture.scanner.confirmRemoval(of: fixture.root.id) == 109)
        #expect(try fixture.present.count == 11 && places(fixture, online: false) == 0)
        #expect(fixture.told.withLock { $0.count { if case .mediaRemoved = $0 { true } else { false } } } == 109)
        #expect(try fixture.scanner.confirmRemoval(of: fixture.root.id) == 0)
        // What goes next counts anew.
        try fixture.remove("0/0.mp4")
        try fixture.scan()
        #expect(try fixture.present.count == 10)
    }

    @Test func `Missing files that come back are online again, and those that come back elsewhere are moved`() throws {
        let fixture = try ScannerFixture()
        for number in 0..<120 { try fixture.write("\(number)".utf8, to: FilePath("d/\(number).mp4")) }
        try fixture.write("stays".utf8, to: "stays.mp4")
        try fixture.scan()
        let away = fixture.directory.path.appending("away").string
        try FileManager.default.moveItem(atPath: fixture.folder.appending("d").string, toPath: away)
        try fixture.scan()
        #expect(try places(fixture, online: false) == 120)
        try FileManager.default.moveItem(atPath: away, toPath: fixture.folder.appending("d").string)
        try fixture.scan()
        #expect(try places(fixture, online: true) == 121 && places(fixture, online: false) == 0)
        #expect(try fixture.catalog.root(fixture.root.id)?.missingCount == 0)
        try FileManager.default.moveItem(atPath: fixture.folder.appending("d").string, toPath: away)
        try fixture.scan()
        try FileManager.default.moveItem(atPath: away, toPath: fixture.folder.appending("e").string)
        try fixture.scan()
        #expect(try places(fixture, online: true) == 121 && places(fixture, online: false) == 0)
        #expect(try fixture.present.contains("e/7.mp4") && !fixture.present.contains("d/7.mp4"))
    }

    @Test func `Files that are copied elsewhere, or that the rules leave out, are not held`() throws {
        let fixture = try ScannerFixture()
        for number in 0..<120 { try fixture.write("\(number)".utf8, to: FilePath("d/\(number).mp4")) }
        try fixture.scan()
        // A file system that numbers files anew when they are moved.
        for number in 0..<120 { try fixture.write("\(number)".utf8, to: FilePath("e/\(number).mp4")) }
        try fixture.remove("d")
        try fixture.scan()
        #expect(held(fixture).isEmpty)
        #expect(try fixture.present.allSatisfy { $0.hasPrefix("e/") } && fixture.present.count == 120)
        try fixture.write("*.mp4\n!7.mp4".utf8, to: ".saccadeignore")
        try fixture.scan()
        #expect(held(fixture).isEmpty)
        #expect(try fixture.present == ["e/7.mp4"])
    }

    @Test func `A root that is offline has nothing to confirm, nor one that isn't known`() throws {
        let fixture = try emptied(kept: 10)
        fixture.files.faults.withLock { $0.missing = [fixture.folder] }
        let error = #expect(throws: CatalogError.self) { try fixture.scanner.confirmRemoval(of: fixture.root.id) }
        #expect(error?.code == .offline)
        #expect(try fixture.present.count == 120)
        let unknown = #expect(throws: CatalogError.self) { try fixture.scanner.confirmRemoval(of: 99) }
        #expect(unknown?.code == .notFound)
    }
}
