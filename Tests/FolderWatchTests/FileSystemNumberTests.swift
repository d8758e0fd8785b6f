import Basics
import Catalog
import FolderFakes
import FolderWatch
import Foundation
import Synchronization
import SystemPackage
import TestSupport
import Testing

/// File systems in a root that have other numbers each time that they are mounted.
struct FileSystemNumberTests {
    /// A root with `b.mp4`, and with disks mounted on `x` and `y` that have three files each, in `.`, `d` and `e`.
    private struct Disks {
        let fixture: ScannerFixture

        init() throws {
            fixture = try ScannerFixture()
            try fixture.write("b".utf8, to: "b.mp4")
            for disk in ["x", "y"] { try fill(disk) }
            number(root: 5, x: 6, y: 7)
            try fixture.scan()
        }

        func fill(_ disk: String) throws {
            for name in ["a.mp4", "d/a.mp4", "e/a.mp4"] {
                try fixture.write("\(disk)/\(name)".utf8, to: FilePath("\(disk)/\(name)"))
            }
        }

        func path(_ name: String) -> FilePath { fixture.folder.appending(name) }

        /// Gives the file systems numbers; one without is not mounted, and what it is mounted on is empty.
        func number(root: UInt64, x: UInt64?, y: UInt64?) {
            fixture.files.faults.withLock { faults in
                faults.devices = [fixture.folder: root]
                faults.missing = []
                for (disk, device) in [(path("x"), x), (path("y"), y)] {
                    if let device {
                        faults.devices[disk] = device
                    } else {
                        for name in ["a.mp4", "d", "e"] { faults.missing.insert(disk.appending(name)) }
                    }
                }
            }
        }

        func hide(_ name: String) { fixture.files.faults.withLock { $0.unlistable = [path(name)] } }

        func showAll() throws {
            fixture.files.faults.withLock { $0.unlistable = [] }
            try fixture.scan()
        }

        /// The daemon is started again.
        func restart() throws -> Disks { Disks(fixture: try ScannerFixture(after: fixture)) }

        private init(fixture: ScannerFixture) {
            self.fixture = fixture
        }

        var all: Set<String> { ["b.mp4", "x/a.mp4", "x/d/a.mp4", "x/e/a.mp4", "y/a.mp4", "y/d/a.mp4", "y/e/a.mp4"] }
    }

    @Test(arguments: [false, true])
    func `What was deleted from a disk with another number leaves, also where it couldn't be looked at at first`(
        isSeenInPart: Bool
    ) throws {
        let disks = try Disks()
        try disks.fixture.remove("x/d")
        try disks.fixture.remove("x/e/a.mp4")
        disks.number(root: 5, x: 8, y: 7)
        disks.hide("x/e")
        if isSeenInPart {
            try disks.fixture.scanner.scan(ScanScope(directories: [disks.path("x")]))
        }
        try disks.fixture.scan()
        #expect(try disks.fixture.present == disks.all.subtracting(["x/d/a.mp4"]))
        try disks.showAll()
        #expect(try disks.fixture.present == disks.all.subtracting(["x/d/a.mp4", "x/e/a.mp4"]))
    }

