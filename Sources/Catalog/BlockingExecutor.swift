internal import Dispatch

/// A thread of one's own for calls that block: matrix products, SQLite, system calls that wait.
///
/// Swift's cooperative pool has one thread a core; a call that waits there stops everything else.
package final class BlockingExecutor: Sendable {
    private let queue: DispatchQueue

    /// - Parameters:
    ///   - label: seen in debuggers.
    ///   - concurrent: whether calls may run beside each other; otherwise one after the other, in their order.
    package init(label: String, concurrent: Bool = false) {
        queue = DispatchQueue(label: label, attributes: concurrent ? .concurrent : [])
    }

    /// For reads of the catalog and other calls that may run beside each other.
    package static let shared = BlockingExecutor(label: "saccade.blocking", concurrent: true)

    /// Runs `body` off the cooperative pool and waits for it without holding a thread of the pool.
    package func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result { try body() }) }
        }
    }

    /// Begins `body` and doesn't wait for it.
    package func start(_ body: @escaping @Sendable () -> Void) {
        queue.async(execute: body)
    }

    /// As ``run(_:)``, for what throws nothing.
    package func run<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            queue.async { continuation.resume(returning: body()) }
        }
    }
}
