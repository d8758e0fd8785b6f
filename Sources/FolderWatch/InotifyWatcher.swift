import Basics
internal import CLinux
internal import Dispatch
internal import Glibc
internal import Synchronization
package import SystemPackage

/// Watches directories with inotify(7).
package final class InotifyWatcher: DirectoryWatcher {
    private struct State {
        var table = WatchTable()
        var onHint: (@Sendable () -> Void)?
    }

    private let descriptor: Int32
    private let state = Mutex(State())
    private let watched = Atomic<Int>(0)
    /// Only made, activated and cancelled: by `init` and `deinit`, which nothing else runs beside.
    private nonisolated(unsafe) let source: any DispatchSourceRead

    /// - Throws: `Errno`; `EMFILE` when this user has too many instances of inotify (`fs.inotify.max_user_instances`).
    package init() throws(Errno) {
        let descriptor = inotify_init1(Int32(IN_NONBLOCK) | Int32(IN_CLOEXEC))
        guard descriptor >= 0 else { throw Errno(rawValue: errno) }
        self.descriptor = descriptor
        let source = DispatchSource.makeReadSource(
            fileDescriptor: descriptor, queue: DispatchQueue(label: "saccade.inotify"))
        unsafe self.source = source
        source.setEventHandler { @Sendable [weak self] in self?.readEvents() }
        source.setCancelHandler { @Sendable in close(descriptor) }
        source.activate()
    }

    deinit {
        unsafe source.cancel()
    }

    /// Without the lock, which is held while the kernel looks at a directory, on a file system that may hang.
    package var count: Int { watched.load(ordering: .relaxed) }

    package func onHint(_ body: @escaping @Sendable () -> Void) {
        state.withLock { $0.onHint = body }
    }

    package func takeHints() -> WatchHints { state.withLock { $0.table.takeHints() } }

    package func watch(_ directory: FilePath) -> WatchOutcome {
        state.withLock { state in
            let watch = unsafe directory.withPlatformString {
                unsafe inotify_add_watch(descriptor, $0, saccade_inotify_mask())
            }
            guard watch >= 0 else {
                let failure = Errno(rawValue: errno)
                return failure == .noSpace ? .limitReached : .failed(failure)
            }
            state.table.add(watch, of: directory)
            watched.store(state.table.count, ordering: .relaxed)
            return .watching
        }
    }

    package func unwatch(tree: FilePath) {
        state.withLock { state in
            for watch in state.table.remove(tree: tree) { inotify_rm_watch(descriptor, watch) }
            watched.store(state.table.count, ordering: .relaxed)
        }
    }

    private func readEvents() {
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        var told = false
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes {
                unsafe Glibc.read(descriptor, $0.baseAddress, $0.count)
            }
            guard count > 0 else { break }
            state.withLock { state in
                for event in InotifyEvent.parse(buffer[..<count]) {
                    for watch in state.table.take(event) { inotify_rm_watch(descriptor, watch) }
                }
                watched.store(state.table.count, ordering: .relaxed)
                told = told || state.table.hasHints
            }
        }
        guard told else { return }
        let body = state.withLock { $0.onHint }
        body?()
    }
}

/// One record of what reading an inotify descriptor yields.
package struct InotifyEvent: Sendable, Equatable {
    package var watch: Int32
    package var mask: UInt32
    /// Of the entry in the watched directory; nil for an event of the directory itself.
    package var name: FilePath.Component?

    package init(watch: Int32, mask: UInt32, name: FilePath.Component?) {
        self.watch = watch
        self.mask = mask
        self.name = name
    }

    func has<Flag: BinaryInteger>(_ flag: Flag) -> Bool { mask & UInt32(truncatingIfNeeded: flag) != 0 }

    /// The records in `bytes`; a truncated last one is left out.
    package static func parse(_ bytes: ArraySlice<UInt8>) -> [InotifyEvent] {
        var events: [InotifyEvent] = []
        var at = bytes.startIndex
        func word(_ offset: Int) -> UInt32 {
            (0..<4).reduce(0) { $0 | UInt32(bytes[at + offset + $1]) << UInt32(8 * $1) }
        }
        while at + 16 <= bytes.endIndex {
            let length = Int(word(12))
            guard at + 16 + length <= bytes.endIndex else { break }
            let name = FilePath(bytes: bytes[(at + 16)..<(at + 16 + length)])
            events.append(
                InotifyEvent(watch: Int32(bitPattern: word(0)), mask: word(4), name: name.lastComponent))
            at += 16 + length
        }
        return events
    }
}
