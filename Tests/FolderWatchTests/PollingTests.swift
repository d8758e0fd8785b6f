import Catalog
import FolderFakes
import FolderWatch
import Foundation
import Synchronization
import SystemPackage
import TestSupport
import Testing

struct PollingTests {
    @Test(
        arguments: [
            (0xEF53, false, nil), (0x6969, false, "NFS"), (0xFF53_4D42, false, "SMB"), (0xFE53_4D42, false, "SMB"),
            (0x6573_5546, false, "FUSE"), (0x0102_1997, false, "9P"), (0x00C3_6400, false, "Ceph"),
            (0x4D44, false, nil),
            (0x4D44, true, "removable FAT"), (0x2011_BAB0, true, "removable exFAT"), (0xEF53, true, "removable disk"),
            (0x6969, true, "NFS"), (0, false, nil),
        ] as [(UInt32, Bool, String?)])
    func `File systems that others change, and removable ones, are polled`(
        magic: UInt32, removable: Bool, reason: String?
    ) {
        #expect(FileSystemKind(magic: magic, isRemovable: removable).pollingReason == reason)
    }

    @Test func `The file system of a real folder is known, and one that isn't there is an error`() throws {
        let directory = try TemporaryDirectory()
        _ = try LinuxFileSystem().fileSystem(of: directory.path)
        #expect(try LinuxFileSystem().fileSystem(of: "/proc") == .local)
        #expect(throws: Errno.noSuchFileOrDirectory) { try LinuxFileSystem().fileSystem(of: "/nowhere/at/all") }
    }

    @Test func `The interval doubles while nothing changes, and begins anew after a change`() {
        var trees = PolledTrees(interval: 60, longest: 900)
        trees.add("/n", because: .fileSystem("NFS"), at: 0)
        trees.add("/n/below", because: .fileSystem("NFS"), at: 0)
        #expect(trees.nextPoll == 60)
        var due = trees.takeDue(at: 59)
        #expect(due.isEmpty)
        due = trees.takeDue(at: 60)
        // A look that fails is not made again at once.
        #expect(due == ["/n"] && trees.nextPoll == 120)
        var now = 60.0
        for interval in [120.0, 240, 480, 900, 900] {
            trees.looked(below: "/n", changed: ["/other/n"], seconds: 0, at: now)
            #expect(trees.nextPoll == now + interval)
            now += interval
        }
        trees.looked(below: "/", changed: ["/n/deep/er"], seconds: 0, at: now)
        #expect(trees.nextPoll == now + 60 && trees.summary(below: "/")?.interval == 60)
        // A look that takes long is not taken often.
        trees.looked(below: "/n", changed: ["/n"], seconds: 30, at: now)
        #expect(trees.nextPoll == now + 600)
        trees.forget(below: "/")
        #expect(trees.nextPoll == nil && trees.summary(below: "/") == nil)
    }

    @Test func `A tree without a watch is polled until it has one`() {
        var trees = PolledTrees(interval: 60, longest: 900)
        trees.add("/a", because: .watchLimit, at: 0)
        trees.add("/a/b", because: .watchLimit, at: 0)
        trees.add("/a/n", because: .fileSystem("NFS"), at: 0)
        #expect(trees.isLimited)
        #expect(trees.summary(below: "/a")?.trees == [.watchLimit: 1, .fileSystem("NFS"): 1])
        trees.remove("/a/n", because: .watchLimit)
        trees.remove("/a", because: .watchLimit)
        let due = trees.takeDue(at: 60)
        #expect(!trees.isLimited && due == ["/a/n"])
    }

    @Test func `A change that nobody tells is found on a shared file system when its time has come`() throws {
        let fixture = try ScannerFixture()
        fixture.files.faults.withLock { $0.fileSystems = [fixture.folder: .shared("NFS")] }
        try fixture.write("1".utf8, to: "d/a.mp4")
        try fixture.scan()
        let summary = try #require(fixture.scanner.polled(in: fixture.root))
        #expect(summary.trees == [.fileSystem("NFS"): 1])
        #expect(summary.interval == 60 && fixture.scanner.nextLook != nil)
        try fixture.write("2".utf8, to: "d/e/b.mp4")
        try fixture.remove("d/a.mp4")
        fixture.clock.advance(59)
        try fixture.scan(ScanScope())
        #expect(try fixture.present == ["d/a.mp4"])
        fixture.clock.advance(1)
        try fixture.scan(ScanScope())
        #expect(try fixture.present == ["d/e/b.mp4"])
        #expect(fixture.scanner.polled(in: fixture.root)?.interval == 60)
        #expect(fixture.told.withLock { $0.count { $0 == .scanStarted(fixture.root.id) } } == 1)
    }

