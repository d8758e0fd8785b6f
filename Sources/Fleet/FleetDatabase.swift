internal import Synchronization
internal import Threads

/// Connections to the shared database, of which each is used by one thread at a time. Safe from any number of threads.
///
/// While the database is away, nobody waits for it again and again: for some seconds, longer each time, who asks is told at once.
final class FleetDatabase: Sendable {
    private struct State {
        var idle: [PostgresConnection] = []
        var trouble: PostgresError?
        /// By the clock that nobody sets.
        var retryAt = 0.0
        var delay = 0.0
    }

    /// Seconds between tries to connect: doubled each time, up to the second.
    private static let delays = 1.0...60.0

    private let address: String
    private let statementTimeout: Double
    private let clock: any WallClock
    private let state = Mutex(State())

    /// - Parameter statementTimeout: seconds that a statement may take.
    init(_ address: String, statementTimeout: Double, clock: any WallClock) {
        self.address = address
        self.statementTimeout = statementTimeout
        self.clock = clock
    }

    /// Why the database can't be used; nil while it can, as far as is known.
    var trouble: PostgresError? { state.withLock { $0.trouble } }

    /// Seconds until the next try to connect.
    var pause: Double { state.withLock { $0.trouble == nil ? 0 : max(0, $0.retryAt - clock.uptime) } }

    /// Lends a connection. Blocks the calling thread.
    ///
    /// - Parameter body: may be called twice: where the server has gone and come back, the first connection is none any more.
    /// - Throws: ``PostgresError``, and what `body` throws.
    func use<Value>(_ body: (PostgresConnection) throws -> Value) throws -> Value {
        if let connection = state.withLock({ $0.idle.popLast() }) {
            do {
                let value = try body(connection)
                give(connection)
                return value
            } catch {
                guard !connection.isOpen else {
                    giveBack(connection, after: error)
                    throw error
                }
                // Those that were idle beside it are no better.
                let idle = state.withLock { state in
                    defer { state.idle = [] }
                    return state.idle
                }
                _ = idle
            }
        }
        let connection = try connect()
        do {
            let value = try body(connection)
            give(connection)
            return value
        } catch {
            if connection.isOpen {
                giveBack(connection, after: error)
            } else {
                note(error as? PostgresError ?? PostgresError("\(error)"))
            }
            throw error
        }
    }

    private func connect() throws -> PostgresConnection {
        if let trouble = state.withLock({ clock.uptime < $0.retryAt ? $0.trouble : nil }) { throw trouble }
        do {
            let connection = try open()
            state.withLock { state in
                state.trouble = nil
                (state.delay, state.retryAt) = (0, 0)
            }
            return connection
        } catch {
            let error = error as? PostgresError ?? PostgresError("\(error)")
            note(error)
            throw error
        }
    }

    private func open() throws -> PostgresConnection {
        let connection = try PostgresConnection(address, statementTimeout: statementTimeout)
        try connection.run("SELECT set_config('search_path', 'saccade, public', false)")
        try FleetSchema.migrate(connection)
        try connection.learnTypes()
        try FleetSchema.checkVectors(connection)
        return connection
    }

    private func give(_ connection: PostgresConnection) {
        state.withLock { $0.idle.append(connection) }
    }

    /// A server that answers too late is as good as away: who asks next isn't to wait as long.
    private func giveBack(_ connection: PostgresConnection, after error: any Error) {
        if let error = error as? PostgresError, error.isTimeout { note(error) } else { give(connection) }
    }

    /// The server is away: what lies idle is of no more use.
    private func note(_ error: PostgresError) {
        let dropped = state.withLock { state in
            defer { state.idle = [] }
            state.trouble = error
            state.delay = min(max(Self.delays.lowerBound, state.delay * 2), Self.delays.upperBound)
            state.retryAt = clock.uptime + state.delay
            return state.idle
        }
        _ = dropped
    }
}
