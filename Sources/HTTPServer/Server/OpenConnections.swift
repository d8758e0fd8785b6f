import NIOCore
import Synchronization

/// The connections that are open, so that there is a limit to them and they can be asked to finish.
final class OpenConnections: Sendable {
    private struct State {
        var channels: [ObjectIdentifier: any Channel] = [:]
        var isQuiescing = false
    }

    private let state = Mutex(State())

    /// - Returns: False when there are `limit` already.
    func add(_ channel: any Channel, limit: Int) -> Bool {
        let (isAdded, isQuiescing) = state.withLock { state in
            guard state.channels.count < limit else { return (false, false) }
            state.channels[ObjectIdentifier(channel)] = channel
            return (true, state.isQuiescing)
        }
        if isQuiescing { channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent()) }
        return isAdded
    }

    func remove(_ channel: any Channel) {
        _ = state.withLock { $0.channels.removeValue(forKey: ObjectIdentifier(channel)) }
    }

    /// Idle connections close now, the others after the answer that is under way.
    func quiesce() {
        let channels = state.withLock { state in
            state.isQuiescing = true
            return Array(state.channels.values)
        }
        for channel in channels { channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent()) }
    }

    func closeAll() {
        let channels = state.withLock { Array($0.channels.values) }
        for channel in channels { channel.close(promise: nil) }
    }

    var count: Int {
        state.withLock { $0.channels.count }
    }
}
