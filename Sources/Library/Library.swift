package import Basics
package import Catalog
package import DecodeWorkers
package import FolderWatch
package import Logging
package import Search
internal import ServiceLifecycle
internal import Synchronization
package import SystemPackage
package import Threads

/// A library of media: its catalog, its vectors in memory, its folders and its pipeline.
///
/// The daemon runs one (``run()``, a `Service`); `saccade index` uses one without running it (``index(_:)``). Queries
/// use ``catalog`` and ``live``, and wait for nothing that happens here.
package final class Library: Service {
    package let catalog: Catalog
    package let settings: IngestSettings

    let keeper: LiveIndexKeeper
    let scanner: FolderScanner
    let writer: CatalogWriter
    let text: TextReader
    let watcher: any DirectoryWatcher
    let clock: any WallClock
    let logger: Logger
    let broadcast = Broadcast<LibraryEvent>()
    private let tell: @Sendable (LibraryEvent.Kind) -> Void
    let state = Mutex(State())
    let wakeup: Wakeup
    /// Directories with files that the pipeline found changed.
    let dirty: DirtyDirectories
    /// One pass over the folders at a time.
    let scanning = BlockingExecutor(label: "scan")
    /// One batch at a time, whichever index it is for.
    let computing = BlockingExecutor(label: "encode", givesWay: true)
    let source: any FrameSource
    /// What lies in a watched folder is opened with it, by whoever opens it.
    package let opener: FileOpener
    let hand = WorkInHand()
    /// Writes the vectors' file.
    let writingFile = BlockingExecutor(label: "index", givesWay: true)
    let share: EncodingShare
    let rest: IngestRest
    /// How long the steps of ingest take.
    package let latencies = IngestLatencies()
    /// The indexes that are filled have changed.
    let tracksChanged = Wakeup()
    /// The next index may be complete.
    let completion = Wakeup()
    /// One change of models at a time.
    let changes = Gate()
    let changeEnded = Wakeup()
    let freeSpace: @Sendable (FilePath) -> Int64?
    /// Other machines that see the same files.
    let shared: (any SharedContents)?

    struct State {
        var scope = ScanScope()
        var isStopped = false
        var isRunning = false
        var tracks = Tracks()
        /// The jobs of files that were named.
        var feed: JobFeed?
        var scannedAt: Timestamp?
        var scanningRoots: Set<RootID> = []
        var trouble: String?
        /// Notices of the catalog that are in the log.
        var toldNotices = 0
        var mendingTrouble: String?
    }

    /// What ingest fills; at least one of them is there.
    struct Tracks {
        /// Nil where the model of the live index is gone.
        var live: IngestTrack?
        /// The index that is to take over, while there is one.
        var next: IngestTrack?

        /// What new media are to be in, in the end.
        var wanted: IngestTrack? { next ?? live }
        var all: [IngestTrack] { [live, next].compactMap { $0 } }
    }

    /// The seams, with the real things as defaults.
    package struct Surroundings: Sendable {
        /// Opens the files; it is told which folders are watched.
        package var opener: FileOpener
        package var files: any FileSystem
        /// nil for inotify, or rescans alone where there is none to be had.
        package var watcher: (any DirectoryWatcher)?
        package var clock: any WallClock
        /// Bytes that may still be written in the file system of a folder; nil when nobody knows.
        package var freeSpace: @Sendable (FilePath) -> Int64?
        package var systemFiles: any SystemFiles
        /// Seconds since midnight, by the clock on the wall.
        package var secondOfDay: @Sendable (Timestamp) -> Int
        /// Other machines that see the same files; nil where there are none.
        package var shared: (any SharedContents)?

        package init(
            opener: FileOpener = FileOpener(), files: (any FileSystem)? = nil, watcher: (any DirectoryWatcher)? = nil,
            clock: any WallClock = SystemClock(),
            freeSpace: @escaping @Sendable (FilePath) -> Int64? = { FreeSpace.bytes(in: $0) },
            systemFiles: any SystemFiles = LinuxSystemFiles(),
            secondOfDay: (@Sendable (Timestamp) -> Int)? = nil, shared: (any SharedContents)? = nil
        ) {
            self.shared = shared
            self.opener = opener
            self.files = files ?? LinuxFileSystem(opening: opener)
            self.systemFiles = systemFiles
            self.secondOfDay = secondOfDay ?? { IngestRest.secondOfDay($0) }
            self.watcher = watcher
            self.clock = clock
            self.freeSpace = freeSpace
        }
    }

    /// Opens the state folder as its one writer and loads the live vectors. Blocking.
    ///
    /// - Parameters:
    ///   - earlierDigests: see ``Catalog/prepareIndex(digest:earlierDigests:dimensions:storesRerankFeatures:model:keepsNext:at:)``.
    ///   - model: what new media are to be found with: the live index's model, or one whose index is built beside it.
    ///   - keepsNext: whether `model` only stands in for one that can't be loaded now, whose index is being built and is kept.
    ///   - loadModel: loads the model of a folder, with which the live index is filled while that one is built; nil where nothing is
    ///     indexed with another model than the wanted one. Blocking.
    /// - Throws: ``CatalogError``, also when another process holds the folder; `VectorIndexError`.
    package init(
        state: FilePath, model: IndexingModel, keepsNext: Bool = false,
        loadModel: ((IndexRecord) throws -> IndexingModel)? = nil, source: any FrameSource,
        settings: IngestSettings = IngestSettings(),
        surroundings: Surroundings = Surroundings(), logger: Logger
    ) throws {
        catalog = try Catalog(state: state, access: .readWrite, checkedAtOnce: settings.checkedAtOnce)
        clock = surroundings.clock
        self.settings = settings
        self.logger = logger
        wakeup = Wakeup()
        self.source = source
        freeSpace = surroundings.freeSpace
        shared = surroundings.shared
        share = EncodingShare(share: settings.rebuildShare, clock: clock, wakeup: hand.wakeup)
        opener = surroundings.opener
        var storage = settings.index
        storage.writes = true
        var record: IndexRecord
        var keeper: LiveIndexKeeper
        var mended: Int
        // What was read of a catalog that was mended meanwhile may be gone.
        repeat {
            mended = catalog.notices.count
            record = try catalog.prepareIndex(model, keepsNext: keepsNext, at: clock.now)
            try opener.hold { [catalog] in try catalog.roots().map(\.path) }
            keeper = try LiveIndexKeeper(catalog: catalog, storage: storage)
        } while catalog.notices.count > mended
        self.keeper = keeper
        watcher = surroundings.watcher ?? Self.makeWatcher(logger)
        let textWakeup = Wakeup()
        let report = { @Sendable [broadcast, clock, logger] (kind: LibraryEvent.Kind) in
            Self.log(kind, logger)
            broadcast.send(LibraryEvent(time: clock.now, kind: kind))
            // Its text is read after its pictures.
            if case .mediaIndexed = kind { textWakeup.fire() }
        }
        tell = report
        writer = CatalogWriter(
            clock: clock,
            shortage: Self.shortage(in: state, below: settings.minFreeBytes, freeSpace: surroundings.freeSpace),
            report: report)
        scanner = FolderScanner(
            catalog: catalog, files: surroundings.files, watcher: watcher, clock: clock, settings: settings.folders,
            catchUp: { [keeper] in try keeper.catchUp() }, report: { report(.folder($0)) })
        dirty = DirtyDirectories(wakeup)
        let rest = IngestRest(
            settings: settings.rest, folder: state, clock: clock, files: surroundings.systemFiles,
            secondOfDay: surroundings.secondOfDay
        ) { [wakeup = hand.wakeup] cause in
            report(.resting(cause))
            wakeup.fire()
            textWakeup.fire()
        }
        self.rest = rest
        text = TextReader(
            catalog: catalog, source: source, writer: writer, clock: clock, retry: settings.folders.retry,
            wakeup: textWakeup, mayWork: { rest.cause == nil }, report: report)
        catalog.onNotice { [wakeup] in wakeup.fire() }
        tellNotices()
        let wanted = track(model, record)
        guard let live = keeper.live?.record, live.id != record.id else {
            self.state.withLock { $0.tracks = Tracks(live: wanted) }
            return
        }
        self.state.withLock { $0.tracks = Tracks(next: wanted) }
        do {
            guard let old = try loadModel?(live) else { return }
            let track = track(old, live)
            self.state.withLock { $0.tracks.live = track }
        } catch {
            logger.warning("nothing more is indexed with the model of the live index: \(error)")
        }
    }

    /// The index that new media are to be in, in the end: the live one, or the one that is built beside it.
    package var indexRecord: IndexRecord {
        // There is one from the start to the end.
        guard let wanted = state.withLock({ $0.tracks.wanted }) else { preconditionFailure("no index is filled") }
        return wanted.index
    }

    private static func shortage(
        in state: FilePath, below least: Int64, freeSpace: @escaping @Sendable (FilePath) -> Int64?
    ) -> @Sendable () -> String? {
        {
            guard least > 0, let free = freeSpace(state), free < least else { return nil }
            return """
                only \(free >> 20) MB are free for \(state), and \(least >> 20) MB are to stay free (ingest.min_free_bytes): free \
                some, and indexing goes on by itself
                """
        }
    }

    private static func makeWatcher(_ logger: Logger) -> any DirectoryWatcher {
        do {
            return try InotifyWatcher()
        } catch {
            logger.warning(
                """
                Folders can't be watched (\(error)): changes are found by rescans only. Raise \
                fs.inotify.max_user_instances, for example with sysctl.
                """)
            return NoDirectoryWatcher()
        }
    }

    /// What queries search; nil before the first model. O(1).
    package var live: LiveIndex? { keeper.live }

    /// What queries search, with all that the catalog has committed. Blocks the calling thread, also while another index takes over.
    ///
    /// - Throws: ``CatalogError``.
    package func followedLive() throws -> LiveIndex? {
        try keeper.catchUp()
        return live
    }

    /// What happens from now on, for who may miss the oldest of more than `buffer` events and is told so.
    package func events(buffer: Int = 512) -> Broadcast<LibraryEvent>.Subscription {
        broadcast.subscribe(capacity: buffer)
    }

    func report(_ kind: LibraryEvent.Kind) { tell(kind) }

    private static func log(_ kind: LibraryEvent.Kind, _ logger: Logger) {
        switch kind {
        case .folder(let event): log(event, logger)
        case .mediaFailed(let media, let path, let problem):
            var metadata: Logger.Metadata = ["media": "\(media)", "code": "\(problem.code.rawValue)"]
            if let path { metadata["path"] = "\(path)" }
            logger.warning("a media item failed: \(problem.message)", metadata: metadata)
        case .textFailed(let media, let path, let problem):
            logger.warning(
                "text can't be read: \(problem.message)",
                metadata: ["media": "\(media)", "path": "\(path)", "code": "\(problem.code.rawValue)"])
        case .mediaIndexed(let media, let clips):
            logger.info("a media item is indexed", metadata: ["media": "\(media)", "clips": "\(clips)"])
        case .indexSwitched(let index): logger.info("index \(index.digest) is live")
        case .modelChanged(let digest, let what): logger.notice("model \(digest.prefix(12)): \(what)")
        case .writeRefused(let reason): logger.error("a write to the catalog was refused: \(reason)")
        case .paused(let reason?): logger.error("ingest waits: \(reason)")
        case .paused(nil): logger.info("ingest goes on")
        case .resting(let cause?): logger.notice("ingest rests: \(cause.reason)")
        case .resting(nil): logger.notice("ingest goes on")
        default: logger.trace("\(kind)")
        }
    }

    private static func log(_ event: FolderEvent, _ logger: Logger) {
        switch event {
        case .rootOffline(let root, let reason):
            logger.warning("a root is offline: \(reason)", metadata: ["root": "\(root)"])
        case .rootOnline(let root): logger.info("a root is online again", metadata: ["root": "\(root)"])
        case .fileFailed(let path, let problem):
            logger.warning(
                "a file failed: \(problem.message)", metadata: ["path": "\(path)", "code": "\(problem.code.rawValue)"])
        case .removalHeld(let root, let missing):
            logger.warning(
                "most of a root is missing and stays in the index: bring it back, or run `saccade watch confirm \(root)`",
                metadata: ["root": "\(root)", "missing": "\(missing)"])
        case .watchesExhausted(let directory, let watched):
            logger.warning(
                "no more directories can be watched, so others are polled: raise fs.inotify.max_user_watches (sysctl)",
                metadata: ["path": "\(directory)", "watches": "\(watched)"])
        default: logger.trace("\(event)")
        }
    }

    /// Closes the databases. Nothing may be called afterwards.
    package func close() {
        broadcast.finish()
        catalog.close()
    }
}

/// Directories that have to be looked at again.
final class DirtyDirectories: Sendable {
    private let wakeup: Wakeup
    private let directories = Mutex<Set<FilePath>>([])

    init(_ wakeup: Wakeup) {
        self.wakeup = wakeup
    }

    func add(_ file: FilePath) {
        directories.withLock { _ = $0.insert(file.removingLastComponent()) }
        wakeup.fire()
    }

    func take() -> Set<FilePath> {
        directories.withLock { directories in
            defer { directories = [] }
            return directories
        }
    }
}
