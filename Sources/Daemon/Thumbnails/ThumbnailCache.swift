import Synchronization

/// Thumbnails that were made, up to a number of bytes; the least recently used leave first. The same one is never made twice at once.
package final class ThumbnailCache: Sendable {
    package struct Key: Hashable, Sendable {
        package var clip: Int64
        package var side: Int

        package init(clip: Int64, side: Int) {
            self.clip = clip
            self.side = side
        }
    }

    private struct State {
        var pictures: [Key: (bytes: [UInt8], used: UInt64)] = [:]
        var underway: [Key: Task<[UInt8], any Error>] = [:]
        var size = 0
        var clock: UInt64 = 0
    }

    private let capacity: Int
    private let state = Mutex(State())

    /// - Parameter capacity: In bytes of JPEG.
    package init(capacity: Int) {
        self.capacity = capacity
    }

    /// The picture from memory, or else from `make`.
    ///
    /// - Throws: What `make` throws. Failures aren't kept.
    package func picture(
        for key: Key,
        make: @escaping @Sendable () async throws -> [UInt8]
    ) async throws -> [UInt8] {
        enum Found {
            case picture([UInt8])
            case task(Task<[UInt8], any Error>)
        }
        let found: Found = state.withLock { state in
            state.clock += 1
            if let known = state.pictures[key] {
                state.pictures[key] = (known.bytes, state.clock)
                return .picture(known.bytes)
            }
            if let task = state.underway[key] { return .task(task) }
            // Not a child of the request: others may wait for the same picture when the first asker has gone.
            let task = Task {
                defer { self.state.withLock { $0.underway[key] = nil } }
                let bytes = try await make()
                self.keep(bytes, for: key)
                return bytes
            }
            state.underway[key] = task
            return .task(task)
        }
        switch found {
        case .picture(let bytes): return bytes
        case .task(let task): return try await task.value
        }
    }

    /// In bytes.
    package var size: Int {
        state.withLock { $0.size }
    }

    private func keep(_ bytes: [UInt8], for key: Key) {
        guard bytes.count <= capacity else { return }
        state.withLock { state in
            state.clock += 1
            if let old = state.pictures.updateValue((bytes, state.clock), forKey: key) { state.size -= old.bytes.count }
            state.size += bytes.count
            // Pictures have kilobytes and the cache megabytes, so a walk over the few thousand is short.
            while state.size > capacity, let oldest = state.pictures.min(by: { $0.value.used < $1.value.used }) {
                state.pictures.removeValue(forKey: oldest.key)
                state.size -= oldest.value.bytes.count
            }
        }
    }
}
