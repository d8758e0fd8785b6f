import API
import Catalog
import Foundation
package import HTTPServer
package import Library
package import Logging
import Models
package import Search
import ServiceLifecycle
package import Settings
import Synchronization
import SystemPackage
package import Threads

#if canImport(Glibc)
    import Glibc
#endif

/// Asks saved searches of each media item that comes, tells what they find, and runs their commands.
///
/// The catalog has what each is still to be asked of, and which matches wait for their command, so that neither a restart nor another model
/// tells a clip twice or none.
package final class SavedSearches: Service {
    /// Media items of one search that are asked together.
    private static let batch = 16
    /// Matches of one search that may wait for their command before it is asked of more.
    private static let mostWaiting = 1000
    /// Seconds after which what failed is tried again.
    private static let patience = 30.0
    /// Seconds that a command has to end by itself when the daemon does.
    private static let grace = 5.0

    private let library: Library
    private let catalog: Catalog
    private let searcher: Searcher
    private let settings: Configuration.Saved
    private let environment: [String: String]
    private let events: Broadcast<EventStreamItem>
    private let clock: any WallClock
    private let logger: Logger
    private let matching = BlockingExecutor(label: "saved", givesWay: true)
    private let commands = BlockingExecutor(label: "command")
    private let arrived = Wakeup()
    private let found = Wakeup()
    private let stopping = StopSignal()

    /// - Parameters:
    ///   - environment: the daemon's.
    ///   - events: is told of matches.
    package init(
        library: Library, searcher: Searcher, settings: Configuration.Saved, environment: [String: String],
        events: Broadcast<EventStreamItem>, clock: any WallClock = SystemClock(), logger: Logger
    ) {
        self.library = library
        catalog = library.catalog
        self.searcher = searcher
        self.settings = settings
        self.environment = environment
        self.events = events
        self.clock = clock
        self.logger = logger
    }

    // MARK: What is saved

    func list() async throws -> API.SavedSearches {
        let saved = try await BlockingExecutor.shared.run { [catalog] in try catalog.savedSearches() }
        return API.SavedSearches(savedSearches: try saved.map { API.SavedSearch($0, asking: try Self.request(of: $0)) })
    }

    func named(_ name: String) async throws -> API.SavedSearch {
        let name = try SavedSearchName.checked(name)
        guard let saved = try await BlockingExecutor.shared.run({ [catalog] in try catalog.savedSearch(named: name) })
        else { throw Self.noSearch(name) }
        return API.SavedSearch(saved, asking: try Self.request(of: saved))
    }

    func save(_ search: API.SaveSearch, as name: String) async throws -> (search: API.SavedSearch, isNew: Bool) {
        let name = try SavedSearchName.checked(name)
        let command = try search.command.map { words throws(APIError) in
            guard settings.commands else {
                throw APIError(
                    .forbidden,
                    "commands of saved searches are off: set the key saved.commands to true and restart the daemon")
            }
            return try MatchCommand.resolved(words, path: environment["PATH"])
        }
        let asked = search.search
        let json = String(decoding: try API.encoder().encode(asked), as: UTF8.self)
        // One after the other with what is asked: nobody is asked of what came before.
        return try await matching.run { [catalog, searcher, clock] in
            try searcher.checkMatchable(Search.SearchRequest(asked))
            let isNew = try catalog.savedSearch(named: name) == nil
            do {
                let saved = try catalog.save(
                    name, request: json, command: command, replacing: search.replace, at: clock.now)
                return (API.SavedSearch(saved, asking: asked), isNew)
            } catch let error as CatalogError where error.code == .nameTaken {
                throw APIError(
                    .savedSearchExists,
                    "there is a saved search “\(name)” already: remove it, or say that it is to be replaced")
            } catch let error as CatalogError where error.code == .tooMany {
                throw APIError(.invalidRequest, error.message)
            }
        }
    }

    func remove(_ name: String) async throws {
        let name = try SavedSearchName.checked(name)
        do {
            try await BlockingExecutor.shared.run { [catalog] in try catalog.removeSavedSearch(named: name) }
        } catch let error as CatalogError where error.code == .notFound {
            throw Self.noSearch(name)
        }
    }

    private static func noSearch(_ name: String) -> APIError {
        APIError(.savedSearchNotFound, "there is no saved search “\(name)”; `saccade saved list` shows those there are")
    }

    private static func request(of saved: SavedSearch) throws -> API.SearchRequest {
        try API.decoder().decode(API.SearchRequest.self, from: Data(saved.request.utf8))
    }

    // MARK: What comes

    package func run() async throws {
        let happenings = library.events(buffer: 8)
        await withTaskCancellationOrGracefulShutdownHandler {
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    // Which one doesn't matter: the catalog knows what is to be done.
                    for await _ in happenings.cancelOnGracefulShutdown() { self.arrived.fire() }
                }
                group.addTask { await self.match() }
                group.addTask { await self.runCommands() }
            }
        } onCancelOrGracefulShutdown: {
            self.stopping.stop()
            self.arrived.fire()
            self.found.fire()
        }
    }

    private func match() async {
        while !stopping.isStopped {
            let ticket = arrived.ticket
            var wait: Double?
            do {
                while !stopping.isStopped, try await matching.run({ try self.matchNext() }) {}
            } catch {
                logger.error("saved searches can't be asked, and are again in \(Int(Self.patience)) s: \(error)")
                wait = Self.patience
            }
            await arrived.wait(since: ticket, seconds: wait, clock: clock)
        }
    }

    /// Asks one search of the media items that came. Blocking.
    ///
    /// - Returns: false when there was nothing to ask.
    private func matchNext() throws -> Bool {
        guard let live = try library.followedLive(),
            let arrivals = try catalog.nextArrivals(
                in: live.record.id, limit: Self.batch, mostWaiting: Self.mostWaiting)
        else { return false }
        let search = arrivals.search
        let results = try self.results(of: arrivals)
        // Another index has taken over meanwhile: what was found are not its clips.
        guard library.live === live else { return true }
        let runsCommand = search.command != nil && settings.commands
        let matches = results.map {
            SavedMatch(
                media: $0.media.id, clip: $0.clip.id, start: $0.clip.start, end: $0.clip.end,
                probability: $0.scores.probability)
        }
        guard try catalog.settle(arrivals, matches: runsCommand ? matches : []) else { return true }
        for result in results {
            events.send(
                .event(
                    API.Event(
                        kind: .savedSearchMatched, time: Date(timeIntervalSince1970: clock.now),
                        savedSearch: search.name, result: API.SearchResult(result))))
        }
        if !results.isEmpty { logger.info("saved search “\(search.name)” matches \(results.count) new clips") }
        if runsCommand { found.fire() }
        return true
    }

    /// In the order of time.
    private func results(of arrivals: Arrivals) throws -> [SearchResult] {
        let search = arrivals.search
        do {
            let request = try Search.SearchRequest(try Self.request(of: search))
            return try searcher.matches(of: request, in: Set(arrivals.media))
                .filter { $0.clip.id > search.afterClip }
                .sorted { ($0.media.id, $0.clip.start, $0.clip.id) < ($1.media.id, $1.clip.start, $1.clip.id) }
        } catch let error where !(error is CatalogError) && (error as? SearchError)?.mayPass != true {
            // Asked again it would fail again, and hold the others up.
            logger.warning("saved search “\(search.name)” can't be asked of \(arrivals.media.count) media: \(error)")
            return []
        }
    }

    // MARK: Commands

    private func runCommands() async {
        guard settings.commands else { return }
        // When those of the last minute began, by the clock that nobody sets.
        var begun: [Double] = []
        while !stopping.isStopped {
            let ticket = found.ticket
            var wait: Double?
            do {
                let now = clock.uptime
                begun.removeAll { $0 <= now - 60 }
                if begun.count >= settings.commandsPerMinute, let first = begun.first {
                    wait = max(0.05, first + 60 - now)
                } else if let next = try await commands.run({ [catalog] in try catalog.nextWaitingMatch() }) {
                    begun.append(now)
                    await run(next)
                    try await commands.run { [catalog] in try catalog.removeWaitingMatch(next.id) }
                    // There may be room now for what a full queue has held back.
                    arrived.fire()
                    continue
                }
            } catch {
                logger.error("commands of saved searches wait \(Int(Self.patience)) s: \(error)")
                wait = Self.patience
            }
            await found.wait(since: ticket, seconds: wait, clock: clock)
        }
    }

    /// Runs the command of a match to its end.
    private func run(_ waiting: WaitingMatch) async {
        let name = waiting.search.name
        let process: CommandProcess
        do {
            let started = try await commands.run { [catalog, environment] () -> CommandProcess? in
                guard let command = waiting.search.command, let program = command.first,
                    let place = try catalog.places(of: waiting.match.media).first
                else { return nil }
                return try CommandProcess(
                    FilePath(program),
                    arguments: MatchCommand.arguments(
                        command.dropFirst(), for: waiting.match, in: place.path, name: name),
                    environment: MatchCommand.environment(environment))
            }
            // Nothing is told of files that have gone.
            guard let started else { return }
            process = started
        } catch {
            logger.warning("the command of the saved search “\(name)” can't be started: \(error)")
            return
        }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [settings, clock, logger] in
                guard (try? await clock.sleep(seconds: settings.commandTimeoutSeconds)) != nil else { return }
                logger.warning("the command of the saved search “\(name)” took too long and is killed")
                process.signal(SIGKILL)
            }
            group.addTask { [stopping, clock] in
                await stopping.wait()
                guard stopping.isStopped else { return }
                process.signal(SIGTERM)
                // Cut short when it has ended, and where the daemon has no time.
                try? await clock.sleep(seconds: Self.grace)
                process.signal(SIGKILL)
            }
            let ending = await commands.run { process.wait() }
            if ending != .exited(0) {
                logger.warning("the command of the saved search “\(name)” ended: \(ending)")
            }
            group.cancelAll()
        }
    }
}

/// That something is to end.
private final class StopSignal: Sendable {
    private let wakeup = Wakeup()
    private let flag = Mutex(false)

    var isStopped: Bool { flag.withLock { $0 } }

    func stop() {
        flag.withLock { $0 = true }
        wakeup.fire()
    }

    /// Until it is, or the task is cancelled.
    func wait() async {
        while true {
            let ticket = wakeup.ticket
            if isStopped || Task.isCancelled { return }
            await wakeup.wait(since: ticket)
        }
    }
}
