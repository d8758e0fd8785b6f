package import Catalog
package import Library
package import Logging
internal import ServiceLifecycle
internal import Synchronization
package import SystemPackage
package import Threads

/// How a node belongs to a fleet.
package struct FleetSettings: Sendable, Equatable {
    /// Where the shared database is, as libpq takes it. It may hold a password.
    package var url: String
    /// What people call this node; nil for the machine's name.
    package var name: String?
    /// The URL under which other nodes reach this one's HTTP listener; nil where they don't.
    package var address: String?

    package init(url: String, name: String? = nil, address: String? = nil) {
        self.url = url
        self.name = name
        self.address = address
    }
}

extension FleetNode {
    /// Seconds after which a node is taken for gone that hasn't said anything.
    static let lifetime = 45.0
}

/// A node's part in a fleet: what its pipeline asks other nodes, until ``FleetService`` tells them what it has.
package struct FleetMembership: Sendable {
    package let node: FleetNode
    package let claims: FleetClaims
    /// Where the database is, without the password.
    package let database: PostgresAddress
    let settings: FleetSettings
    let clock: any WallClock
    /// For claims and searches, which somebody waits for.
    let asking: FleetDatabase

    /// Seconds that somebody waits for a statement at most.
    private static let patience = 15.0

    /// - Throws: ``PostgresError`` for an address that libpq can't read, or a state folder that can't be written. The database isn't asked.
    package init(_ settings: FleetSettings, state: FilePath, clock: any WallClock = SystemClock()) throws {
        guard let address = PostgresAddress(settings.url) else { throw PostgresAddress.unusable }
        database = address
        self.settings = settings
        self.clock = clock
        node = try FleetNode(state: state, name: settings.name, address: settings.address)
        asking = FleetDatabase(settings.url, statementTimeout: Self.patience, clock: clock)
        claims = FleetClaims(node: node, database: asking)
    }

    /// What all nodes have of an index's model.
    package func index(_ index: IndexRecord) -> FleetIndex {
        FleetIndex(index, database: asking, node: node, clock: clock)
    }
}

/// Tells the fleet what this node has, that it is there, and which contents it has in hand; a `Service`.
package final class FleetService: Service {
    /// Seconds between two signs of life.
    private static let beat = 10.0

    private let membership: FleetMembership
    private let feeder: FleetFeeder
    private let clock: any WallClock
    private let beating = BlockingExecutor(label: "fleet-beat")
    private let stopping = Wakeup()
    private let isStopped = Mutex(false)
    private let seen = Mutex<(nodes: [FleetStatus.Node], trouble: String?)>(([], nil))

    package init(_ membership: FleetMembership, library: Library, logger: Logger) {
        self.membership = membership
        clock = membership.clock
        // A first feed of a large library is statements of minutes.
        let database = FleetDatabase(membership.settings.url, statementTimeout: 600, clock: membership.clock)
        feeder = FleetFeeder(
            library: library, node: membership.node, database: database, clock: membership.clock, logger: logger)
    }

    /// Works until ``stop()``, cancellation or a graceful shutdown.
    package func run() async {
        await withTaskCancellationOrGracefulShutdownHandler {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await self.feeder.run() }
                group.addTask { await self.beat() }
            }
        } onCancelOrGracefulShutdown: {
            self.stop()
        }
    }

    package func stop() {
        isStopped.withLock { $0 = true }
        feeder.stop()
        stopping.fire()
    }

    /// Makes what the catalog has known at once. Blocks the calling thread.
    ///
    /// - Throws: as ``FleetFeeder/pass()``.
    package func feedNow() throws { try feeder.pass() }

    private func beat() async {
        while !isStopped.withLock({ $0 }) {
            let ticket = stopping.ticket
            await beating.run { [self] in
                do {
                    try sayAlive()
                    seen.withLock { $0.trouble = nil }
                } catch {
                    seen.withLock { $0.trouble = "\(error)" }
                }
            }
            guard !isStopped.withLock({ $0 }) else { return }
            await stopping.wait(since: ticket, seconds: Self.beat, clock: clock)
        }
    }

    /// Says that this node is there, has its claims go on, and looks who else is there. Blocks the calling thread.
    ///
    /// - Throws: ``PostgresError``.
    package func sayAlive() throws {
        let node = membership.node
        let behind = Int64(feeder.behind)
        try membership.claims.renew()
        let nodes = try membership.asking.use { connection in
            try connection.run(
                "UPDATE nodes SET seen_at = clock_timestamp(), behind = $2 WHERE id = $1",
                [.text(node.id), .integer(behind)])
            return try FleetStatus.nodes(connection, this: node)
        }
        seen.withLock { $0.nodes = nodes }
    }

    /// What is known of the fleet, without asking the database.
    package var status: FleetStatus {
        let (nodes, trouble) = seen.withLock { $0 }
        return FleetStatus(
            database: membership.database.description, node: membership.node.id, name: membership.node.name,
            behind: feeder.behind, isLevel: feeder.isLevel,
            trouble: trouble ?? feeder.trouble ?? membership.asking.trouble?.message, nodes: nodes)
    }
}

/// What a node knows of its fleet.
package struct FleetStatus: Sendable, Equatable {
    package struct Node: Sendable, Equatable {
        package var id: String
        package var name: String
        package var address: String?
        package var isThisNode: Bool
        /// Whether it has said something lately.
        package var isOnline: Bool
        /// Seconds since it did, by the database's clock.
        package var silence: Double
        /// Media items that it has told of.
        package var media: Int
        /// Media items that it has still to tell of.
        package var behind: Int
    }

    /// Where the shared database is, without the password.
    package var database: String
    /// The node's id, and its name.
    package var node: String
    package var name: String
    /// Media items that the shared database has still to be told of, as far as the last comparison found.
    package var behind: Int
    /// Whether that came to its end.
    package var isLevel: Bool
    /// Why something doesn't work; nil while all does.
    package var trouble: String?
    /// As they were when the database was last asked, this one among them.
    package var nodes: [Node]

    static func nodes(_ connection: PostgresConnection, this node: FleetNode) throws(PostgresError) -> [Node] {
        try connection.query(
            """
            SELECT id, name, address, extract(epoch FROM clock_timestamp() - seen_at)::float8, behind,
                (SELECT count(*) FROM holdings WHERE node = nodes.id)
            FROM nodes ORDER BY name, id
            """
        ).compactMap { row in
            guard let id = row.text(0), let name = row.text(1), let silence = row.real(3) else { return nil }
            return Node(
                id: id, name: name, address: row.text(2), isThisNode: id == node.id,
                isOnline: silence < FleetNode.lifetime, silence: max(0, silence), media: Int(row.integer(5) ?? 0),
                behind: Int(row.integer(4) ?? 0))
        }
    }
}
