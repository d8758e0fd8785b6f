internal import Synchronization

/// Adds up where the time goes.
final class StageMeter: Sendable {
    private struct Sample {
        /// By the clock that nobody sets.
        var time: Double
        var video: Double
        var clips: Int
        var frames: Int
    }

    private struct State {
        var rates = IngestStatus.Rates()
        var samples: [Sample] = []
    }

    /// Seconds that the rates look back.
    private static let window = 60.0
    private let state = Mutex(State())

    func addDecoding(seconds: Double) { state.withLock { $0.rates.decodeSeconds += seconds } }
    func addEncoding(seconds: Double) { state.withLock { $0.rates.encodeSeconds += seconds } }
    func addStoring(seconds: Double) { state.withLock { $0.rates.storeSeconds += seconds } }

    func addClips(_ clips: Int, frames: Int, videoSeconds: Double, at now: Double) {
        state.withLock { state in
            state.rates.clips += clips
            state.rates.frames += frames
            state.rates.videoSeconds += videoSeconds
            state.samples.removeAll { $0.time < now - Self.window }
            state.samples.append(Sample(time: now, video: videoSeconds, clips: clips, frames: frames))
        }
    }

    func rates(at now: Double) -> IngestStatus.Rates {
        state.withLock { state in
            var rates = state.rates
            let recent = state.samples.filter { $0.time >= now - Self.window }
            guard let first = recent.first, recent.count > 1 else { return rates }
            let span = max(1, now - first.time)
            rates.videoRate = recent.reduce(0) { $0 + $1.video } / span
            rates.clipRate = Double(recent.reduce(0) { $0 + $1.clips }) / span
            rates.frameRate = Double(recent.reduce(0) { $0 + $1.frames }) / span
            return rates
        }
    }
}

extension ContinuousClock.Instant {
    /// Seconds from this instant to now.
    var age: Double {
        let duration = ContinuousClock.now - self
        return Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
    }
}
