import CFFmpeg

package import DecodeProtocol

/// Answers decode requests. One at a time, in the calling thread; FFmpeg's threads come and go with each request.
package final class MediaDecoder {
    private let limits: WorkerLimits
    private let scaler = PictureScaler()
    private let advance: () -> Void

    /// - Parameter advance: called whenever a request gets on in its media, so that limits on standing still can be renewed.
    package init(limits: WorkerLimits = WorkerLimits(), advance: @escaping () -> Void = {}) {
        self.limits = limits
        self.advance = advance
        FFmpegLog.shared.install()
    }

    /// Answers one request; the last message that `emit` gets is `end` or `failure`.
    package func answer(_ request: DecodeRequest, emit: @escaping (DecodeMessage) -> Void) {
        FFmpegLog.shared.clear()
        let progress = ProgressReporter(emit: emit, advance: advance)
        do throws(DecodeFailure) {
            let summary =
                switch request {
                case .probe(let source):
                    try PictureRun(source, limits: limits, progress: progress, scaler: scaler).probe()
                case .thumbnail(let source, let time, let longestSide):
                    try PictureRun(source, limits: limits, progress: progress, scaler: scaler)
                        .thumbnail(at: time, longestSide: longestSide)
                case .frames(let source, let sampling):
                    try FrameRun(
                        source, sampling: sampling, limits: limits, progress: progress, scaler: scaler
                    ).run()
                }
            emit(.end(summary))
        } catch {
            emit(.failure(error))
        }
    }
}

/// Sends a request's messages, and a sign of life when there has been none for a while.
final class ProgressReporter {
    /// Seconds of wall-clock time without a message.
    private static let interval = Duration.milliseconds(400)

    private let send: (DecodeMessage) -> Void
    private let advance: () -> Void
    private let clock = ContinuousClock()
    private var lastMessage: ContinuousClock.Instant
    private var time = 0.0
    private var advanced = 0.0

    init(emit: @escaping (DecodeMessage) -> Void, advance: @escaping () -> Void) {
        send = emit
        self.advance = advance
        lastMessage = clock.now
        advance()
    }

    func emit(_ message: DecodeMessage) {
        send(message)
        lastMessage = clock.now
    }

    /// The media was decoded up to `time` (s).
    func reached(_ time: Double) {
        self.time = time
        if time >= advanced + 1 || time < advanced {
            advanced = time
            advance()
        }
        beat()
    }

    /// Something was done, be it only reading.
    func beat() {
        guard clock.now - lastMessage > Self.interval else { return }
        emit(.progress(time: time))
    }
}
