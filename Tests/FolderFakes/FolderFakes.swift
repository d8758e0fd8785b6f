import Basics
package import Catalog
package import FolderWatch
internal import Foundation
package import Synchronization
package import SystemPackage
import Threads

/// Time that stands still until it is moved; who sleeps wakes when it is moved far enough.
package final class ManualClock: WallClock {
    private struct State {
        var now: Timestamp
        /// Begins elsewhere, so that nobody takes one for the other.
        var uptime = 77.0
        var waitsForNobody = false
        /// By the clock that nobody sets.
        var sleepers: [UUID: (until: Double, continuation: CheckedContinuation<Void, any Error>)] = [:]
    }

    private let state: Mutex<State>
    /// Where it stood first.
    package let start: Timestamp

    /// - Parameter ahead: of the system's time, in seconds; far enough ahead, every real file is settled.
    package init(ahead: Double = 1000) {
        start = Date().timeIntervalSince1970 + ahead
        state = Mutex(State(now: start))
    }

    package var now: Timestamp { state.withLock { $0.now } }
    package var uptime: Double { state.withLock { $0.uptime } }

    /// Somebody sets the time of day.
    package func set(_ seconds: Double) { state.withLock { $0.now += seconds } }

    package func advance(_ seconds: Double) {
        let due = state.withLock { state in
            state.now += seconds
            state.uptime += seconds
            let due = state.sleepers.filter { $0.value.until <= state.uptime }
            for key in due.keys { state.sleepers[key] = nil }
            return due.values.map(\.continuation)
        }
        for continuation in due { continuation.resume() }
    }

    /// From now on time jumps to the end of each sleep as soon as it begins.
    package func waitsForNobody() {
        let latest = state.withLock { state in
            state.waitsForNobody = true
            return state.sleepers.values.map(\.until).max() ?? state.uptime
        }
        advance(latest - uptime)
    }

    package func sleep(seconds: Double) async throws {
        // Even where no time passes others get their turn.
        await Task.yield()
        let key = UUID()
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                let outcome: Result<Void, any Error>? = state.withLock { state in
                    if Task.isCancelled { return .failure(CancellationError()) }
                    if state.waitsForNobody {
                        state.now += seconds
                        state.uptime += seconds
                        return .success(())
                    }
                    state.sleepers[key] = (state.uptime + seconds, continuation)
                    return nil
                }
                if let outcome { continuation.resume(with: outcome) }
            }
        } onCancel: {
            let sleeper = state.withLock { $0.sleepers.removeValue(forKey: key) }
            sleeper?.continuation.resume(throwing: CancellationError())
        }
    }
}

/// The real file system, except for what a test says.
package final class FaultyFileSystem: FileSystem {
    package struct Faults {
        package var unreadable: Set<FilePath> = []
        package var unlistable: Set<FilePath> = []
        package var missing: Set<FilePath> = []
        /// Can't be looked at, though they are listed.
        package var concealed: Set<FilePath> = []
        package var open: Set<FilePath> = []
        /// Device of everything below a directory.
        package var devices: [FilePath: UInt64] = [:]
        /// Added to the inode of everything below a directory.
        package var inodes: [FilePath: UInt64] = [:]
        /// What everything below a directory lies on.
        package var fileSystems: [FilePath: FileSystemKind] = [:]
        /// When everything last changed.
        package var changedAt: Timestamp?
    }

    package let faults = Mutex(Faults())
    private let real = LinuxFileSystem()

    package init() {}

    package func attributes(of path: FilePath, followsLinks: Bool) throws(Errno) -> FileAttributes {
        let faults = faults.withLock { $0 }
        guard !faults.missing.contains(where: { path.starts(with: $0) }) else { throw .noSuchFileOrDirectory }
        guard !faults.concealed.contains(path) else { throw .permissionDenied }
        var attributes = try real.attributes(of: path, followsLinks: followsLinks)
        let tops = faults.devices.filter { path.starts(with: $0.key) }
        if let inner = tops.max(by: { $0.key.components.count < $1.key.components.count }) {
            attributes.stamp.device = inner.value
        }
        for (directory, number) in faults.inodes where path.starts(with: directory) {
            attributes.stamp.inode += number
        }
        if let time = faults.changedAt { attributes.changedAt = time }
        return attributes
    }

    package func entries(of directory: FilePath) throws(Errno) -> [DirectoryEntry] {
        let faults = faults.withLock { $0 }
        guard !faults.missing.contains(where: { directory.starts(with: $0) }) else { throw .noSuchFileOrDirectory }
        guard !faults.unlistable.contains(directory) else { throw .permissionDenied }
        return try real.entries(of: directory).filter { !faults.missing.contains(directory.appending($0.name)) }
    }

    package func identity(of file: FilePath) throws(Errno) -> ContentIdentity {
        guard !faults.withLock({ $0.unreadable.contains(file) }) else { throw .permissionDenied }
        return try real.identity(of: file)
    }

    package func contents(of file: FilePath, limit: Int) throws(Errno) -> [UInt8] {
        guard !faults.withLock({ $0.unreadable.contains(file) }) else { throw .permissionDenied }
        return try real.contents(of: file, limit: limit)
    }

    package func target(of path: FilePath) throws(Errno) -> FilePath { try real.target(of: path) }

    package func fileSystem(of directory: FilePath) throws(Errno) -> FileSystemKind {
        let kinds = faults.withLock { $0.fileSystems }
        return kinds.first { directory.starts(with: $0.key) }?.value ?? .local
    }

    package func isOpenForWriting(_ file: FilePath) -> Bool { faults.withLock { $0.open.contains(file) } }
}

/// Remembers what is watched, and tells what a test says.
package final class FakeWatcher: DirectoryWatcher {
    private struct State {
        var watched: Set<FilePath> = []
        var limit = Int.max
        var hints = WatchHints()
        var onHint: (@Sendable () -> Void)?
        var onWatch: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    package init(limit: Int = .max) {
        state.withLock { $0.limit = limit }
    }

    /// Lets more directories be watched, or fewer.
    package func allow(_ limit: Int) { state.withLock { $0.limit = limit } }

    package var watched: Set<FilePath> { state.withLock { $0.watched } }
    package var count: Int { watched.count }

    package func watch(_ directory: FilePath) -> WatchOutcome {
        state.withLock { $0.onWatch }?()
        return state.withLock { state in
            guard state.watched.contains(directory) || state.watched.count < state.limit else { return .limitReached }
            state.watched.insert(directory)
            return .watching
        }
    }

    package func unwatch(tree: FilePath) {
        state.withLock { $0.watched = $0.watched.filter { !$0.starts(with: tree) } }
    }

    package func takeHints() -> WatchHints {
        state.withLock { state in
            defer { state.hints = WatchHints() }
            return state.hints
        }
    }

    /// Runs `body` before each directory is watched, and so before it is read.
    package func onWatch(_ body: @escaping @Sendable () -> Void) { state.withLock { $0.onWatch = body } }

    package func onHint(_ body: @escaping @Sendable () -> Void) { state.withLock { $0.onHint = body } }

    package func tell(_ hints: WatchHints) {
        let body = state.withLock { state in
            state.hints = hints
            return state.onHint
        }
        body?()
    }
}
