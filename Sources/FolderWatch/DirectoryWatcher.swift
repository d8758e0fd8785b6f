package import SystemPackage

/// Tells in which directories something may have changed. Its word is a hint: a scan of the directory decides.
package protocol DirectoryWatcher: Sendable {
    /// Begins to watch one directory, not what is below it. A directory that is watched already stays so.
    func watch(_ directory: FilePath) -> WatchOutcome
    /// Stops watching a directory and all below it.
    func unwatch(tree: FilePath)
    /// Directories that are watched.
    var count: Int { get }
    /// What happened since the last call.
    func takeHints() -> WatchHints
    /// Is called, from any thread, when there are hints to take.
    func onHint(_ body: @escaping @Sendable () -> Void)
}

package enum WatchOutcome: Sendable, Equatable {
    case watching
    /// The kernel's limit (`fs.inotify.max_user_watches`, or instances) is reached.
    case limitReached
    case failed(Errno)
}

package struct WatchHints: Sendable, Equatable {
    /// Directories whose entries may have changed.
    package var directories: Set<FilePath> = []
    /// Directories that came, went or moved, with all that is below them.
    package var trees: Set<FilePath> = []
    /// Hints were lost: everything has to be scanned.
    package var overflowed = false

    package var isEmpty: Bool { directories.isEmpty && trees.isEmpty && !overflowed }

    package init(directories: Set<FilePath> = [], trees: Set<FilePath> = [], overflowed: Bool = false) {
        self.directories = directories
        self.trees = trees
        self.overflowed = overflowed
    }
}

/// For a system without inotify: rescans alone find what changes.
package struct NoDirectoryWatcher: DirectoryWatcher {
    package init() {}
    package func watch(_ directory: FilePath) -> WatchOutcome { .limitReached }
    package func unwatch(tree: FilePath) {}
    package var count: Int { 0 }
    package func takeHints() -> WatchHints { WatchHints() }
    package func onHint(_ body: @escaping @Sendable () -> Void) {}
}
