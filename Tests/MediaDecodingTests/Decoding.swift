import DecodeProtocol
import MediaDecoding
import SystemPackage

/// What a request was answered with.
struct Answer {
    var information: MediaInfo?
    var frames: [(time: Double, pixels: [UInt8])] = []
    var cuts: [Double] = []
    var thumbnail: [UInt8]?
    var summary: DecodeSummary?
    var failure: DecodeFailure?
    /// Whether frames and cuts came in the order of time.
    var isOrdered = true
    private var latest = 0.0

    var times: [Double] { frames.map(\.time) }

    init(_ request: DecodeRequest, limits: WorkerLimits = WorkerLimits()) {
        let collected = Collected()
        MediaDecoder(limits: limits).answer(request) { collected.answer.take($0) }
        self = collected.answer
    }

    private init() {}

    private final class Collected {
        var answer = Answer()
    }

    private mutating func take(_ message: DecodeMessage) {
        switch message {
        case .mediaInfo(let information): self.information = information
        case .frame(let time, _, let pixels):
            reach(time)
            frames.append((time, pixels))
        case .cut(let time):
            reach(time)
            cuts.append(time)
        case .progress: break
        case .thumbnail(_, let jpeg): thumbnail = jpeg
        case .end(let summary): self.summary = summary
        case .failure(let failure): self.failure = failure
        }
    }

    private mutating func reach(_ time: Double) {
        isOrdered = isOrdered && time >= latest
        latest = time
    }

    /// The mean colour of a frame's square in the given corner, a quarter of its side.
    func colour(frame: Int = 0, right: Bool = false, bottom: Bool = false) -> (red: Int, green: Int, blue: Int) {
        guard frame < frames.count else { return (-1, -1, -1) }
        let pixels = frames[frame].pixels
        let side = Int((Double(pixels.count) / 3).squareRoot())
        let part = max(1, side / 4)
        var sums = [0, 0, 0]
        for row in 0..<part {
            for column in 0..<part {
                let y = bottom ? side - 1 - row : row
                let x = right ? side - 1 - column : column
                for channel in 0..<3 { sums[channel] += Int(pixels[(y * side + x) * 3 + channel]) }
            }
        }
        let count = part * part
        return (sums[0] / count, sums[1] / count, sums[2] / count)
    }
}

extension FilePath {
    var source: MediaSource { .path(Array(string.utf8)) }
}

extension DecodeRequest {
    static func frames(
        _ path: FilePath, rate: Double = 2, accuracy: FrameSampling.Accuracy = .exact, size: Int = 32,
        cuts: Bool = false,
        start: Double = 0, end: Double? = nil
    ) -> DecodeRequest {
        .frames(
            path.source,
            FrameSampling(
                framesPerSecond: rate, accuracy: accuracy, frameSize: size, detectsCuts: cuts, start: start, end: end))
    }
}
