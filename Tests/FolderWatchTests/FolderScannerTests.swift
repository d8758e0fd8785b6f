import Basics
import Catalog
import FolderFakes
import FolderWatch
import Foundation
import Synchronization
import SystemPackage
import TestSupport
import Testing

/// A scanner over a real folder and a catalog, without a pipeline.
final class ScannerFixture: Sendable {
    let directory: TemporaryDirectory
    let folder: FilePath
    let catalog: Catalog
    let files: FaultyFileSystem
    let watcher: FakeWatcher
    let clock: ManualClock
    let scanner: FolderScanner
    let root: Root
    let told = Mutex<[FolderEvent]>([])

    init(
        ahead: Double = 1000, watches: Int = .max, candidates: CandidateFiles = CandidateFiles(),
        followsLinks: Bool = false
    ) throws {
        directory = try TemporaryDirectory()
        folder = try FilePath.realPath(of: directory.path).appending("v")
        try FileManager.default.createDirectory(atPath: folder.string, withIntermediateDirectories: true)
        catalog = try Catalog(state: directory.path.appending("state"), access: .readWrite)
        _ = try catalog.prepareIndex(digest: "a", dimensions: 4, storesRerankFeatures: false, model: nil, at: 0)
        files = FaultyFileSystem()
        watcher = FakeWatcher(limit: watches)
        clock = ManualClock(ahead: ahead)
        let device = try files.attributes(of: folder, followsLinks: true).stamp.device
        root = try catalog.addRoot(folder, device: device, at: 0)
        let box = Box()
        scanner = FolderScanner(
            catalog: catalog, files: files, watcher: watcher, clock: clock,
            settings: FolderSettings(candidates: candidates, followsLinks: followsLinks), catchUp: {},
            report: { kind in box.fixture.withLock { $0 }?.told.withLock { $0.append(kind) } })
        box.fixture.withLock { $0 = self }
    }

    /// Another scanner over what one has left.
    init(after earlier: ScannerFixture) throws {
        (directory, folder, catalog) = (earlier.directory, earlier.folder, earlier.catalog)
        (files, clock, root) = (earlier.files, earlier.clock, earlier.root)
        watcher = FakeWatcher()
        scanner = FolderScanner(
            catalog: catalog, files: files, watcher: watcher, clock: clock, settings: FolderSettings(), catchUp: {},
            report: { _ in })
    }

    private final class Box: Sendable {
        let fixture = Mutex<ScannerFixture?>(nil)
    }

    @discardableResult
    func write(_ bytes: some Sequence<UInt8>, to name: FilePath) throws -> FilePath {
        let path = folder.pushing(name)
        try FileManager.default.createDirectory(
            atPath: path.removingLastComponent().string, withIntermediateDirectories: true)
        let file = try FileDescriptor.open(
            path, .writeOnly, options: [.create, .truncate], permissions: .ownerReadWrite)
        _ = try file.closeAfter { try file.writeAll(bytes) }
        return path
    }

    func scan(_ scope: ScanScope? = nil) throws {
        try scanner.scan(scope ?? ScanScope(roots: [root.id]))
    }

    func remove(_ name: String) throws {
        try FileManager.default.removeItem(atPath: folder.appending(name).string)
    }

    /// Paths relative to the folder of files that are no tombstones.
    var present: Set<String> {
        get throws {
            var names: Set<String> = []
            for media in try catalog.media(where: .all) {
                for place in try catalog.places(of: media) {
                    names.insert(String(place.path.string.dropFirst(folder.string.count + 1)))
                }
            }
            return names
        }
    }

    /// Names of the files of subtitles that the catalog knows, with their languages.
    var subtitles: [String: String] {
        get throws {
            let found = try catalog.subtitles(inDirectory: folder)
            return Dictionary(
                found.map { ($0.path.lastComponent?.string ?? "", $0.language ?? "") }, uniquingKeysWith: { $0 + $1 })
        }
    }

    var state: Root.State? { get throws { try catalog.root(root.id)?.state } }
}

