internal import Glibc
package import SystemPackage

/// Which directory each of inotify's watches is of, and what its events say about where to look: the part of watching that makes no system calls.
///
/// A path that is told may be outdated at once; that is what scans are for.
package struct WatchTable: Sendable {
    /// Directories with hints that are held; with more, everything is scanned.
    private static let hintLimit = 8192

    private var paths: [Int32: FilePath] = [:]
    private var descriptors = PathTree<Int32>()
    private var hints = WatchHints()

    package init() {}

    /// Directories that are watched.
    package var count: Int { paths.count }
    package var hasHints: Bool { !hints.isEmpty }

    package mutating func takeHints() -> WatchHints {
        defer { hints = WatchHints() }
        return hints
    }

    /// Takes that a directory is watched. O(depth).
    ///
    /// - Parameter watch: what the kernel calls the watch: a moved directory keeps its number and gets its new path here.
    package mutating func add(_ watch: Int32, of directory: FilePath) {
        if let before = paths[watch], before != directory, descriptors[before] == watch { descriptors[before] = nil }
        paths[watch] = directory
        descriptors[directory] = watch
    }

    /// Forgets a directory and all below it.
    ///
    /// - Returns: the watches that the kernel is to end.
    package mutating func remove(tree: FilePath) -> [Int32] {
        let watches = descriptors.removeTree(tree)
        for watch in watches { paths[watch] = nil }
        return watches
    }

    /// Takes one event.
    ///
    /// - Returns: the watches that the kernel is to end.
    package mutating func take(_ event: InotifyEvent) -> [Int32] {
        if event.has(IN_Q_OVERFLOW) {
            hints = WatchHints(overflowed: true)
            return []
        }
        if event.has(IN_IGNORED) {
            // Deleted, or its file system was unmounted: unless it was our wish, the path is still known.
            if let path = paths.removeValue(forKey: event.watch) {
                if descriptors[path] == event.watch { descriptors[path] = nil }
                hint(path)
            }
            return []
        }
        guard let directory = paths[event.watch] else { return [] }
        if event.has(IN_DELETE_SELF) || event.has(IN_MOVE_SELF) { hint(directory.removingLastComponent()) }
        // Another directory may be in its place already, of which nothing is watched.
        if event.has(IN_MOVE_SELF) || event.has(IN_UNMOUNT) { hintTree(directory) }
        hint(directory)
        guard event.has(IN_ISDIR), let name = event.name else { return [] }
        let child = directory.appending(name)
        let ended = event.has(IN_MOVED_FROM) ? remove(tree: child) : []
        if event.has(IN_CREATE) || event.has(IN_MOVED_TO) || event.has(IN_MOVED_FROM) || event.has(IN_ATTRIB) {
            hintTree(child)
        }
        return ended
    }

    private mutating func hintTree(_ directory: FilePath) {
        guard !hints.overflowed else { return }
        hints.trees.insert(directory)
        if hints.trees.count > Self.hintLimit { hints = WatchHints(overflowed: true) }
    }

    private mutating func hint(_ directory: FilePath) {
        guard !hints.overflowed else { return }
        hints.directories.insert(directory)
        if hints.directories.count > Self.hintLimit { hints = WatchHints(overflowed: true) }
    }
}
