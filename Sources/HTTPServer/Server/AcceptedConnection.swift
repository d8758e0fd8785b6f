import NIOCore
import NIOHTTPTypes
import Synchronization

/// A connection that was accepted, on its way to who serves it.
///
/// NIO stops the program when an asynchronous channel is dropped before it was finished, and a connection that comes in the
/// moment of shutdown is dropped by NIO itself. So whoever drops this one, the channel is closed in order.
final class AcceptedConnection: Sendable {
    typealias Channel = NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>

    private let channel: Channel
    private let isTaken = Mutex(false)

    init(_ channel: Channel) {
        self.channel = channel
    }

    /// The taker must finish the channel.
    func take() -> Channel {
        isTaken.withLock { $0 = true }
        return channel
    }

    deinit {
        guard !isTaken.withLock({ $0 }) else { return }
        Task { [channel] in try? await channel.executeThenClose { _, _ in } }
    }
}
