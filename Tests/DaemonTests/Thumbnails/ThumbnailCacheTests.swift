import API
import Daemon
import Synchronization
import Testing

struct ThumbnailCacheTests {
    private func key(_ clip: Int64) -> ThumbnailCache.Key { .init(clip: clip, side: 320) }

    @Test func `a picture is made once`() async throws {
        let cache = ThumbnailCache(capacity: 100)
        let made = Mutex(0)
        for _ in 0..<3 {
            let bytes = try await cache.picture(for: key(1)) {
                made.withLock { $0 += 1 }
                return [1, 2, 3]
            }
            #expect(bytes == [1, 2, 3])
        }
        #expect(made.withLock { $0 } == 1)
    }

    @Test func `the least recently used picture leaves when it is full`() async throws {
        let cache = ThumbnailCache(capacity: 25)
        let made = Mutex<[Int64]>([])
        for clip: Int64 in [1, 2, 1, 3, 1, 2] {
            _ = try await cache.picture(for: key(clip)) {
                made.withLock { $0.append(clip) }
                return [UInt8](repeating: 0, count: 10)
            }
            #expect(cache.size <= 25)
        }
        #expect(made.withLock { $0 } == [1, 2, 3, 2])
    }

    @Test func `a picture that is larger than all is not kept`() async throws {
        let cache = ThumbnailCache(capacity: 5)
        _ = try await cache.picture(for: key(1)) { [UInt8](repeating: 0, count: 10) }
        #expect(cache.size == 0)
    }

    @Test func `those who ask while it is made get the same one`() async throws {
        let cache = ThumbnailCache(capacity: 100)
        let (begun, begins) = AsyncStream<Void>.makeStream()
        let (gate, open) = AsyncStream<Void>.makeStream()
        try await withThrowingTaskGroup(of: [UInt8].self) { group in
            for _ in 0..<8 {
                group.addTask {
                    try await cache.picture(for: key(1)) {
                        begins.yield()
                        for await _ in gate {}
                        return [7]
                    }
                }
            }
            for await _ in begun { break }
            open.finish()
            for try await bytes in group { #expect(bytes == [7]) }
        }
        begins.finish()
        for await _ in begun { Issue.record("it was made twice") }
    }

    @Test func `a failure is told to its askers and tried again by the next`() async throws {
        let cache = ThumbnailCache(capacity: 100)
        await #expect(throws: APIError.self) {
            try await cache.picture(for: key(1)) { throw APIError(.thumbnailFailed, "no picture") }
        }
        #expect(try await cache.picture(for: key(1)) { [1] } == [1])
    }
}
