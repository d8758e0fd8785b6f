package import Catalog
package import DecodeWorkers
package import FolderWatch
package import Logging
package import Models
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
    /// The index of the encoder: the live one, or the one that is built beside it.
    package let indexRecord: IndexRecord

    let keeper: LiveIndexKeeper
    let scanner: FolderScanner
    let pipeline: IngestPipeline
    let text: TextReader
    let watcher: any DirectoryWatcher
    let clock: any WallClock
    let logger: Logger
    let broadcast = Broadcast<LibraryEvent>()
    let state = Mutex(State())
    let wakeup: Wakeup
    /// Directories with files that the pipeline found changed.
    let dirty: DirtyDirectories
    /// One pass over the folders at a time.
    let scanning = BlockingExecutor(label: "scan")

    struct State {
        var scope = ScanScope()
        var isStopped = false
        var isRunning = false
        var feed: JobFeed?
        var scannedAt: Timestamp?
        var scanningRoots: Set<RootID> = []
        var trouble: String?
    }

    /// The seams, with the real things as defaults.
    package struct Surroundings: Sendable {
        package var files: any FileSystem
        /// nil for inotify, or rescans alone where there is none to be had.
        package var watcher: (any DirectoryWatcher)?
        package var clock: any WallClock

        package init(
            files: any FileSystem = LinuxFileSystem(), watcher: (any DirectoryWatcher)? = nil,
            clock: any WallClock = SystemClock()
        ) {
            self.files = files
            self.watcher = watcher
            self.clock = clock
        }
    }

    /// Opens the state folder as its one writer and loads the live vectors. Blocking.
    ///
    /// - Parameters:
    ///   - earlierDigests: see ``Catalog/prepareIndex(digest:earlierDigests:dimensions:storesRerankFeatures:model:at:)``.
    ///   - model: the model's directory, remembered so that its queries can still be embedded when another model takes
    ///     over; see ``Catalog/IndexRecord/model``.
    /// - Throws: ``CatalogError``, also when another process holds the folder; `VectorIndexError`.
    package init(
        state: FilePath, encoder: any ClipEncoder, earlierDigests: [String] = [], storesRerankFeatures: Bool = false,
        model: FilePath? = nil, source: any FrameSource, settings: IngestSettings = IngestSettings(),
        surroundings: Surroundings = Surroundings(), logger: Logger
    ) throws {
        catalog = try Catalog(state: state, access: .readWrite)
        for notice in catalog.notices { logger.warning("\(notice)") }
        clock = surroundings.clock
        self.settings = settings
        self.logger = logger
        wakeup = Wakeup()
        indexRecord = try catalog.prepareIndex(
            digest: encoder.modelDigest, earlierDigests: earlierDigests, dimensions: encoder.dimensions,
            storesRerankFeatures: storesRerankFeatures, model: model, at: clock.now)
        keeper = try LiveIndexKeeper(catalog: catalog)
        watcher = surroundings.watcher ?? Self.makeWatcher(logger)
        let textWakeup = Wakeup()
        let report = { @Sendable [broadcast, clock, logger] (kind: LibraryEvent.Kind) in
            Self.log(kind, logger)
            broadcast.send(LibraryEvent(time: clock.now, kind: kind))
            // Its text is read after its pictures.
            if case .mediaIndexed = kind { textWakeup.fire() }
        }
        scanner = FolderScanner(
            catalog: catalog, files: surroundings.files, watcher: watcher, clock: clock, settings: settings.folders,
            catchUp: { [keeper] in try keeper.catchUp() }, report: { report(.folder($0)) })
        let dirty = DirtyDirectories(wakeup)
        self.dirty = dirty
        pipeline = IngestPipeline(
            .init(
                catalog: catalog, index: indexRecord, keeper: keeper, encoder: encoder, source: source,
                files: surroundings.files, clock: clock, settings: settings, report: report,
                markDirty: { dirty.add($0) }))
        text = TextReader(
            catalog: catalog, source: source, writer: pipeline.writer, clock: clock, retry: settings.folders.retry,
            wakeup: textWakeup, report: report)
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

    func report(_ kind: LibraryEvent.Kind) {
        Self.log(kind, logger)
        broadcast.send(LibraryEvent(time: clock.now, kind: kind))
    }

    private static func log(_ kind: LibraryEvent.Kind, _ logger: Logger) {
        switch kind {
        case .folder(.rootOffline(let root, let reason)): logger.warning("root \(root) is offline: \(reason)")
        case .folder(.rootOnline(let root)): logger.info("root \(root) is online again")
        case .mediaFailed(let media, let path, let problem):
            logger.warning("media \(media) (\(path?.description ?? "no path")) failed: \(problem.message)")
        case .folder(.fileFailed(let path, let problem)): logger.warning("\(path): \(problem.message)")
        case .textFailed(_, let path, let problem):
            logger.warning("\(path): its text can't be read: \(problem.message)")
        case .mediaIndexed(let media, let clips): logger.info("media \(media) is indexed: \(clips) clips")
        case .indexSwitched(let index): logger.info("index \(index.digest) is live")
        case .writeRefused(let reason): logger.error("a write to the catalog was refused: \(reason)")
        case .paused(let reason?): logger.error("ingest waits: \(reason)")
        case .paused(nil): logger.info("ingest goes on")
        default: logger.trace("\(kind)")
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
