import FolderWatch
import Foundation
import Glibc
import SystemPackage
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct InotifyWatcherTests {
    /// Waits for hints until they hold what is wanted.
    private func hints(
        of watcher: InotifyWatcher, after change: () throws -> Void, until isWanted: (WatchHints) -> Bool
    ) async throws -> WatchHints {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
        watcher.onHint { continuation.yield() }
        try change()
        var all = WatchHints()
        for await _ in stream {
            let hints = watcher.takeHints()
            all.directories.formUnion(hints.directories)
            all.trees.formUnion(hints.trees)
            if isWanted(all) { return all }
        }
        return all
    }

    @Test func `Written, made and moved entries are hints at their directories`() async throws {
        let directory = try TemporaryDirectory()
        let watcher = try InotifyWatcher()
        #expect(watcher.watch(directory.path) == .watching)
        _ = try await hints(of: watcher) {
            try directory.write(Data("1".utf8), to: "a.mp4")
        } until: {
            $0.directories.contains(directory.path)
        }
        let made = try await hints(of: watcher) {
            try FileManager.default.createDirectory(
                atPath: directory.path.appending("d").string, withIntermediateDirectories: false)
        } until: {
            !$0.trees.isEmpty
        }
        #expect(made.trees == [directory.path.appending("d")])
        #expect(watcher.watch(directory.path.appending("d")) == .watching && watcher.count == 2)
        let moved = try await hints(of: watcher) {
            try FileManager.default.moveItem(
                atPath: directory.path.appending("d").string, toPath: directory.path.appending("e").string)
        } until: {
            $0.trees.count == 2
        }
        #expect(moved.trees == [directory.path.appending("d"), directory.path.appending("e")])
        #expect(watcher.count == 1)
        #expect(watcher.watch(directory.path.appending("e")) == .watching)
    }

    @Test func `What isn't a directory can't be watched`() throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write(Data(), to: "f")
        let watcher = try InotifyWatcher()
        #expect(watcher.watch(file) == .failed(.notDirectory))
        #expect(watcher.watch(directory.path.appending("none")) == .failed(.noSuchFileOrDirectory))
    }

    @Test func `A truncated record is left out`() {
        let record: [UInt8] = [7, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0x61, 0, 0, 0]
        #expect(InotifyEvent.parse(record[...]) == [InotifyEvent(watch: 7, mask: 2, name: "a")])
        for count in 0..<record.count { #expect(InotifyEvent.parse(record[..<count]).isEmpty) }
    }

    @Test func `A folder that is moved itself, or unmounted, is a hint at all that is at its path now`() {
        for mask in [IN_MOVE_SELF, IN_UNMOUNT] {
            var table = WatchTable()
            table.add(1, of: "/a/b")
            let ended = table.take(InotifyEvent(watch: 1, mask: UInt32(mask), name: nil))
            let hints = table.takeHints()
            #expect(ended.isEmpty && hints.trees == ["/a/b"] && hints.directories.contains("/a/b"))
        }
    }

    @Test func `A folder at the path of one that was moved away stays watched when the moved one is seen again`() {
        var table = WatchTable()
        table.add(1, of: "/a")
        table.add(2, of: "/a")
        table.add(1, of: "/b")
        #expect(table.remove(tree: "/a") == [2] && table.remove(tree: "/b") == [1] && table.count == 0)
    }
}
