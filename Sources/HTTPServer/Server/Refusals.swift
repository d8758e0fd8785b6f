private import Foundation
import Logging
import Synchronization

/// Slows down who guesses, and keeps the log readable meanwhile.
///
/// The more was refused in the last minute, the longer each further refusal takes, for everybody who is refused; and of many refusals in a row, the log has one line with their number
/// every ten seconds.
final class Refusals: Sendable {
    private struct State {
        /// Refusals of late: it halves with each minute.
        var count = 0.0
        var last: ContinuousClock.Instant?
        var logged: ContinuousClock.Instant?
        /// Refusals since the log had a line.
        var unlogged = 0
    }

    private let state = Mutex(State())
    private let now: @Sendable () -> ContinuousClock.Instant

    private static let shortest = Duration.milliseconds(50)
    private static let longest = Duration.seconds(3)
    private static let silence = Duration.seconds(10)

    init(now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }) {
        self.now = now
    }

    /// Counts a refusal and logs it, unless the log has had one just now.
    ///
    /// - Returns: how long the refused one is to wait for its answer.
    @discardableResult
    func note(_ logger: Logger, _ what: String, _ metadata: Logger.Metadata) -> Duration {
        let now = now()
        let (delay, unlogged) = state.withLock { state in
            if let last = state.last { state.count *= pow(0.5, (now - last) / .seconds(60)) }
            state.last = now
            state.count += 1
            state.unlogged += 1
            let delay = min(Self.longest, Self.shortest * state.count)
            guard state.logged.map({ now - $0 >= Self.silence }) ?? true else { return (delay, 0) }
            defer { state.unlogged = 0 }
            state.logged = now
            return (delay, state.unlogged)
        }
        if unlogged > 0 {
            logger.warning(
                "\(what)", metadata: unlogged > 1 ? metadata.merging(["times": "\(unlogged)"]) { $1 } : metadata)
        }
        return delay
    }
}
