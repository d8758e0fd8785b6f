import Glibc
import Synchronization

/// Blocks of memory that freed tensors leave to new ones: a step of training asks for the same sizes again and again, and
/// fresh pages from the kernel cost more than most operations.
package enum BufferCache {
    /// Bytes that are kept for reuse and belong to no tensor.
    package static var idleBytes: Int { state.withLock { $0.idleBytes } }

    /// The most bytes to keep; what is freed beyond goes back to the system at once. Training wants no limit, which is the
    /// default; a daemon, whose batches differ in size, wants one.
    package static var limit: Int {
        get { state.withLock { $0.limit } }
        set {
            state.withLock { $0.limit = newValue }
            if idleBytes > newValue { releaseIdle() }
        }
    }

    /// Gives the kept blocks back to the system. A daemon calls it after a burst of work.
    package static func releaseIdle() {
        let blocks = state.withLock { state in
            defer {
                state.free.removeAll()
                state.idleBytes = 0
            }
            return state.free.values.flatMap { $0 }
        }
        for block in blocks { free(block.pointer) }
    }

    private struct Block: @unchecked Sendable {
        var pointer: UnsafeMutableRawPointer
    }

    private struct State {
        var free: [Int: [Block]] = [:]
        var idleBytes = 0
        var limit = Int.max
    }

    private static let state = Mutex(State())

    private static let hugePage = 2 << 20

    /// Rounded up so that nearly equal sizes share blocks: at most an eighth is wasted.
    static func capacity(for bytes: Int) -> Int {
        let least = max(bytes, 64)
        let step = max(64, (1 << (Int.bitWidth - 1 - least.leadingZeroBitCount)) / 8)
        return (least + step - 1) / step * step
    }

    /// A block of `capacity` bytes, aligned for any kernel. Its bytes are undefined.
    static func allocate(capacity: Int) -> UnsafeMutableRawPointer {
        let kept = state.withLock { state -> Block? in
            guard let block = state.free[capacity]?.popLast() else { return nil }
            state.idleBytes -= capacity
            return block
        }
        if let kept { return kept.pointer }
        var pointer: UnsafeMutableRawPointer?
        let alignment = capacity >= hugePage ? hugePage : 64
        if posix_memalign(&pointer, alignment, capacity) != 0 {
            releaseIdle()
            let outcome = posix_memalign(&pointer, alignment, capacity)
            precondition(outcome == 0, "out of memory: a tensor of \(capacity) bytes can't be allocated")
        }
        if capacity >= hugePage { madvise(pointer, capacity, MADV_HUGEPAGE) }
        return pointer!
    }

    static func deallocate(_ pointer: UnsafeMutableRawPointer, capacity: Int) {
        let block = Block(pointer: pointer)
        let isKept = state.withLock { state in
            guard state.idleBytes + capacity <= state.limit else { return false }
            state.free[capacity, default: []].append(block)
            state.idleBytes += capacity
            return true
        }
        if !isKept { free(pointer) }
    }
}
