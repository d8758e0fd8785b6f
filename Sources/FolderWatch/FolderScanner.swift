internal import Basics
package import Catalog
internal import Synchronization
package import SystemPackage
package import Threads

/// What to look at in one pass over the folders.
package struct ScanScope: Sendable, Equatable {
    /// Roots to be scanned whole.
    package var roots: Set<RootID> = []
    /// Whether every root is scanned whole, and the files that lie in no root are looked for. Which roots there are is read when the pass
    /// is made, so a catalog that can't be read before loses none.
    package var everything = false
    /// Directories to be scanned with all that is below them.
    package var trees: Set<FilePath> = []
    /// Directories of which only the entries are looked at.
    package var directories: Set<FilePath> = []
    /// Whether to look for the files that lie in no root.
    package var standaloneFiles = false

    package init(
        roots: Set<RootID> = [], everything: Bool = false, trees: Set<FilePath> = [],
        directories: Set<FilePath> = [], standaloneFiles: Bool = false
    ) {
        self.everything = everything
        self.standaloneFiles = standaloneFiles
        self.roots = roots
        self.trees = trees
        self.directories = directories
    }

    /// Whether a root is scanned whole, or the files that lie in none are looked for.
    package var isFull: Bool { everything || !roots.isEmpty || standaloneFiles }

    package mutating func formUnion(_ other: ScanScope) {
        roots.formUnion(other.roots)
        everything = everything || other.everything
        trees.formUnion(other.trees)
        directories.formUnion(other.directories)
        standaloneFiles = standaloneFiles || other.standaloneFiles
    }
}

