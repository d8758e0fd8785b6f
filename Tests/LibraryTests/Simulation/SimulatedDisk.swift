import Basics
import Catalog
import FolderFakes
import FolderWatch
import Foundation
import Glibc
import Synchronization
import SystemPackage

/// A disk in memory, with file systems that are mounted and taken away, and a kernel that tells of changes as inotify(7) does.
///
/// Inodes are used again as soon as they are free. Times are those of a clock that a test moves and sets.
final class SimulatedDisk: FileSystem, DirectoryWatcher {
    typealias Serial = Int

    struct Node {
        var kind: FileKind
        var device: UInt64
        var inode: UInt64
        var content: [UInt8] = []
        /// Nanoseconds since 1970.
        var modified: Int64 = 0
        var changedAt: Timestamp = 0
        var children: [String: Serial] = [:]
        /// By how many it is open to write.
        var writers = 0
        var isUnlistable = false
        /// Its watch.
        var watch: Int32?
    }

    struct State {
        var nodes: [Serial: Node] = [:]
        /// The tops of what is mounted, by the directory that it is mounted on.
        var mounts: [Serial: Serial] = [:]
        var lastSerial = 0
        var freeInodes: [UInt64: [UInt64]] = [:]
        var lastInodes: [UInt64: UInt64] = [:]
        var lastWatch: Int32 = 0
        /// Those that were made, of which some have ended.
        var watched: [Int32: Serial] = [:]
        var limit = Int.max
        /// What the kernel has to tell.
        var events: [InotifyEvent] = []
        var table = WatchTable()
        var onHint: (@Sendable () -> Void)?
        var now: Timestamp = 0
        /// Lets every time of modification be another.
        var lastModified: Int64 = 0
    }

    static let top: Serial = 0
    private static let eventLimit = 4096

    private let state = Mutex(State())
    private let clock: ManualClock
    private let interruption = Mutex<Interruption?>(nil)

    private struct Interruption {
        /// Of what others look at meanwhile nobody knows the order.
        var thread: pthread_t
        var body: @Sendable () -> Void
    }

    init(clock: ManualClock) {
        self.clock = clock
        state.withLock { $0.nodes[Self.top] = Node(kind: .directory, device: 1, inode: 2) }
    }

    /// Has something happen before this thread watches or reads a directory and before it looks at a file.
    func interrupt(with body: (@Sendable () -> Void)?) {
        interruption.withLock { $0 = body.map { Interruption(thread: pthread_self(), body: $0) } }
    }

    private func mayBeInterrupted() {
        guard let interruption = interruption.withLock({ $0 }), pthread_equal(interruption.thread, pthread_self()) != 0
        else { return }
        interruption.body()
    }

    // MARK: What Saccade asks

    func attributes(of path: FilePath, followsLinks: Bool) throws(Errno) -> FileAttributes {
        mayBeInterrupted()
        return try state.withLock { state throws(Errno) in
            let node = try state.node(at: path)
            return FileAttributes(
                kind: node.kind,
                stamp: FileStamp(
                    size: node.kind == .regular ? Int64(node.content.count) : 4096, modified: node.modified,
                    device: node.device, inode: node.inode),
                changedAt: max(node.changedAt, Double(node.modified) * 1e-9))
        }
    }

    func entries(of directory: FilePath) throws(Errno) -> [DirectoryEntry] {
        mayBeInterrupted()
        return try state.withLock { state throws(Errno) in
            let node = try state.node(at: directory)
            guard node.kind == .directory else { throw .notDirectory }
            guard !node.isUnlistable else { throw .permissionDenied }
            return node.children.sorted { $0.key < $1.key }.compactMap { name, serial in
                FilePath.Component(name).map { DirectoryEntry(name: $0, kind: state.nodes[serial]?.kind) }
            }
        }
    }

    func identity(of file: FilePath) throws(Errno) -> ContentIdentity {
        Self.identity(of: try read(file))
    }