@Suite struct FolderScannerTests {
    @Test
    func
        `A scan of everything takes the roots that there are when it is made, whatever was known when it was asked for`()
        throws
    {
        let fixture = try ScannerFixture()
        var scope = ScanScope(directories: [fixture.folder.appending("elsewhere")])
        scope.formUnion(ScanScope(everything: true))
        scope.formUnion(ScanScope())
        #expect(scope.everything && scope.isFull && scope.directories.count == 1)
        let later = fixture.directory.path.appending("later")
        try FileManager.default.createDirectory(atPath: later.string, withIntermediateDirectories: true)
        let resolved = try FilePath.realPath(of: later)
        let device = try fixture.files.attributes(of: resolved, followsLinks: true).stamp.device
        let second = try fixture.catalog.addRoot(resolved, device: device, at: 0)
        try fixture.write([1], to: "a.mp4")
        try fixture.scan(scope)
        #expect(try fixture.present == ["a.mp4"])
        #expect(
            fixture.told.withLock {
                $0.contains(.scanFinished(second.id)) && $0.contains(.scanFinished(fixture.root.id))
            })
    }

    @Test func `Candidates of a whole tree are found, hidden and unfinished files are not`() throws {
        let fixture = try ScannerFixture()
        for (number, name) in [
            "a.mp4", "b/c/D.MKV", "b/e.jpg", "notes.txt", "x.mp4.part", "y.crdownload", ".hidden.mp4", ".git/z.mp4",
            "b/t.tmp",
        ].enumerated() {
            try fixture.write("\(number)".utf8, to: FilePath(name))
        }
        try fixture.scan()
        #expect(try fixture.present == ["a.mp4", "b/c/D.MKV", "b/e.jpg"])
        #expect(
            fixture.watcher.watched == [fixture.folder, fixture.folder.appending("b"), fixture.folder.appending("b/c")])
    }

    @Test func `Without a list of extensions every file is a candidate`() throws {
        let fixture = try ScannerFixture(candidates: CandidateFiles(extensions: nil))
        try fixture.write("1".utf8, to: "film")
        try fixture.scan()
        #expect(try fixture.present == ["film"])
    }

    @Test func `What the rules leave out leaves, and comes back when they change`() throws {
        let fixture = try ScannerFixture()
        for name in ["a.mp4", "raw/b.mp4", "x/raw/c.mp4", "x/d.mp4", "@eaDir/e.mp4"] {
            try fixture.write(name.utf8, to: FilePath(name))
        }
        try fixture.scan()
        let all: Set = ["a.mp4", "raw/b.mp4", "x/raw/c.mp4", "x/d.mp4"]
        #expect(try fixture.present == all)
        try fixture.write("raw/\n".utf8, to: ".saccadeignore")
        // All that is told is that something is new in the folder.
        try fixture.scan(ScanScope(directories: [fixture.folder]))
        #expect(try fixture.present == ["a.mp4", "x/d.mp4"])
        try fixture.scan(ScanScope(directories: [fixture.folder.appending("raw")]))
        try fixture.scan(ScanScope(trees: [fixture.folder.pushing("x/raw")]))
        try fixture.scan()
        #expect(try fixture.present == ["a.mp4", "x/d.mp4"])
        try fixture.remove(".saccadeignore")
        try fixture.scan(ScanScope(directories: [fixture.folder]))
        #expect(try fixture.present == all)
    }

    @Test func `A link that leads out of the root is followed only when that is wished`() throws {
        for followsLinks in [false, true] {
            let fixture = try ScannerFixture(followsLinks: followsLinks)
            let outside = fixture.directory.path.appending("private.mp4")
            try Data("1".utf8).write(to: URL(filePath: outside.string))
            try FileManager.default.createSymbolicLink(
                atPath: fixture.folder.appending("link.mp4").string, withDestinationPath: outside.string)
            try fixture.scan()
            #expect(try fixture.present == (followsLinks ? ["link.mp4"] : []))
        }
    }

    @Test func `Loops of symbolic links end, and a link to a file is one more path`() throws {
        let fixture = try ScannerFixture()
        try fixture.write("1".utf8, to: "d/a.mp4")
        let manager = FileManager.default
        try manager.createSymbolicLink(
            atPath: fixture.folder.appending("d/loop").string, withDestinationPath: fixture.folder.string)
        try manager.createSymbolicLink(
            atPath: fixture.folder.appending("self.mp4").string, withDestinationPath: "self.mp4")
        try manager.createSymbolicLink(
            atPath: fixture.folder.appending("link.mp4").string, withDestinationPath: "d/a.mp4")
        try fixture.scan()
        #expect(try fixture.present == ["d/a.mp4", "link.mp4"])
        #expect(try fixture.catalog.media(where: .all).count == 1)
    }

    @Test func `Names that are no UTF-8 are kept byte for byte`() throws {
        let fixture = try ScannerFixture()
        let name = FilePath(bytes: [0x66, 0xff, 0xc3, 0x28] + Array(".mp4".utf8))
        let path = try fixture.write("1".utf8, to: name)
        try fixture.scan()
        let places = try fixture.catalog.media(where: .all).flatMap { try fixture.catalog.places(of: $0) }
        #expect(places.map(\.path.bytes) == [path.bytes])
        try fixture.scan()
        #expect(try fixture.catalog.media(where: .all).count == 1)
    }

    @Test func `A file is taken when it stands still and nobody writes to it`() throws {
        let fixture = try ScannerFixture(ahead: 0)
        let path = try fixture.write("1".utf8, to: "a.mp4")
        fixture.files.faults.withLock { $0.changedAt = fixture.clock.now }
        try fixture.scan()
        #expect(try fixture.present.isEmpty && fixture.scanner.settlingFiles == 1)
        fixture.clock.advance(1)
        try fixture.write("12".utf8, to: "a.mp4")
        try fixture.scan(ScanScope())
        fixture.clock.advance(1.5)
        try fixture.scan(ScanScope())
        #expect(try fixture.present.isEmpty)
        fixture.files.faults.withLock { _ = $0.open.insert(path) }
        fixture.clock.advance(5)
        try fixture.scan(ScanScope())
        #expect(try fixture.present.isEmpty)
        fixture.files.faults.withLock { $0.open = [] }
        fixture.clock.advance(2)
        try fixture.scan(ScanScope())
        #expect(try fixture.present == ["a.mp4"])
        #expect(fixture.scanner.settlingFiles == 0)
    }

    @Test func `A file that goes while it settles is forgotten`() throws {
        let fixture = try ScannerFixture(ahead: 0)
        try fixture.write("1".utf8, to: "a.mp4")
        fixture.files.faults.withLock { $0.changedAt = fixture.clock.now }
        try fixture.scan()
        #expect(fixture.scanner.settlingFiles == 1)
        try fixture.remove("a.mp4")
        fixture.clock.advance(5)
        try fixture.scan(ScanScope())
        #expect(fixture.scanner.settlingFiles == 0 && fixture.scanner.nextLook == nil)
    }

    @Test func `A file that is never closed is taken after a longer while`() throws {
        let fixture = try ScannerFixture(ahead: 0)
        let path = try fixture.write("1".utf8, to: "a.mp4")
        fixture.files.faults.withLock {
            $0.open = [path]; $0.changedAt = fixture.clock.now
        }
        try fixture.scan()
        fixture.clock.advance(59)
        try fixture.scan(ScanScope())
        #expect(try fixture.present.isEmpty)
        fixture.clock.advance(2)
        try fixture.scan(ScanScope())
        #expect(try fixture.present == ["a.mp4"])
    }

    @Test func `A renamed directory keeps its media, whichever side is looked at first`() throws {
        let fixture = try ScannerFixture()
        try fixture.write("1".utf8, to: "d/a.mp4")
        try fixture.write("2".utf8, to: "d/e/b.mp4")
        try fixture.scan()
        let before = try fixture.catalog.media(where: .all)
        try FileManager.default.moveItem(
            atPath: fixture.folder.appending("d").string, toPath: fixture.folder.appending("moved").string)
        let scope = ScanScope(
            trees: [fixture.folder.appending("d"), fixture.folder.appending("moved")], directories: [fixture.folder])
        try fixture.scan(scope)
        #expect(try fixture.present == ["moved/a.mp4", "moved/e/b.mp4"])
        #expect(try fixture.catalog.media(where: .all) == before)
        let found = fixture.told.withLock { $0 }.filter { if case .mediaFound = $0 { true } else { false } }
        #expect(found.count == 2)
    }

    @Test func `A file that comes back under another name after its tombstone is the same media`() throws {
        let fixture = try ScannerFixture()
        try fixture.write("1".utf8, to: "a.mp4")
        try fixture.write("2".utf8, to: "stays.mp4")
        try fixture.scan()
        let media = try fixture.catalog.file(at: fixture.folder.appending("a.mp4"))?.media
        let away = fixture.directory.path.appending("away.mp4").string
        try FileManager.default.moveItem(atPath: fixture.folder.appending("a.mp4").string, toPath: away)
        try fixture.scan()
        #expect(try fixture.present == ["stays.mp4"])
        try FileManager.default.moveItem(atPath: away, toPath: fixture.folder.appending("b.mp4").string)
        try fixture.scan()
        #expect(try fixture.catalog.file(at: fixture.folder.appending("b.mp4"))?.media == media)
        #expect(try fixture.catalog.file(at: fixture.folder.appending("a.mp4")) == nil)
    }

    @Test func `A copy is one more path, a replaced file is another media, a deleted one is a tombstone`() throws {
        let fixture = try ScannerFixture()
        let path = try fixture.write("1".utf8, to: "a.mp4")
        try fixture.write("1".utf8, to: "copy.mp4")
        try fixture.scan()
        let media = try #require(try fixture.catalog.file(at: path)?.media)
        #expect(try fixture.catalog.places(of: media).count == 2)
        try fixture.write("other".utf8, to: "a.mp4")
        try fixture.scan()
        #expect(try fixture.catalog.file(at: path)?.media != media)
        try fixture.remove("copy.mp4")
        try fixture.scan()
        #expect(try fixture.catalog.media(media)?.deletedAt != nil)
        #expect(try fixture.present == ["a.mp4"])
        let other = try #require(try fixture.catalog.file(at: path)?.media)
        var gone = [media, other]
        for bytes in ["third", ""] {
            try fixture.write(bytes.utf8, to: "a.mp4")
            try fixture.scan()
            let removed = fixture.told.withLock { $0 }.compactMap { kind -> MediaID? in
                if case .mediaRemoved(let media) = kind { media } else { nil }
            }
            #expect(removed == gone)
            if let third = try fixture.catalog.file(at: path)?.media { gone.append(third) }
        }
    }

    @Test func `A file that is only touched stays what it is`() throws {
        let fixture = try ScannerFixture()
        let path = try fixture.write("1".utf8, to: "a.mp4")
        try fixture.scan()
        let before = try #require(try fixture.catalog.file(at: path))
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSince1970: 5)], ofItemAtPath: path.string)
        try fixture.scan()
        let after = try #require(try fixture.catalog.file(at: path))
        #expect(after.media == before.media && after.stamp.modified == 5_000_000_000)
    }

    @Test func `A root that is missing, empty or on a strange file system is offline and nothing is deleted`() throws {
        let fixture = try ScannerFixture()
        try fixture.write("1".utf8, to: "d/a.mp4")
        try fixture.scan()
        let whole = fixture.folder
        let elsewhere = fixture.directory.path.appending("elsewhere").string
        fixture.files.faults.withLock { $0.missing = [whole] }
        try fixture.scan()
        #expect(try fixture.state == .offline && fixture.present == ["d/a.mp4"])
        fixture.files.faults.withLock { $0.missing = [] }
        try fixture.scan(ScanScope(directories: [whole]))
        #expect(try fixture.state == .online && fixture.present == ["d/a.mp4"])
        try FileManager.default.moveItem(atPath: whole.appending("d").string, toPath: elsewhere)
        try fixture.scan()
        #expect(try fixture.state == .offline && fixture.present == ["d/a.mp4"])
        try fixture.write("x".utf8, to: "other.txt")
        fixture.files.faults.withLock { $0.devices = [whole: 4711] }
        try fixture.scan()
        #expect(try fixture.state == .offline && fixture.present == ["d/a.mp4"])
        try FileManager.default.moveItem(atPath: elsewhere, toPath: whole.appending("d").string)
        try fixture.scan()
        #expect(try fixture.state == .online && fixture.present == ["d/a.mp4"])
        #expect(try fixture.catalog.root(fixture.root.id)?.device == 4711)
        try fixture.remove("d/a.mp4")
        try fixture.scan()
        #expect(try fixture.present.isEmpty)
    }

    @Test func `A root that goes while it is scanned is offline and nothing is deleted`() throws {
        let fixture = try ScannerFixture()
        try fixture.write("1".utf8, to: "d/a.mp4")
        try fixture.scan()
        let (files, whole) = (fixture.files, fixture.folder)
        fixture.watcher.onWatch { files.faults.withLock { $0.missing = [whole] } }
        try fixture.scan()
        #expect(try fixture.state == .offline && fixture.present == ["d/a.mp4"])
    }

    @Test func `A file system mounted inside of a root may go away without its files being deleted`() throws {
        let fixture = try ScannerFixture()
        let mount = fixture.folder.appending("disk")
        fixture.files.faults.withLock { $0.devices = [mount: 99] }
        try fixture.write("1".utf8, to: "disk/a.mp4")
        try fixture.write("2".utf8, to: "b.mp4")
        try fixture.scan()
        fixture.files.faults.withLock {
            $0.devices = [:]; $0.missing = [mount.appending("a.mp4")]
        }
        try fixture.scan()
        #expect(try fixture.present == ["disk/a.mp4", "b.mp4"])
    }

    @Test func `A root that another folder has taken the place of is looked at whole`() throws {
        let fixture = try ScannerFixture()
        try fixture.write("1".utf8, to: "d/a.mp4")
        try fixture.scan()
        let other = fixture.directory.path.appending("other")
        let old = fixture.directory.path.appending("old")
        try fixture.write("2".utf8, to: "../other/e/f/b.mp4")
        try FileManager.default.moveItem(atPath: fixture.folder.string, toPath: old.string)
        try FileManager.default.moveItem(atPath: other.string, toPath: fixture.folder.string)
        try fixture.scan(ScanScope(trees: [fixture.folder], directories: [fixture.folder]))
        #expect(try fixture.present == ["e/f/b.mp4"])
        #expect(fixture.watcher.watched.contains(fixture.folder.appending("e").appending("f")))
    }

    @Test func `What was deleted from a disk elsewhere leaves though the disk has another number since`() throws {
        let fixture = try ScannerFixture()
        let mount = fixture.folder.appending("disk")
        fixture.files.faults.withLock { $0.devices = [mount: 99] }
        for name in ["disk/a.mp4", "disk/d/b.mp4", "c.mp4"] { try fixture.write(name.utf8, to: FilePath(name)) }
        try fixture.scan()
        try fixture.remove("disk/d")
        fixture.files.faults.withLock { $0.devices = [mount: 100] }
        try fixture.scan()
        #expect(try fixture.present == ["disk/a.mp4", "c.mp4"])
    }

    @Test func `A directory that can't be listed keeps what was in it`() throws {
        let fixture = try ScannerFixture()
        try fixture.write("1".utf8, to: "d/a.mp4")
        try fixture.write("2".utf8, to: "d/e/b.mp4")
        try fixture.scan()
        fixture.files.faults.withLock { $0.unlistable = [fixture.folder.appending("d")] }
        try fixture.scan()
        #expect(try fixture.present == ["d/a.mp4", "d/e/b.mp4"])
    }

    @Test func `A file that can't be looked at is not taken for deleted`() throws {
        let fixture = try ScannerFixture()
        let path = try fixture.write("1".utf8, to: "a.mp4")
        try fixture.write("2".utf8, to: "b.mp4")
        try fixture.scan()
        fixture.files.faults.withLock { $0.concealed = [path] }
        try fixture.scan()
        #expect(try fixture.present == ["a.mp4", "b.mp4"])
    }

    @Test func `A file that can't be read is kept with its reason and tried again later`() throws {
        let fixture = try ScannerFixture()
        let path = try fixture.write("1".utf8, to: "a.mp4")
        fixture.files.faults.withLock { $0.unreadable = [path] }
        try fixture.scan()
        let problem = try #require(try fixture.catalog.file(at: path)?.problem)
        #expect(problem.code == .unreadable && problem.retryAt == fixture.clock.now + 30)
        #expect(try fixture.catalog.failures().map(\.path) == [path])
        fixture.files.faults.withLock { $0.unreadable = [] }
        try fixture.scan()
        #expect(try fixture.present.isEmpty)
        fixture.clock.advance(31)
        try fixture.scan(ScanScope())
        #expect(try fixture.present == ["a.mp4"])
        #expect(try fixture.catalog.failures().isEmpty)
    }

    @Test func `An empty file is a failure until it changes`() throws {
        let fixture = try ScannerFixture()
        let path = try fixture.write("".utf8, to: "a.mp4")
        try fixture.scan()
        #expect(
            try fixture.catalog.file(at: path)?.problem
                == Problem(code: .empty, message: "The file is empty.", retryAt: nil))
        try fixture.scan()
        #expect(try fixture.catalog.file(at: path)?.attempts == 1)
        try fixture.write("1".utf8, to: "a.mp4")
        try fixture.scan()
        #expect(try fixture.present == ["a.mp4"])
    }

    @Test func `At the limit of watches scans go on and say so`() throws {
        let fixture = try ScannerFixture(watches: 1)
        try fixture.write("1".utf8, to: "d/a.mp4")
        try fixture.scan()
        #expect(try fixture.present == ["d/a.mp4"])
        #expect(fixture.scanner.isLimited)
    }

    @Test func `Files that take the places of others that have moved keep their media items`() throws {
        let fixture = try ScannerFixture()
        for name in ["a", "b", "c", "d"] { try fixture.write(name.utf8, to: FilePath("\(name)/1.mp4")) }
        try fixture.scan()
        func media(_ name: String) throws -> MediaID? {
            try fixture.catalog.file(at: fixture.folder.appending(name).appending("1.mp4"))?.media
        }
        let before = try ["a", "b", "c", "d"].map { try #require(try media($0)) }
        try FileManager.default.createDirectory(
            atPath: fixture.folder.appending("e").string, withIntermediateDirectories: true)
        // Each one's place is the next one's, in both orders of directories.
        for (from, to) in [("a", "e"), ("b", "a"), ("c", "b"), ("d", "c")] {
            try FileManager.default.moveItem(
                atPath: fixture.folder.pushing(FilePath("\(from)/1.mp4")).string,
                toPath: fixture.folder.pushing(FilePath("\(to)/1.mp4")).string)
        }
        try fixture.scan()
        #expect(try ["e", "a", "b", "c"].map { try media($0) } == before)
        #expect(try fixture.present == ["e/1.mp4", "a/1.mp4", "b/1.mp4", "c/1.mp4"])
        #expect(try fixture.catalog.media(where: .all).count == 4)
    }

    @Test func `A moved file that has another name as well is found by both`() throws {
        let fixture = try ScannerFixture()
        let old = try fixture.write("1".utf8, to: "a/1.mp4")
        try fixture.scan()
        let media = try fixture.catalog.media(where: .all)
        for name in ["b", "c"] {
            let path = fixture.folder.appending(name)
            try FileManager.default.createDirectory(atPath: path.string, withIntermediateDirectories: true)
            try FileManager.default.linkItem(atPath: old.string, toPath: path.appending("1.mp4").string)
        }
        try fixture.remove("a/1.mp4")
        try fixture.scan()
        #expect(try fixture.present == ["b/1.mp4", "c/1.mp4"])
        #expect(try fixture.catalog.media(where: .all) == media)
    }

    @Test func `More files than are kept at once are moved with their folder`() throws {
        let fixture = try ScannerFixture()
        for number in 0..<600 { try fixture.write("\(number)".utf8, to: FilePath("d/\(number).mp4")) }
        try fixture.scan()
        fixture.told.withLock { $0 = [] }
        try FileManager.default.moveItem(
            atPath: fixture.folder.appending("d").string, toPath: fixture.folder.appending("e").string)
        try fixture.scan()
        #expect(try fixture.present == Set((0..<600).map { "e/\($0).mp4" }))
        let told = fixture.told.withLock { $0 }
        #expect(told.count { if case .mediaMoved = $0 { true } else { false } } == 600)
        #expect(!told.contains { if case .mediaFound = $0 { true } else { false } })
    }

    @Test func `A scan that is stopped gives no file up`() throws {
        let fixture = try ScannerFixture()
        try fixture.write("1".utf8, to: "a.mp4")
        try fixture.scan()
        try fixture.remove("a.mp4")
        try fixture.write("2".utf8, to: "b.mp4")
        try fixture.scanner.scan(ScanScope(roots: [fixture.root.id]), isStopped: { true })
        #expect(try fixture.present.contains("a.mp4"))
    }
}