    @Test(arguments: [false, true])
    func `Two disks that have each other's numbers are told apart`(restarts: Bool) throws {
        var disks = try Disks()
        try disks.fixture.remove("x/d")
        try disks.fixture.remove("x/e/a.mp4")
        try disks.fixture.remove("y/e/a.mp4")
        disks.number(root: 5, x: 7, y: 6)
        if restarts { disks = try disks.restart() }
        disks.hide("x/e")
        try disks.fixture.scan(ScanScope(directories: [disks.path("x")]))
        try disks.fixture.scan()
        #expect(try disks.fixture.present == disks.all.subtracting(["x/d/a.mp4", "y/e/a.mp4"]))
        try disks.fixture.remove("y/d")
        try disks.showAll()
        #expect(
            try disks.fixture.present
                == disks.all.subtracting(["x/d/a.mp4", "x/e/a.mp4", "y/d/a.mp4", "y/e/a.mp4"]))
    }

    @Test(arguments: [false, true])
    func `A disk that is away keeps its files though the root or another disk has its number`(restarts: Bool) throws {
        var disks = try Disks()
        // As when the disks of a machine are counted without one.
        disks.number(root: 6, x: nil, y: 5)
        if restarts { disks = try disks.restart() }
        for _ in 0..<3 { try disks.fixture.scan(ScanScope(everything: true)) }
        #expect(try disks.fixture.present == disks.all)
        // It is back, without what was deleted elsewhere.
        try disks.fixture.remove("x/e")
        disks.number(root: 5, x: 6, y: 7)
        if restarts { disks = try disks.restart() }
        try disks.fixture.scan()
        #expect(try disks.fixture.present == disks.all.subtracting(["x/e/a.mp4"]))
    }

    @Test(arguments: [6, 8] as [UInt64])
    func `A disk in the place of another leaves the other's files in the index`(number: UInt64) throws {
        let disks = try Disks()
        disks.number(root: 5, x: nil, y: 7)
        try disks.fixture.scan()
        disks.number(root: 5, x: number, y: 7)
        // Other files with the inodes of those that are away.
        try disks.fixture.write("other".utf8, to: "x/a.mp4")
        try disks.fixture.write("others".utf8, to: "x/d/a.mp4")
        try disks.fixture.remove("x/e")
        for _ in 0..<2 { try disks.fixture.scan() }
        #expect(try disks.fixture.present == disks.all)
    }

    @Test func `Files that have other inodes with each mount say which disk they are on`() throws {
        let disks = try Disks()
        try disks.fixture.remove("x/e")
        disks.number(root: 5, x: 8, y: 7)
        disks.fixture.files.faults.withLock { $0.inodes = [disks.path("x"): 1 << 40] }
        try disks.fixture.scan()
        #expect(try disks.fixture.present == disks.all.subtracting(["x/e/a.mp4"]))
    }

    @Test func `A root is the same one where all that is known is on disks in it`() throws {
        var disks = try Disks()
        try disks.fixture.remove("b.mp4")
        try disks.fixture.scan()
        disks.number(root: 9, x: 6, y: 10)
        disks = try disks.restart()
        try disks.fixture.remove("y/e")
        try disks.fixture.scan()
        #expect(try disks.fixture.state == .online)
        #expect(try disks.fixture.present == disks.all.subtracting(["b.mp4", "y/e/a.mp4"]))
    }

    @Test func `A link is where it lies, whatever it leads to`() throws {
        let disks = try Disks()
        let link = disks.path("x").appending("link.mp4")
        try FileManager.default.createSymbolicLink(
            atPath: link.string, withDestinationPath: disks.path("b.mp4").string)
        try disks.fixture.scan()
        #expect(try disks.fixture.catalog.file(at: link)?.stamp.device == 6)
        try disks.fixture.remove("x/link.mp4")
        try disks.fixture.scan()
        #expect(try disks.fixture.catalog.file(at: link)?.deletedAt != nil)
    }

    @Test
    func
        `A file that was indexed by name leaves when it is gone, though it couldn't be looked at when its disk got another number`()
        throws
    {
        let fixture = try ScannerFixture()
        var paths: [FilePath] = []
        for name in ["a.mp4", "b.mp4", "d/c.mp4"] {
            let path = try fixture.write(name.utf8, to: FilePath("../named/\(name)"))
            paths.append(try FilePath.realPath(of: path))
        }
        let folder = paths[0].removingLastComponent()
        func number(_ device: UInt64) { fixture.files.faults.withLock { $0.devices = [folder: device] } }
        number(5)
        for path in paths {
            let stamp = try fixture.files.attributes(of: path, followsLinks: true).stamp
            _ = try fixture.catalog.recordFile(
                path, root: nil, stamp: stamp, identity: fixture.files.identity(of: path), at: 0)
        }
        let named = StandaloneFiles(catalog: fixture.catalog, files: fixture.files)
        number(6)
        fixture.files.faults.withLock {
            $0.concealed = [paths[1]]
            $0.missing = [folder.appending("d")]
        }
        #expect(try named.giveUpGone(at: 1).isEmpty)
        fixture.files.faults.withLock { $0.concealed = [] }
        try FileManager.default.removeItem(atPath: paths[1].string)
        #expect(try named.giveUpGone(at: 1).count == 1)
        // Its folder is back, without it.
        fixture.files.faults.withLock { $0.missing = [paths[2]] }
        #expect(try named.giveUpGone(at: 1).count == 1)
        #expect(try fixture.catalog.file(at: paths[0])?.deletedAt == nil)
    }
}
