package import Basics
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
    private let settling: Mutex<SettlingFiles>
    private let limit = Mutex<WatchOutcome?>(nil)
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
        settling = Mutex(
            SettlingFiles(settleTime: settings.settleTime, openFileSettleTime: settings.openFileSettleTime))
    }

    package var settlingFiles: Int { settling.withLock { $0.count } }
    /// When a pass should be made although nothing was told.
    package var nextLook: Double? { settling.withLock { $0.nextLook } }
    /// Why some directories are not watched; nil when all are.
    package var watchTrouble: WatchOutcome? { limit.withLock { $0 } }

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
        for root in try catalog.roots() {
            let whole = scope.everything || scope.roots.contains(root.id)
            let trees = scope.trees.filter { $0.starts(with: root.path) && $0 != root.path }
            let directories = pass.directories.filter { $0.starts(with: root.path) }
            guard whole || !trees.isEmpty || !directories.isEmpty else { continue }
            if whole { report(.scanStarted(root.id)) }
            guard try check(root) else {
                settling.withLock { $0.forget(below: root.path) }
                if whole { report(.scanFinished(root.id)) }
                continue
            }
            // A root that was away is not as it was left.
            let everything = whole || root.state == .offline
            var tour = Tour(root: root, ignored: IgnoredFiles(in: root.path, settings.ignored, files: files))
            if everything {
                try walk(root.path, &tour, isStopped: isStopped, &pass)
            } else {
                for tree in trees { try walk(tree, &tour, isStopped: isStopped, &pass) }
                for directory in directories where !pass.visited.contains(directory) {
                    try visit(directory, &tour, recursively: nil, &pass)
                }
                // What other rules concern is more than the directory that they stand in.
                for directory in tour.changed {
                    pass.visited = pass.visited.filter { !$0.starts(with: directory) }
                    pass.vanished.removeAll { $0.path.starts(with: directory) }
                    try walk(directory, &tour, isStopped: isStopped, &pass)
                }
            }
            guard !isStopped() else { return }
            for tree in everything ? [root.path] : Array(trees) + tour.changed {
                try findVanished(below: tree, root: root, &pass)
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
        note(watcher.watch(directory))
        let entries: [DirectoryEntry]
        do {
            if directory != root.path, try files.attributes(of: directory, followsLinks: false).kind != .directory {
                throw Errno.notDirectory
            }
            entries = try files.entries(of: directory)
        } catch let error as Errno {
            if error == .noSuchFileOrDirectory || error == .notDirectory {
                pass.vanished += try catalog.files(inDirectory: directory)
            } else {
                pass.unreadable.append(directory)
            }
            return
        }
        var known: [FilePath: MediaFile] = [:]
        for file in try catalog.files(inDirectory: directory) { known[file.path] = file }
        var subtitles: [FilePath.Component] = []
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
                let isLink = kind == .symbolicLink
                if try examine(path, isLink: isLink, known: known[path], root: root, &pass) { known[path] = nil }
            case .other, nil:
                continue
            }
        }
        pass.vanished += known.values
        try recordSubtitles(subtitles, in: directory) { path, attributes in
            pass.due.remove(path)
            return settling.withLock { settling in
                settling.observe(path, attributes, at: clock.reading) { files.isOpenForWriting(path) }
            }
        }
    }

    /// Looks at one file.
    ///
    /// - Returns: whether there is a file.
    private func examine(
        _ path: FilePath, isLink: Bool, known: MediaFile?, root: Root, _ pass: inout ScanPass
    ) throws -> Bool {
        pass.due.remove(path)
        guard var attributes = try? files.attributes(of: path, followsLinks: true), attributes.kind == .regular else {
            settling.withLock { $0.forget(path) }
            return false
        }
        if isLink, !settings.followsLinks, (try? files.target(of: path))?.starts(with: root.path) != true {
            return false
        }
        if isLink, let link = try? files.attributes(of: path, followsLinks: false) {
            // The device tells whether a missing file's file system is away: for a link, that of the link.
            attributes.stamp.device = link.stamp.device
        }
        let now = clock.now
        if let known, known.stamp.isSameContent(as: attributes.stamp) {
            if known.stamp != attributes.stamp || known.root != root.id {
                try catalog.restamp(known, attributes.stamp, root: root.id)
            }
            let retries = known.problem?.retryAt.map { $0 <= now } ?? false
            guard retries else {
                settling.withLock { $0.forget(path) }
                return true
            }
        } else if known == nil, try follow(path, attributes.stamp, root: root) {
            return true
        }
        let isSettled = settling.withLock { settling in
            settling.observe(path, attributes, at: clock.reading) { files.isOpenForWriting(path) }
        }
        guard isSettled else { return true }
        do {
            _ = try take(path, attributes.stamp, known: known, root: root.id)
        } catch {
            // The catalog can't be written: the file's turn comes again.
            settling.withLock { $0.postpone(path, stamp: attributes.stamp, at: clock.uptime) }
            throw error
        }
        return true
    }

    /// Whether the file that appears at `path` is one that has left another place; its one row is changed then.
    private func follow(_ path: FilePath, _ stamp: FileStamp, root: Root) throws -> Bool {
        for file in try catalog.files(stamped: stamp) where file.media != nil && file.path != path {
            if file.deletedAt == nil {
                do throws(Errno) {
                    _ = try files.attributes(of: file.path, followsLinks: false)
                    continue
                } catch {
                    guard error == .noSuchFileOrDirectory || error == .notDirectory else { continue }
                }
            }
            try leave(try catalog.moveFile(file.id, to: path, root: root.id, at: clock.now))
            if let media = file.media { report(.mediaMoved(media, path: path)) }
            return true
        }
        return false
    }

    /// Keeps a settled file: what it is by its content, or why it can't be read.
    ///
    /// - Returns: its media, or nil when it can't be read or has changed meanwhile.
    package func take(
        _ path: FilePath, _ stamp: FileStamp, known: MediaFile?, root: RootID?
    ) throws -> MediaID? {
        let now = clock.now
        do {
            guard stamp.size > 0 else {
                let problem = Problem(code: .empty, message: "The file is empty.", retryAt: nil)
                try keep(problem, path, stamp, known: known, root: root)
                return nil
            }
            let identity = try files.identity(of: path)
            guard try files.attributes(of: path, followsLinks: true).stamp.isSameContent(as: stamp) else {
                // Written to while it was read: it has to settle again.
                let attributes = try files.attributes(of: path, followsLinks: true)
                settling.withLock { _ = $0.observe(path, attributes, at: clock.reading) { true } }
                return nil
            }
            let (media, isNew, hidden) = try catalog.recordFile(
                path, root: root, stamp: stamp, identity: identity, at: now)
            try leave(hidden)
            if isNew {
                report(.mediaFound(media, path: path))
            } else if known?.media != media {
                report(.mediaMoved(media, path: path))
            }
            return media
        } catch let error as Errno {
            if error == .noSuchFileOrDirectory { return nil }
            let attempts = (known?.stamp.isSameContent(as: stamp) ?? false) ? (known?.attempts ?? 0) + 1 : 1
            let advice = error == .permissionDenied ? " Give the user that runs Saccade the right to read it." : ""
            let problem = Problem(
                code: .unreadable, message: "It can't be read: \(error).\(advice)",
                retryAt: settings.retry.next(after: attempts, at: now))
            try keep(problem, path, stamp, known: known, root: root)
            return nil
        }
    }

    private func keep(
        _ problem: Problem, _ path: FilePath, _ stamp: FileStamp, known: MediaFile?, root: RootID?
    ) throws {
        try leave(try catalog.recordProblem(path, root: root, stamp: stamp, problem: problem, at: clock.now))
        report(.fileFailed(path: path, problem))
    }

    private func note(_ outcome: WatchOutcome) {
        if outcome == .limitReached { limit.withLock { $0 = outcome } }
    }

    /// Forgets that the limit of watches was reached, before a full scan that tries again.
    package func clearWatchTrouble() {
        limit.withLock { $0 = nil }
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
}
