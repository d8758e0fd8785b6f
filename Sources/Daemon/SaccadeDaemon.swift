import API
import Basics
import CKernels
import CLinux
import DecodeProtocol
import DecodeWorkers
import Fleet
import FolderWatch
import Foundation
import HTTPServer
import Library
import Logging
package import Models
import Search
import ServiceLifecycle
package import Settings
package import SystemPackage
import Tensors
import Threads
import UnixSignals

#if canImport(Glibc)
    import Glibc
#endif

/// `saccade serve`: the composition of everything that runs for long.
package struct SaccadeDaemon: Sendable {
    /// What the daemon is given by its program, and by tests.
    package struct Program: Sendable {
        package var version: String
        package var environment: [String: String]
        /// Reads the configuration again, for SIGHUP.
        package var reload: @Sendable () throws -> Configuration
        /// Loads the model in a folder, or the shipped one for nil. Blocking.
        package var loadModel: @Sendable (FilePath?) throws -> LoadedModel

        package init(
            version: String,
            environment: [String: String],
            reload: @escaping @Sendable () throws -> Configuration,
            loadModel: @escaping @Sendable (FilePath?) throws -> LoadedModel
        ) {
            self.version = version
            self.environment = environment
            self.reload = reload
            self.loadModel = loadModel
        }
    }

    /// Memory that freed tensors may keep for new ones.
    private static let idleTensorBytes = 32 << 20
    /// Bytes from which on a freed block goes back to the system.
    private static let largeBlock: Int32 = 1 << 20
    /// Heaps of small blocks: as many as threads compute at once on a small machine. More than that keep memory and win no time.
    private static let heaps: Int32 = 2

    private let configuration: Configuration
    private let program: Program
    private let level: SharedLogLevel
    private let style: StandardErrorLog.Style
    private let journal: Journal?

    package init(configuration: Configuration, program: Program) {
        self.configuration = configuration
        self.program = program
        level = SharedLogLevel(Logger.Level(rawValue: configuration.logLevel) ?? .info)
        style = StandardErrorLog.Style.detect(environment: program.environment)
        journal = style == .journal ? Journal() : nil
    }

    /// Runs until SIGTERM or SIGINT, or until something fails that the daemon can't do without.
    ///
    /// - Throws: `SocketError`, `ConfigurationError`, `CatalogError`, `ModelError` and others whose description says what to do.
    package func run() async throws {
        let started = Date()
        // Until there is something to reload, a reload must not end the program.
        signal(SIGHUP, SIG_IGN)
        let logger = makeLogger("saccade")
        // A worker has the same user, as may have other programs that were taken over: none of them may look into this process.
        if saccade_refuse_tracing() != 0 {
            logger.warning("other programs of this user can trace this process")
        }
        for notice in configuration.notices { logger.warning("\(notice)") }
        let manager = ServiceManager(environment: program.environment)
        ServiceManager.forgetEnvironment()
        let activated = try SocketActivation.take(environment: program.environment)
        let token = try configuration.http.tokenFile.map { file throws(ConfigurationError) in
            try AccessToken(file: file)
        }
        let access = try await BlockingExecutor.shared.run { [configuration] in try SocketAccess(configuration.access) }
        // Bound before the long work, so that a second daemon ends at once; nobody is answered before READY.
        let sockets =
            try activated.isEmpty
            ? [
                ListeningSocket.bind(path: configuration.socket, isForOthers: configuration.access.isGranted)
            ] : activated

        defer {
            for socket in sockets { socket.file?.remove() }
        }

        // Batches of queries and of clips differ in size: without limits, blocks of every size would be kept.
        BufferCache.limit = Self.idleTensorBytes
        saccade_return_blocks_from(Self.largeBlock)
        saccade_share_heaps(Self.heaps)
        manager?.notify(.status("Loading the model and the index"))
        let decoder = try decoderProgram()
        let (model, choice) = try await BlockingExecutor.shared.run { try startingModel(logger) }
        let models = LoadedModels(model) { [program] in try program.loadModel($0) }
        // As many again, so that new media don't wait for those of an index that is built beside the live one; and one more, so that the text of a
        // file of subtitles doesn't wait for the end of a film.
        let opener = FileOpener(followsLinks: configuration.ingest.followLinks)
        let ingestDecoders = decoders(
            executable: decoder, workers: 2 * settings.decodeWorkers + 1, givesWay: true, opener: opener)
        let membership = try await BlockingExecutor.shared.run { [configuration] in
            // The node's id is kept in the state folder.
            try FleetSettings(configuration.fleet).map { settings in
                try FileManager.default.createDirectory(
                    atPath: configuration.state.string, withIntermediateDirectories: true,
                    attributes: [.posixPermissions: 0o700])
                return try FleetMembership(settings, state: configuration.state)
            }
        }
        let library = try await BlockingExecutor.shared.run { [configuration, settings] in
            try Library(
                state: configuration.state,
                model: IndexingModel(model),
                keepsNext: choice == .standIn,
                loadModel: { IndexingModel(try models.model(of: $0)) },
                source: ingestDecoders,
                settings: settings,
                surroundings: Library.Surroundings(opener: opener, shared: membership?.claims),
                logger: makeLogger("ingest")
            )
        }
        defer { library.close() }
        let searchSwitch = SearchSwitch(library: library, models: models, logger: logger)
        if choice == .chosen {
            logger.notice(
                "\(model.directory) was chosen with `saccade model use`; `saccade model use default` goes back to the configuration's"
            )
        }
        // Not left to the first search: a model that can't be used is an error of the start.
        _ = try await BlockingExecutor.shared.run { try searchSwitch.index() }
        // What loading passed through.
        saccade_return_free_pages()
        let searcher = Searcher(catalog: library.catalog) { try searchSwitch.index() }
        do {
            try await BlockingExecutor.shared.run { try BLAS.load() }
        } catch {
            logger.error("everything takes several times as long without OpenBLAS: \(error)")
        }
        let engine = Self.engine
        let events = Broadcast<EventStreamItem>()
        let saved = SavedSearches(
            library: library, searcher: searcher, settings: configuration.saved, environment: program.environment,
            events: events, logger: makeLogger("saved"))
        let fleet = membership.map { membership in
            let search = FleetSearch(
                membership, library: library, local: { try searchSwitch.index() },
                model: { try searchSwitch.model() }
            ) { logger.error("searches of the fleet answer without re-ranking: \($0)") }
            let service = FleetService(membership, library: library, logger: makeLogger("fleet"))
            return (search: search, service: service)
        }
        if let membership {
            logger.notice(
                "this machine shares \(membership.database) with others",
                metadata: ["node": "\(membership.node.id)", "name": "\(membership.node.name)"])
        }
        let backend = LibraryBackend(
            identity: LibraryBackend.Identity(
                version: program.version,
                pid: getpid(),
                started: started,
                engine: engine
            ),
            library: library,
            searcher: searcher,
            saved: saved,
            pictures: decoders(executable: decoder, workers: 1, givesWay: false, opener: opener),
            settings: configuration.thumbnails,
            previews: (
                decoders(executable: decoder, workers: 1, givesWay: true, opener: opener), configuration.previews
            ),
            model: { try searchSwitch.model() },
            changes: ModelChanges(library: library, models: models) { [configuration] in
                try configuration.model ?? ModelFolder.shipped()
            },
            fleet: fleet
        )

        let limits = LiveLimits(configuration.http)
        let roots = ConfiguredRoots(library: library, logger: logger)
        var listeners = sockets.map { HTTPServer.Listener.unix($0) }
        if let port = configuration.http.tcpPort, let token { listeners.append(.loopback(port: port, token: token)) }
        let page = await BlockingExecutor.shared.run { searchPage(logger) }
        let server = HTTPServer(
            listeners: listeners, access: access, backend: backend, page: page, limits: limits, events: events,
            logger: makeLogger("http")
        ) {
            manager?.notify(.ready, .status("Ready"))
            logger.notice(
                "ready", metadata: ["socket": "\(activated.isEmpty ? configuration.socket.string : "systemd's")"])
        }
        logger.notice(
            "saccade \(program.version)",
            metadata: [
                "blas": "\(engine.blasCore)", "simd": "\(engine.simd)", "threads": "\(engine.threads)",
                "model": "\(model.name)", "digest": "\(model.digest.prefix(12))",
                "state": "\(configuration.state)", "clips": "\(library.live?.count ?? 0)",
            ]
        )
        // Services stop in the reverse of this order: no more feeding first, then no more answers.
        var services: [any Service] = [
            LibraryEvents(library: library, events: events, heartbeat: .seconds(15)),
            server,
            saved,
            library,
            ReloadService(
                configuration: configuration, limits: limits, level: level, roots: roots, manager: manager,
                logger: logger, load: program.reload
            ) { [library] in library.setRest(RestSettings($0)) },
            ResourceWatch(files: LinuxSystemFiles(), logger: logger),
        ]
        if let fleet { services.append(fleet.service) }
        if let manager {
            services.append(WatchdogService(manager: manager) { await Self.line(of: backend) })
        }
        var group = ServiceGroupConfiguration(
            services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: makeLogger("lifecycle")
        )
        group.maximumGracefulShutdownDuration = .seconds(20)
        try await ServiceGroup(configuration: group).run()
        logger.notice("stopped")
    }

    /// Why the daemon starts with a model.
    private enum StartingChoice { case configured, chosen, standIn }

    /// The model that was chosen, or the configured one. While the chosen one can't be loaded, that of the live index stands in for it, or else
    /// the configured one. Blocking.
    ///
    /// - Throws: `ModelError`, `WeightsError`, `CatalogError`.
    private func startingModel(_ logger: Logger) throws -> (LoadedModel, StartingChoice) {
        guard let chosen = Library.chosenModel(in: configuration.state) else {
            return (try program.loadModel(configuration.model), .configured)
        }
        do {
            return (try program.loadModel(chosen), .chosen)
        } catch {
            logger.error(
                """
                the chosen model can't be used, and that of the live index takes its place until the next start; what is built for it \
                stays: \(error)
                """)
        }
        // The live index needs no other to be built, which would take the place of the one that is kept.
        if let live = Library.liveModel(in: configuration.state), live != chosen,
            let model = try? program.loadModel(live)
        {
            return (model, .standIn)
        }
        return (try program.loadModel(configuration.model), .standIn)
    }

    private func makeLogger(_ label: String) -> Logger {
        Logger(label: label) { [style, level, journal] in
            StandardErrorLog(label: $0, style: style, level: level, journal: journal)
        }
    }

    /// Nil where the files of the page are missing: all else works without them. Blocking.
    private func searchPage(_ logger: Logger) -> SearchPage? {
        guard let folder = PageFiles.installed() else {
            logger.warning("there is no search page: its files are not installed")
            return nil
        }
        let secret: [UInt8]
        do {
            secret = try PageSecret.load(configuration.state.appending("page.key"))
        } catch {
            logger.warning(
                "browsers will be forgotten at the end: \(configuration.state)/page.key can't be used: \(error)")
            secret = PageSessions.randomBytes(PageSessions.secretSize)
        }
        do {
            let files = try PageFiles(folder: folder)
            return SearchPage(files: files, settings: configuration.http, sessions: PageSessions(secret: secret))
        } catch {
            logger.warning("there is no search page: \(error)")
            return nil
        }
    }

    private var settings: IngestSettings {
        var settings = IngestSettings(
            framesPerSecond: configuration.ingest.framesPerSecond,
            folders: FolderSettings(
                settleTime: configuration.ingest.settleSeconds,
                ignored: IgnoreRules(configuration.ingest.ignore.joined(separator: "\n")),
                followsLinks: configuration.ingest.followLinks,
                removalShare: configuration.ingest.removalShare,
                pollInterval: configuration.ingest.pollSeconds,
                longestPollInterval: configuration.ingest.rescanSeconds),
            rescanInterval: configuration.ingest.rescanSeconds,
            rest: RestSettings(configuration.ingest)
        )
        settings.rebuildShare = configuration.ingest.rebuildShare
        settings.tombstoneLifetime = configuration.catalog.keepDeletedDays * 86_400
        settings.minFreeBytes = Int64(configuration.ingest.minFreeBytes)
        if let decoders = configuration.ingest.decoders { settings.decodeWorkers = decoders }
        settings.index = IndexStorage(configuration.index)
        return settings
    }

    private func decoderProgram() throws(ConfigurationError) -> FilePath {
        do throws(DecodeError) {
            return try DecodeWorkerPool.executable(configuration.decoder)
        } catch {
            throw ConfigurationError(
                configuration.decoder == nil ? .missingValue : .invalidValue, origin: "decoder", message: error.message)
        }
    }

    private func decoders(executable: FilePath, workers: Int, givesWay: Bool, opener: FileOpener) -> DecodeWorkerPool {
        DecodeWorkerPool(
            configuration: DecodeWorkerPool.Configuration(
                executable: executable,
                workers: workers,
                deadline: .seconds(configuration.ingest.decodeTimeoutSeconds),
                limits: WorkerLimits(givesWay: givesWay),
                opener: opener
            )
        )
    }

    /// What computes; to be asked after `BLAS.load()`, so that nobody waits for the library here.
    private static var engine: API.Status.Engine {
        API.Status.Engine(
            blasCore: BLAS.coreName ?? "",
            simd: unsafe String(cString: saccade_simd_name(saccade_simd_detected())),
            threads: ThreadCount.configured
        )
    }

    /// For `systemctl status`.
    private static func line(of backend: LibraryBackend) async -> String {
        do {
            let status = try await backend.status()
            let left = status.media.pending + status.media.indexing
            let work = left > 0 ? "indexing, \(left) of \(status.media.total) media left" : "all indexed"
            return "\(status.index.clips) clips of \(status.media.indexed) media; \(work)"
        } catch {
            return "The library doesn't answer: \(error)"
        }
    }
}

extension RestSettings {
    fileprivate init(_ ingest: Configuration.Ingest) {
        let limits: [(Pressure.Resource, Double)] = [
            (.cpu, ingest.maxCPUPressure), (.io, ingest.maxIOPressure), (.memory, ingest.maxMemoryPressure),
        ]
        self.init(
            quietHours: ingest.quietHours, indexesOnBattery: ingest.onBattery,
            maximumPressure: Dictionary(limits.filter { $0.1 < 100 }) { one, _ in one })
    }
}
