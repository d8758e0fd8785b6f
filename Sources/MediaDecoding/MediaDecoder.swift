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
    /// - Parameter media: a descriptor of a regular file, which is read from its beginning, and stays open.
    package func answer(_ request: DecodeRequest, media: Int32, emit: @escaping (DecodeMessage) -> Void) {
        FFmpegLog.shared.clear()
        let progress = ProgressReporter(emit: { emit(.event($0)) }, advance: advance)
        do throws(DecodeError) {
            var duration = 0.0
            switch request {
            case .probe:
                duration = try PictureRun(media, limits: limits, progress: progress, scaler: scaler).probe()
            case .thumbnail(let time, let longestSide):
                let jpeg = try PictureRun(media, limits: limits, progress: progress, scaler: scaler)
                    .thumbnail(at: time, longestSide: longestSide)
                emit(.thumbnail(jpeg))
            case .preview(let start, let seconds, let longestSide):
                let webm = try PreviewRun(media, limits: limits, progress: progress, scaler: scaler)
                    .encoded(from: start, seconds: seconds, longestSide: longestSide)
                emit(.preview(webm))
            case .frames(let sampling):
                duration = try FrameRun(
                    media, sampling: sampling, limits: limits, progress: progress, scaler: scaler
                ).run()
            case .text(let place):
                let lines = try TextRun(media, limits: limits, progress: progress).lines(place)
                for message in DecodeMessage.batches(of: lines) { emit(message) }
            }
            progress.emit(.end(duration: duration))
        } catch {
            emit(.failure(error))
        }
    }
}

/// Sends a request's events, and a sign of life when there has been none for a while.
final class ProgressReporter {
    /// Seconds of wall-clock time without a message.
    private static let interval = Duration.milliseconds(400)

    private let send: (DecodeEvent) -> Void
    private let advance: () -> Void
    private let clock = ContinuousClock()
    private var lastMessage: ContinuousClock.Instant
    private var time = 0.0
    private var advanced = 0.0

    init(emit: @escaping (DecodeEvent) -> Void, advance: @escaping () -> Void) {
        send = emit
        self.advance = advance
        lastMessage = clock.now
        advance()
    }

    func emit(_ event: DecodeEvent) {
        send(event)
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