    static func identity(of content: [UInt8]) -> ContentIdentity {
        // Contents differ in their beginnings, and their parts in their ends.
        let beginning = (content.prefix(15) + [UInt8](repeating: 0, count: 15)).prefix(15)
        let digest = Array(beginning) + [content.last ?? 0]
        return ContentIdentity(size: Int64(content.count), digest: digest)
    }

    func contents(of file: FilePath, limit: Int) throws(Errno) -> [UInt8] {
        Array(try read(file).prefix(limit))
    }

    func read(_ file: FilePath) throws(Errno) -> [UInt8] {
        try state.withLock { state throws(Errno) in
            let node = try state.node(at: file)
            guard node.kind == .regular else { throw .invalidArgument }
            return node.content
        }
    }

    func target(of path: FilePath) throws(Errno) -> FilePath { path }

    func fileSystem(of directory: FilePath) throws(Errno) -> FileSystemKind { .local }

    func isOpenForWriting(_ file: FilePath) -> Bool {
        state.withLock { state in (try? state.node(at: file)).map { $0.writers > 0 } ?? false }
    }

    // MARK: What the kernel tells

    func watch(_ directory: FilePath) -> WatchOutcome {
        mayBeInterrupted()
        return state.withLock { state in
            let serial: Serial
            do throws(Errno) {
                serial = try state.serial(at: directory)
            } catch {
                return .failed(error)
            }
            guard let node = state.nodes[serial], node.kind == .directory else { return .failed(.notDirectory) }
            guard !node.isUnlistable else { return .failed(.permissionDenied) }
            if let watch = node.watch {
                state.table.add(watch, of: directory)
                return .watching
            }
            guard state.watched.count < state.limit else { return .limitReached }
            state.lastWatch += 1
            state.watched[state.lastWatch] = serial
            state.nodes[serial]?.watch = state.lastWatch
            state.table.add(state.lastWatch, of: directory)
            return .watching
        }
    }

    func unwatch(tree: FilePath) {
        state.withLock { state in
            for watch in state.table.remove(tree: tree) { state.end(watch) }
        }
    }

    var count: Int { state.withLock { $0.table.count } }

    func takeHints() -> WatchHints { state.withLock { $0.table.takeHints() } }

    func onHint(_ body: @escaping @Sendable () -> Void) { state.withLock { $0.onHint = body } }

    /// Lets more directories be watched, or fewer.
    func allow(watches: Int) { state.withLock { $0.limit = watches } }

    /// Has the events read that the kernel holds; with too many, all of them are lost.
    func deliver(overflows: Bool = false) {
        let body = state.withLock { state in
            if overflows || state.events.count > Self.eventLimit {
                state.events = [InotifyEvent(watch: -1, mask: UInt32(IN_Q_OVERFLOW), name: nil)]
            }
            let events = state.events
            state.events = []
            for event in events {
                for watch in state.table.take(event) { state.end(watch) }
            }
            return state.table.hasHints ? state.onHint : nil
        }
        body?()
    }

    /// Whoever watched is gone, and a new one begins.
    func forgetWatches() {
        state.withLock { state in
            for serial in state.watched.values { state.nodes[serial]?.watch = nil }
            state.watched = [:]
            state.events = []
            state.table = WatchTable()
            state.onHint = nil
        }
    }

    // MARK: What people and programs do

    /// Runs `body` on the disk, at the time that the clock shows.
    func change<Value: Sendable, Failure: Error>(
        _ body: (inout State) throws(Failure) -> Value
    ) throws(Failure) -> Value {
        try state.withLock { state throws(Failure) in
            let now = clock.now
            state.lastModified = max(state.lastModified + 1, Int64(now * 1e9))
            state.now = now
            return try body(&state)
        }
    }

    func look<Value: Sendable>(_ body: (State) -> Value) -> Value { state.withLock { body($0) } }
}
