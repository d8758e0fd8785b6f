internal import Catalog
internal import Library
internal import Logging
internal import Synchronization
internal import Threads

/// Tells the shared database what the catalog has, and what it has no more, whenever something has changed.
///
/// There is no journal that could be lost or be told twice: what was told of each media item is in the shared database, in the same transaction as
/// its rows, as a signature of all that is told. A pass compares the catalog's signatures with those and tells what differs.
final class FleetFeeder: Sendable {
    private struct State {
        var behind = 0
        var isLevel = false
        var trouble: String?
        var isStopped = false
    }

    /// Media items that are compared at a time.
    private static let page = 1000
    /// Media items of a transaction at most, and about how many clips.
    private static let batch = (media: 100, clips: 2000)
    /// A pass is made this often even when nothing is known to have changed, in seconds.
    private static let interval = 600.0
    /// The time between two passes is so many times that of a pass, and this long at least, in seconds.
    private static let rest = (factor: 10.0, least: 0.5)
    /// Seconds after which what the server refused is told of again.
    private static let refusalPause = 60.0

    private let library: Library
    private let catalog: Catalog
    private let node: FleetNode
    private let database: FleetDatabase
    private let clock: any WallClock
    private let logger: Logger
    private let executor = BlockingExecutor(label: "fleet", givesWay: true)
    private let state = Mutex(State())
    private let changed = Wakeup()

    init(library: Library, node: FleetNode, database: FleetDatabase, clock: any WallClock, logger: Logger) {
        self.library = library
        catalog = library.catalog
        self.node = node
        self.database = database
        self.clock = clock
        self.logger = logger
    }

    /// Media items that the shared database has still to be told of, as far as the last pass found.
    var behind: Int { state.withLock { $0.behind } }

    /// Whether the last pass came to its end.
    var isLevel: Bool { state.withLock { $0.isLevel } }

    /// Why the last pass didn't.
    var trouble: String? { state.withLock { $0.trouble } }

    /// Works until ``stop()``.
    func run() async {
        let events = library.events()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [self] in
                for await event in events {
                    if case .mediaProgress = event.kind { continue }
                    changed.fire()
                }
            }
            await feed()
            events.cancel()
            group.cancelAll()
        }
    }

    func stop() {
        state.withLock { $0.isStopped = true }
        changed.fire()
    }

    private var isStopped: Bool { state.withLock { $0.isStopped } }

    private func feed() async {
        while !isStopped {
            let ticket = changed.ticket
            let began = clock.uptime
            let pause = await executor.run { [self] in tryPass() }
            let took = clock.uptime - began
            guard !isStopped else { return }
            if let pause {
                // What changes meanwhile makes no server answer.
                await waitForStop(seconds: pause)
            } else {
                await waitForStop(seconds: max(Self.rest.least, took * Self.rest.factor))
                if !isStopped { await changed.wait(since: ticket, seconds: Self.interval, clock: clock) }
            }
        }
    }

    private func waitForStop(seconds: Double) async {
        let end = clock.uptime + seconds
        while !isStopped {
            let left = end - clock.uptime
            guard left > 0 else { return }
            let ticket = changed.ticket
            guard !isStopped else { return }
            await changed.wait(since: ticket, seconds: left, clock: clock)
        }
    }

    /// - Returns: Seconds until the next try, where this one failed.
    private func tryPass() -> Double? {
        do {
            try pass()
            tell(trouble: nil)
            return nil
        } catch FleetProblem.changed {
            return 1
        } catch {
            guard !isStopped else { return 0 }
            tell(trouble: "\(error)")
            let isRefusal = (error as? PostgresError)?.isRefusal == true
            return max(isRefusal ? Self.refusalPause : 5, database.pause)
        }
    }

    private func tell(trouble: String?) {
        let isNew = state.withLock { state in
            defer { state.trouble = trouble }
            if trouble != nil { state.isLevel = false }
            return state.trouble != trouble
        }
        guard isNew else { return }
        if let trouble {
            logger.warning("the fleet isn't told what is new, and will be later: \(trouble)")
        } else {
            logger.notice("the fleet is told what is new again")
        }
    }

    /// One comparison of the catalog and the shared database, at the end of which that has all. Blocks the calling thread.
    ///
    /// - Throws: ``PostgresError``, `CatalogError`, ``FleetProblem``; the next pass begins where this one ended.
    func pass() throws {
        guard let index = try catalog.liveIndex() else { return }
        try database.use { connection in
            let store = HoldingsStore(connection: connection, node: node)
            try store.join(roots: try catalog.roots().map(\.path))
            let model = try store.model(digest: index.digest, dimensions: index.dimensions)
            var differing = try differences(from: store, index: index)
            note(behind: differing.count)
            var refusal: PostgresError?
            while !differing.isEmpty, !isStopped {
                let step = try self.step(&differing, index: index)
                try store.takeBack(step.gone)
                do {
                    try store.tell(of: step.held, in: catalog, index: index, model: model)
                } catch let error as PostgresError {
                    guard error.isRefusal else { throw error }
                    // What the server takes from none holds up none of the others.
                    for media in step.held where !isStopped {
                        do {
                            try store.tell(of: [media], in: catalog, index: index, model: model)
                        } catch let error as PostgresError {
                            guard error.isRefusal else { throw error }
                            refusal = error
                        }
                    }
                }
                note(behind: differing.count)
            }
            if let refusal { throw refusal }
            if !isStopped { state.withLock { $0.isLevel = true } }
        }
    }

    private func note(behind: Int) { state.withLock { $0.behind = behind } }

    /// The ids of media items that the shared database was told something else of, or nothing, or that are gone; the last first.
    private func differences(from store: HoldingsStore, index: IndexRecord) throws -> [MediaID] {
        var differing: [MediaID] = []
        var after: MediaID = 0
        while !isStopped {
            let (held, last) = try catalog.holdings(of: index, ids: (after + 1)...MediaID.max, limit: Self.page)
            var told = try store.signatures(after: after, through: last ?? .max)
            for media in held {
                if told.removeValue(forKey: media.id) != media.signature { differing.append(media.id) }
            }
            differing += told.keys
            guard let last else { break }
            after = last
        }
        return differing.sorted(by: >)
    }

    /// Takes the next media items that make a transaction.
    private func step(
        _ differing: inout [MediaID], index: IndexRecord
    ) throws -> (held: [HeldMedia], gone: [MediaID]) {
        var held: [HeldMedia] = []
        var gone: [MediaID] = []
        var clips = 0
        while held.count + gone.count < Self.batch.media, clips < Self.batch.clips, let id = differing.popLast() {
            if let media = try catalog.holdings(of: index, ids: id...id, limit: 1).media.first {
                held.append(media)
                clips += media.clips
            } else {
                gone.append(id)
            }
        }
        return (held, gone)
    }
}
