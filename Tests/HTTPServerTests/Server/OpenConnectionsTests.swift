import HTTPServer
import NIOCore
import NIOEmbedded
import Testing

struct OpenConnectionsTests {
    private let channels = (0..<8).map { _ in EmbeddedChannel() }

    @Test func `a quarter of the places is not loopback's`() {
        let connections = OpenConnections(patience: .seconds(3600))
        for channel in channels[..<3] { #expect(connections.add(channel, isLoopback: true, limit: 4)) }
        #expect(!connections.add(channels[3], isLoopback: true, limit: 4))
        #expect(connections.add(channels[4], isLoopback: false, limit: 4))
        #expect(!connections.add(channels[5], isLoopback: false, limit: 4))
        connections.remove(channels[0])
        #expect(connections.add(channels[6], isLoopback: true, limit: 4))
        #expect(connections.add(channels[7], isLoopback: true, limit: 1000))
    }

    @Test func `who waits longest for its client makes room, and nobody whose request is in work`() {
        let connections = OpenConnections(patience: .zero)
        var closed: [Int] = []
        for (place, channel) in channels.enumerated() {
            channel.closeFuture.assumeIsolated().whenComplete { _ in closed.append(place) }
        }
        for channel in channels[..<3] { _ = connections.add(channel, isLoopback: false, limit: 3) }
        connections.note(channels[0], isWaiting: false)
        connections.note(channels[1], isWaiting: true)
        // The third has waited longer than the second, which had an answer meanwhile.
        #expect(connections.add(channels[3], isLoopback: false, limit: 3))
        channels[2].embeddedEventLoop.run()
        #expect(closed == [2])
        for place in [1, 3] { connections.note(channels[place], isWaiting: false) }
        #expect(!connections.add(channels[4], isLoopback: false, limit: 3))
    }

    @Test func `loopback takes no place from the Unix socket's connections`() {
        let connections = OpenConnections(patience: .zero)
        for channel in channels[..<4] { _ = connections.add(channel, isLoopback: false, limit: 4) }
        #expect(!connections.add(channels[4], isLoopback: true, limit: 4))
    }
}
