import Testing
import Threads

struct BroadcastTests {
    @Test func `A slow reader loses the oldest values, and learns how many.`() async throws {
        let broadcast = Broadcast<Int>()
        let subscription = broadcast.subscribe(capacity: 4)
        for value in 0..<10 { broadcast.send(value) }
        #expect(subscription.takeLost() == 6)
        #expect(subscription.takeLost() == 0)
        subscription.cancel()
        var left: [Int] = []
        for await value in subscription { left.append(value) }
        #expect(left == [6, 7, 8, 9])
        #expect(broadcast.readers == 0)
    }

    @Test func `A value that is sent uncounted is nothing that a reader misses.`() {
        let broadcast = Broadcast<String>()
        let subscription = broadcast.subscribe(capacity: 1)
        broadcast.send("heartbeat", isCounted: false)
        broadcast.send("event")
        #expect(subscription.takeLost() == 0)
        broadcast.send("heartbeat", isCounted: false)
        #expect(subscription.takeLost() == 1)
    }

    @Test func `Readers are refused past the limit, and a place that is given back or forgotten is free again.`() {
        let broadcast = Broadcast<Int>()
        var first = broadcast.subscribe(capacity: 1, limit: 1)
        #expect(first != nil)
        #expect(broadcast.subscribe(capacity: 1, limit: 1) == nil)
        first?.cancel()
        #expect(broadcast.readers == 0)
        first = broadcast.subscribe(capacity: 1, limit: 1)
        #expect(broadcast.readers == 1)
        first = nil
        #expect(broadcast.readers == 0)
    }

    @Test func `Every subscription ends with the broadcast, also one that comes later.`() async {
        let broadcast = Broadcast<Int>()
        let subscription = broadcast.subscribe(capacity: 1)
        broadcast.send(7)
        broadcast.finish()
        var values: [Int] = []
        for await value in subscription { values.append(value) }
        #expect(values == [7])
        for await _ in broadcast.subscribe(capacity: 1) { Issue.record("nothing was sent") }
    }
}
