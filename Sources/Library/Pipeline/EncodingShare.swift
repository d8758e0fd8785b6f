internal import Synchronization
internal import Threads

/// Leaves the encoder to new media of the live index while another index is built beside it.
///
/// After each batch the build rests in proportion to the time that the batch took, for as long as there are new media: so it encodes during its
/// share of the time at most, new media wait for one batch of it at most, and neither waits for ever.
final class EncodingShare: Sendable {
    private let share: Double
    private let clock: any WallClock
    private let wakeup: Wakeup
    /// By the clock that nobody sets.
    private let restsUntil = Mutex<Double>(-.infinity)

    /// - Parameters:
    ///   - share: more than 0, at most 1.
    ///   - wakeup: is fired when there may be no new media any more.
    init(share: Double, clock: any WallClock, wakeup: Wakeup) {
        self.share = share
        self.clock = clock
        self.wakeup = wakeup
    }

    /// Waits until the next batch of the build may be encoded.
    ///
    /// - Parameter mustShare: whether there are new media, and this is still a build.
    func waitForTurn(while mustShare: @Sendable () -> Bool) async {
        while !Task.isCancelled {
            let ticket = wakeup.ticket
            let rest = restsUntil.withLock { $0 } - clock.uptime
            guard rest > 0, mustShare() else { return }
            await wakeup.wait(since: ticket, seconds: rest, clock: clock)
        }
    }

    /// - Parameter seconds: in which a batch of the build was encoded.
    func didEncode(seconds: Double) {
        let end = clock.uptime + seconds * (1 - share) / share
        restsUntil.withLock { $0 = end }
    }
}
