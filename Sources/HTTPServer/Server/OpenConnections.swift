package import NIOCore
import Synchronization

/// The connections that are open, so that there is a limit to them and they can be asked to finish.
///
/// Whatever comes over loopback, a quarter of the places is the Unix socket's. Where no place is left, the connection that has waited longest for its client
/// makes room: one that idles, or whose request trickles.
package final class OpenConnections: Sendable {
    private struct Connection {
        let channel: any Channel
        let isLoopback: Bool
        /// Nil while a request is in work.
        var waitingSince: ContinuousClock.Instant?
    }

    private struct State {
        var open: [ObjectIdentifier: Connection] = [:]
        var isQuiescing = false
    }

    private let patience: Duration
    private let state = Mutex(State())

    /// - Parameter patience: how long a connection may wait for its client before it has to make room.
    package init(patience: Duration) {
        self.patience = patience
    }

    /// - Returns: False when there are `limit` already, or as many as loopback may have, and none of them makes room.
    package func add(_ channel: any Channel, isLoopback: Bool, limit: Int) -> Bool {
        let now = ContinuousClock.now
        let (isAdded, isQuiescing, slowest) = state.withLock { state -> (Bool, Bool, (any Channel)?) in
            let loopback = state.open.values.count { $0.isLoopback }
            let isLoopbackFull = isLoopback && loopback >= limit - limit / 4
            var slowest: (any Channel)?
            if isLoopbackFull || state.open.count >= limit {
                let waiting = state.open.values.filter { $0.isLoopback || !isLoopback }
                    .compactMap { connection in connection.waitingSince.map { (since: $0, connection.channel) } }
                guard let longest = waiting.min(by: { $0.since < $1.since }), now - longest.since >= patience else {
                    return (false, false, nil)
                }
                slowest = longest.1
                state.open.removeValue(forKey: ObjectIdentifier(longest.1))
            }
            state.open[ObjectIdentifier(channel)] = Connection(
                channel: channel, isLoopback: isLoopback, waitingSince: now)
            return (true, state.isQuiescing, slowest)
        }
        slowest?.close(promise: nil)
        if isQuiescing { channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent()) }
        return isAdded
    }

    package func remove(_ channel: any Channel) {
        _ = state.withLock { $0.open.removeValue(forKey: ObjectIdentifier(channel)) }
    }

    /// - Parameter isWaiting: whether the client's next bytes are waited for, and not an answer.
    package func note(_ channel: any Channel, isWaiting: Bool) {
        state.withLock { state in
            state.open[ObjectIdentifier(channel)]?.waitingSince = isWaiting ? ContinuousClock.now : nil
        }
    }

    /// Idle connections close now, the others after the answer that is under way.
    package func quiesce() {
        let channels = state.withLock { state in
            state.isQuiescing = true
            return state.open.values.map(\.channel)
        }
        for channel in channels { channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent()) }
    }

    package func closeAll() {
        let channels = state.withLock { $0.open.values.map(\.channel) }
        for channel in channels { channel.close(promise: nil) }
    }
}
