/// Owner of a tensor's memory.
final class TensorBuffer<Scalar: TensorScalar>: @unchecked Sendable {
    // Sendable: written only while one tensor alone refers to it (`Tensor` checks, and copies otherwise).

    let count: Int
    let pointer: UnsafeMutablePointer<Scalar>
    private let capacity: Int

    /// Undefined contents.
    init(count: Int) {
        self.count = count
        capacity = BufferCache.capacity(for: count * MemoryLayout<Scalar>.stride)
        pointer = BufferCache.allocate(capacity: capacity).bindMemory(to: Scalar.self, capacity: count)
    }

    deinit { BufferCache.deallocate(pointer, capacity: capacity) }
}