/// Brings the catalog in line with the folders: the one place that decides what is new, moved, changed or gone.
///
/// Events only say where to look. Symbolic links to directories are not followed, so there are no loops; links to files
/// below the same root are, and are one more path of what they lead to. What ``CandidateFiles`` and ``IgnoredFiles`` say is left out. Blocking.
package final class FolderScanner: Sendable {
    let catalog: Catalog
    package let files: any FileSystem
    let watcher: any DirectoryWatcher
    let clock: any WallClock
    let settings: FolderSettings
    let catchUp: @Sendable () throws -> Void
    let report: @Sendable (FolderEvent) -> Void
    let settling: Mutex<SettlingFiles>
    let readers = FileReaders()
    let breaker: Mutex<RemovalBreaker>
    let polling: Mutex<PolledTrees>
    /// File systems by device, as a full scan finds them.
    private let fileSystems = Mutex<[UInt64: FileSystemKind]>([:])
    /// The numbers that file systems were seen to have, by the directories that are their tops.
    let devices = Mutex<[FilePath: UInt64]>([:])
    /// The rules of directories with a file of them, as they were when they were last looked at.
    private let rules = Mutex<[FilePath: IgnoreRules]>([:])

    /// - Parameters:
    ///   - catchUp: is called after each write to the catalog that may concern the index.
    ///   - report: is given what happens, for people.
    package init(
        catalog: Catalog, files: any FileSystem, watcher: any DirectoryWatcher, clock: any WallClock,
        settings: FolderSettings, catchUp: @escaping @Sendable () throws -> Void,
        report: @escaping @Sendable (FolderEvent) -> Void
    ) {
        self.catalog = catalog
        self.files = files
        self.watcher = watcher
        self.clock = clock
        self.settings = settings
        self.catchUp = catchUp
        self.report = report
        breaker = Mutex(RemovalBreaker(share: settings.removalShare))
        polling = Mutex(
            PolledTrees(interval: settings.pollInterval, longest: settings.longestPollInterval))
        settling = Mutex(
            SettlingFiles(settleTime: settings.settleTime, openFileSettleTime: settings.openFileSettleTime))
    }

    package var settlingFiles: Int { settling.withLock { $0.count } }
    /// When a pass should be made although nothing was told, by the clock that nobody sets.
    package var nextLook: Double? {
        [settling.withLock { $0.nextLook }, polling.withLock { $0.nextPoll }].compactMap { $0 }.min()
    }
    /// Whether the kernel allows fewer watches than there are directories.
    package var isLimited: Bool { polling.withLock { $0.isLimited } }

    /// What is polled of a root; nil for nothing.
    package func polled(in root: Root) -> PolledTrees.Summary? { polling.withLock { $0.summary(below: root.path) } }

    /// Forgets a tree that is not watched any more.
    package func forget(_ tree: FilePath) {
        polling.withLock { $0.forget(below: tree) }
        forgetDevices(below: tree)
        watcher.unwatch(tree: tree)
    }

    /// Makes one pass over `scope`, over what settles, and over unreadable files whose time has come.
    ///
    /// New places are taken in before old ones are given up, so that a move is seen as one.
    /// - Parameter isStopped: is asked often; the pass ends early when it says so, and no file is given up then.
    /// - Throws: ``CatalogError``.
    package func scan(_ scope: ScanScope, isStopped: () -> Bool = { false }) throws {
        var pass = ScanPass()
        let now = clock.now
        let due = settling.withLock { $0.due(at: clock.uptime) }
        pass.due = Set(due)
        pass.directories = scope.directories.union(due.map { $0.removingLastComponent() })
        for file in try catalog.filesToRetry(at: now) { pass.directories.insert(file.path.removingLastComponent()) }
        let polled = polling.withLock { $0.takeDue(at: clock.uptime) }
        if scope.everything {
            fileSystems.withLock { $0 = [:] }
            devices.withLock { $0 = [:] }
        }
        for root in try catalog.roots() {
            let whole = scope.everything || scope.roots.contains(root.id)
            let isExchanged = scope.trees.contains(root.path)
            let trees = scope.trees.filter { $0.starts(with: root.path) && $0 != root.path }
                .union(polled.filter { $0.starts(with: root.path) })
            let directories = pass.directories.filter { $0.starts(with: root.path) }
            guard whole || isExchanged || !trees.isEmpty || !directories.isEmpty else { continue }
            if whole { report(.scanStarted(root.id)) }
            guard try check(root) else {
                settling.withLock { $0.forget(below: root.path) }
                polling.withLock { $0.forget(below: root.path) }
                if whole { report(.scanFinished(root.id)) }
                continue
            }
            try noteUnmounted(in: root)
            // A root that was away, or has another directory in its place, is not as it was left.
            let everything = whole || isExchanged || root.state == .offline
            var tour = Tour(root: root, ignored: IgnoredFiles(in: root.path, settings.ignored, files: files))
            let began = clock.uptime
            if everything {
                try walk(root.path, &tour, isStopped: isStopped, &pass)
            } else {
                for tree in trees { try walk(tree, &tour, isStopped: isStopped, &pass) }
                for directory in directories where !pass.visited.contains(directory) {
                    try visit(directory, &tour, recursively: nil, &pass)
                }
                if !tour.changed.isEmpty { try takeSettled(&pass) }
                // What other rules concern is more than the directory that they stand in.
                for directory in tour.changed {
                    pass.visited = pass.visited.filter { !$0.starts(with: directory) }
                    pass.vanished.removeAll { $0.path.starts(with: directory) }
                    try walk(directory, &tour, isStopped: isStopped, &pass)
                }
            }
            try takeSettled(&pass)
            guard !isStopped() else { return }
            try findVanished(below: everything ? [root.path] : trees.union(tour.changed), root: root, &pass)
            try catalog.release(pass.returned)
            pass.returned = []
            let (elapsed, changed) = (clock.uptime - began, pass.changed)
            polling.withLock { polling in
                for tree in everything ? [root.path] : Array(trees) {
                    polling.looked(below: tree, changed: changed, seconds: elapsed, at: clock.uptime)
                }
            }
            try giveUp(&pass, root: root)
            if everything { try catalog.recordScan(of: root.id, at: clock.now) }
            if whole { report(.scanFinished(root.id)) }
        }
        if scope.everything || scope.standaloneFiles { try giveUpStandaloneFiles(isStopped: isStopped) }
        // Paths that are due but are no more, lie in no root any more, or in a directory that can't be read now.
        for path in pass.due {
            let isHidden = pass.unreadable.contains { path.starts(with: $0) }
            settling.withLock { isHidden ? $0.postpone(path, at: clock.uptime) : $0.forget(path) }
        }
    }

    /// One root as a pass goes through it.
    private struct Tour {
        let root: Root
        let ignored: IgnoredFiles
        /// Directories whose own rules are others than they were.
        var changed: [FilePath] = []
    }

    /// Looks at everything below a directory.
    private func walk(
        _ top: FilePath, _ tour: inout Tour, isStopped: () -> Bool, _ pass: inout ScanPass
    ) throws {
        var pending = [top]
        while let directory = pending.popLast(), !isStopped() {
            try visit(directory, &tour, recursively: { pending.append($0) }, &pass)
        }
    }

    /// Looks at the entries of one directory.
    ///
    /// It is watched before it is read: what comes later is told, what came earlier is read.
    private func visit(
        _ directory: FilePath, _ tour: inout Tour, recursively: ((FilePath) -> Void)?, _ pass: inout ScanPass
    ) throws {
        let root = tour.root
        guard !tour.ignored.containsFolder(directory), !CandidateFiles.isSystem(directory),
            pass.visited.insert(directory).inserted
        else { return }
        let own = tour.ignored.rules(of: directory)
        let isChanged = rules.withLock { rules in
            let before = rules[directory] ?? IgnoreRules()
            rules[directory] = own.isEmpty ? nil : own
            return before != own
        }
        if isChanged, recursively == nil { tour.changed.append(directory) }
        watch(directory, isWalked: recursively != nil)
        let entries: [DirectoryEntry]
        let device: UInt64
        do {
            let attributes = try files.attributes(of: directory, followsLinks: directory == root.path)
            if attributes.kind != .directory { throw Errno.notDirectory }
            device = attributes.stamp.device
            notePolling(directory, device: device)
            try noteDevice(device, of: directory, root: root, &pass)
            entries = try files.entries(of: directory)
        } catch let error as Errno {
            if error == .noSuchFileOrDirectory || error == .notDirectory {
                try findVanished(in: directory, root: root, &pass)
                pass.changed.insert(directory)
                polling.withLock { $0.forget(below: directory) }
            } else {
                pass.unreadable.append(directory)
            }
            return
        }
        if pass.left.contains(directory) { try keepMoves(&pass) }
        var known: [FilePath: MediaFile] = [:]
        for file in try catalog.files(inDirectory: directory) { known[file.path] = file }
        var subtitles: [FilePath.Component] = []
        var places: [Place] = []
        for entry in entries {
            let path = directory.appending(entry.name)
            let kind = entry.kind ?? (try? files.attributes(of: path, followsLinks: false).kind)
            switch kind {
            case .directory:
                recursively?(path)
            case .regular, .symbolicLink:
                guard !tour.ignored.contains(path, isFolder: false) else { continue }
                if SubtitleFiles.contains(entry.name) {
                    subtitles.append(entry.name)
                    continue
                }
                guard settings.candidates.contains(entry.name) else { continue }
                places.append(Place(path: path, isLink: kind == .symbolicLink, device: device, root: root))
                if places.count == FileReaders.batch {
                    try examine(places, &known, &pass)
                    places = []
                }
            case .other, nil:
                continue
            }
        }
        try examine(places, &known, &pass)
        pass.vanished += known.values
        if known.values.contains(where: { !$0.isHeld }) { pass.changed.insert(directory) }
        // Whose files of subtitles they are, the catalog has to say.
        if !subtitles.isEmpty { try takeSettled(&pass) }
        try recordSubtitles(subtitles, in: directory) { path, attributes in
            pass.due.remove(path)
            return settling.withLock { settling in
                settling.observe(path, attributes, at: clock.reading) { files.isOpenForWriting(path) }
            }
        }
    }

    /// - Parameter isWalked: whether all below it is looked at as well.
    private func watch(_ directory: FilePath, isWalked: Bool) {
        switch watcher.watch(directory) {
        case .watching:
            // What lies below it may be polled with it alone.
            if isWalked { polling.withLock { $0.remove(directory, because: .watchLimit) } }
        case .limitReached:
            let isNew = polling.withLock { polling in
                let wasLimited = polling.isLimited
                polling.add(directory, because: .watchLimit, at: clock.uptime)
                return !wasLimited && polling.isLimited
            }
            if isNew { report(.watchesExhausted(directory, watched: watcher.count)) }
        case .failed: break
        }
    }

    /// Has a directory polled where its file system doesn't tell all that changes.
    private func notePolling(_ directory: FilePath, device: UInt64) {
        let known = fileSystems.withLock { $0[device] }
        let kind = known ?? (try? files.fileSystem(of: directory)) ?? .local
        if known == nil { fileSystems.withLock { $0[device] = kind } }
        guard let reason = kind.pollingReason else { return }
        polling.withLock { $0.add(directory, because: .fileSystem(reason), at: clock.uptime) }
    }
}

/// What one pass has seen.
struct ScanPass {
    var directories: Set<FilePath> = []
    var visited: Set<FilePath> = []
    /// Files whose time to be looked at has come and that were not seen yet.
    var due: Set<FilePath> = []
    /// Directories that are there but can't be listed: nothing below them is given up.
    var unreadable: [FilePath] = []
    /// Files that are in the catalog and were not seen.
    var vanished: [MediaFile] = []
    /// Files that are to be taken in.
    var settled: [SettledFile] = []
    /// Files that have other paths, which the catalog is to be told of.
    var moved: [(file: MediaFile, move: MovedFile)] = []
    var moving: Set<FileID> = []
    /// The directories that they have left.
    var left: Set<FilePath> = []
    /// Files that were held as missing and were seen.
    var returned: [FileID] = []
    /// Directories in which something is not as the catalog has it.
    var changed: Set<FilePath> = []
    /// The top of the file system that the last directory lay on, and its number.
    var top: (path: FilePath, device: UInt64)?
}
