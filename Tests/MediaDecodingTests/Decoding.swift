import DecodeProtocol
import MediaDecoding
import SystemPackage

/// What a request was answered with.
struct Answer {
    var information: MediaInfo?
    var frames: [(time: Double, pixels: [UInt8])] = []
    var cuts: [Double] = []
    var thumbnail: [UInt8]?
    var preview: [UInt8]?
    var lines: [TextLine] = []
    /// Seconds, as the end told.
    var duration: Double?
    var failure: DecodeError?
    /// How often the worker said that it gets on in the media, which it does once a second of it.
    var advances = 0
    /// Whether frames and cuts came in the order of time.
    var isOrdered = true
    private var latest = 0.0

    var times: [Double] { frames.map(\.time) }

    init(_ question: Question, limits: WorkerLimits = WorkerLimits()) {
        let collected = Collected()
        let media = try? FileDescriptor.open(question.path, .readOnly)
        defer { try? media?.close() }
        MediaDecoder(limits: limits) { collected.answer.advances += 1 }
            .answer(question.request, media: media?.rawValue ?? -1) { collected.answer.take($0) }
        self = collected.answer
    }

    private init() {}

    private final class Collected {
        var answer = Answer()
    }

    private mutating func take(_ message: DecodeMessage) {
        switch message {
        case .event(.mediaInfo(let information)): self.information = information
        case .event(.frame(let frame)):
            reach(frame.time)
            frames.append((frame.time, frame.pixels))
        case .event(.cut(let time)):
            reach(time)
            cuts.append(time)
        case .event(.progress): break
        case .event(.end(let duration)): self.duration = duration
        case .thumbnail(let jpeg): thumbnail = jpeg
        case .preview(let webm): preview = webm
        case .text(let more): lines += more
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

/// A request about a file.
struct Question {
    var path: FilePath
    var request: DecodeRequest

    static func probe(_ path: FilePath) -> Question { Question(path: path, request: .probe) }

    static func frames(_ path: FilePath, _ sampling: FrameSampling) -> Question {
        Question(path: path, request: .frames(sampling))
    }

    static func frames(
        _ path: FilePath, rate: Double = 2, size: Int = 32, cuts: Bool = false, start: Double = 0, end: Double? = nil
    ) -> Question {
        .frames(
            path,
            FrameSampling(
                framesPerSecond: rate, geometry: FrameGeometry(side: size), detectsCuts: cuts, start: start, end: end))
    }

    static func thumbnail(_ path: FilePath, time: Double, longestSide: Int) -> Question {
        Question(path: path, request: .thumbnail(time: time, longestSide: longestSide))
    }

    static func preview(_ path: FilePath, start: Double, seconds: Double, longestSide: Int) -> Question {
        Question(path: path, request: .preview(start: start, seconds: seconds, longestSide: longestSide))
    }

    static func text(_ path: FilePath, _ place: TextPlace) -> Question {
        Question(path: path, request: .text(place))
    }
}
