package import DecodeProtocol

/// What a worker may say to one request: no more and no larger pictures than were asked for, one file that was made, and no end of signs of life that lead nowhere.
///
/// A worker that a file has taken over may say anything. Each message is bounded by the protocol, and all together here; how many clips are made of them, by ``ClipAssembler``. Times that
/// go back are no reason to end: they count as the latest.
package struct AnswerBounds {
    private let request: DecodeRequest
    /// How long may be waited, all in all, while the media's time stands still.
    private let patience: Duration
    private var waited = Duration.zero
    private var latest = 0.0
    private var frames = 0
    private var files = 0

    /// Frames that may come before their time: the first, and those that a sampler takes within a tenth of a second of it.
    private static let frameAllowance = 8.0

    /// - Parameter deadline: how long a worker may say nothing.
    package init(_ request: DecodeRequest, deadline: Duration) {
        self.request = request
        // Text is read from one end of a file to the other without a time of its own.
        patience = if case .text = request { deadline * 240 } else { deadline * 20 }
    }

    /// - Parameter wait: how long the message was waited for.
    /// - Throws: `DecodeError` with `protocolBroken` or `workerStuck`.
    package mutating func take(_ message: DecodeMessage, after wait: Duration) throws(DecodeError) {
        waited += wait
        switch message {
        case .event(.frame(let frame)):
            try take(frame)
            reach(frame.time)
        case .event(.cut(let time)), .event(.progress(let time)): reach(time)
        case .thumbnail, .preview:
            files += 1
            guard files == 1 else { throw Self.broken("more than one file that wasn't asked for") }
        case .event(.mediaInfo), .event(.end), .text, .failure: break
        }
        guard waited <= patience else {
            throw DecodeError(
                .workerStuck, isRetryable: true,
                message: "The decode worker got no further in the file for \(patience) and was ended.")
        }
    }

    private mutating func take(_ frame: SampledFrame) throws(DecodeError) {
        guard case .frames(let sampling) = request, frame.side == sampling.geometry.side else {
            throw Self.broken("a picture of \(frame.side) pixels that wasn't asked for")
        }
        frames += 1
        let due = max(0, max(latest, frame.time) - sampling.start) * sampling.framesPerSecond
        guard Double(frames) <= due + Self.frameAllowance + sampling.framesPerSecond else {
            throw Self.broken("\(frames) pictures of \(max(latest, frame.time)) s, more than were asked for")
        }
    }

    private mutating func reach(_ time: Double) {
        guard time > latest else { return }
        latest = time
        waited = .zero
    }

    private static func broken(_ what: String) -> DecodeError {
        DecodeError(.protocolBroken, isRetryable: true, message: "The decode worker sent \(what).")
    }
}