    @Test func `A polled root that is away is not looked at all the time, and is polled again when it is back`() throws
    {
        let fixture = try ScannerFixture()
        fixture.files.faults.withLock { $0.fileSystems = [fixture.folder: .shared("NFS")] }
        try fixture.write("1".utf8, to: "a.mp4")
        try fixture.scan()
        fixture.files.faults.withLock { $0.missing = [fixture.folder] }
        fixture.clock.advance(120)
        try fixture.scan(ScanScope())
        #expect(try fixture.state == .offline)
        #expect(fixture.scanner.nextLook == nil && fixture.scanner.polled(in: fixture.root) == nil)
        fixture.files.faults.withLock { $0.missing = [] }
        try fixture.scan(ScanScope(directories: [fixture.folder]))
        #expect(fixture.scanner.polled(in: fixture.root) != nil)
    }

    @Test func `Files in folders without a watch leave with the folder above that is deleted`() throws {
        let fixture = try ScannerFixture(watches: 1)
        for name in ["d/e/a.mp4", "d/e/f/b.mp4", "d-e/c.mp4", "d.mp4"] {
            try fixture.write(name.utf8, to: FilePath(name))
        }
        // The one that is deleted is watched, and those in it are not.
        try fixture.scan()
        fixture.watcher.allow(2)
        try fixture.scan(ScanScope(directories: [fixture.folder.appending("d")]))
        try fixture.remove("d")
        try fixture.scan(ScanScope(directories: [fixture.folder, fixture.folder.appending("d")]))
        #expect(try fixture.present == ["d-e/c.mp4", "d.mp4"])
    }

    @Test func `A folder that gets a watch is polled on as long as what lies below it has none`() throws {
        let fixture = try ScannerFixture(watches: 1)
        try fixture.write("1".utf8, to: "d/e/a.mp4")
        try fixture.scan()
        #expect(fixture.watcher.watched == [fixture.folder])
        fixture.watcher.allow(2)
        // It alone is looked at, as for a file that settles.
        try fixture.scan(ScanScope(directories: [fixture.folder.appending("d")]))
        #expect(fixture.watcher.watched == [fixture.folder, fixture.folder.appending("d")])
        try fixture.write("2".utf8, to: "d/e/b.mp4")
        fixture.clock.advance(900)
        try fixture.scan(ScanScope())
        #expect(try fixture.present == ["d/e/a.mp4", "d/e/b.mp4"])
        #expect(fixture.scanner.polled(in: fixture.root)?.trees == [.watchLimit: 1])
    }

    @Test func `Where watches run out the rest is polled, told of once, and watched when there are some again`() throws
    {
        let fixture = try ScannerFixture(watches: 2)
        for name in ["d/a.mp4", "e/f/b.mp4", "e/g/c.mp4"] { try fixture.write(name.utf8, to: FilePath(name)) }
        try fixture.scan()
        #expect(fixture.scanner.isLimited && fixture.watcher.count == 2)
        let told = fixture.told.withLock { $0.filter { if case .watchesExhausted = $0 { true } else { false } } }
        #expect(told.count == 1)
        // At most one of the two is watched.
        for name in ["d/2.mp4", "e/f/2.mp4"] { try fixture.write("new \(name)".utf8, to: FilePath(name)) }
        fixture.clock.advance(900)
        try fixture.scan(ScanScope())
        let unwatched = fixture.watcher.watched.contains(fixture.folder.appending("d")) ? "e/f/2.mp4" : "d/2.mp4"
        #expect(try fixture.present.contains(unwatched))
        fixture.watcher.allow(.max)
        try fixture.scan()
        #expect(!fixture.scanner.isLimited && fixture.watcher.count == 5)
        #expect(fixture.scanner.polled(in: fixture.root) == nil)
    }

    @Test func `A tree of paths gives up a subtree and keeps what only begins alike`() {
        var tree = PathTree<Int>()
        for (number, path) in ["/", "/a", "/a/b", "/a/b/c/d", "/ab", "/a/bc"].enumerated() {
            tree[FilePath(path)] = number
        }
        #expect(tree.count == 6 && tree["/a/b/c/d"] == 3 && tree["/a/b/c"] == nil && tree["/x"] == nil)
        var removed = tree.removeTree("/a/b")
        #expect(removed.sorted() == [2, 3])
        #expect(tree.count == 4 && tree["/a/b"] == nil && tree["/a/b/c/d"] == nil && tree["/a/bc"] == 5)
        tree["/a"] = nil
        #expect(tree["/a"] == nil && tree["/a/bc"] == 5 && tree.count == 3)
        tree["/ab"] = 9
        #expect(tree["/ab"] == 9 && tree.count == 3)
        removed = tree.removeTree("/none")
        #expect(removed.isEmpty)
        removed = tree.removeTree("/")
        #expect(removed.sorted() == [0, 5, 9] && tree.count == 0)
        for path in ["/a/b", "/c"] { tree[FilePath(path)] = 1 }
        #expect(tree.count == 2 && tree["/a/b"] == 1)
    }
}
