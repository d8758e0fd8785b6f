internal import Catalog
internal import DecodeProtocol
import DecodeWorkers

/// How far a media item has been read into clips, and so where to resume.
struct ClipReading: Sendable {
    private let policy: ClipAssembler.Policy
    private var assembler: ClipAssembler
    /// The end of the last clip that has left, in seconds.
    private(set) var position = 0.0
    /// Clips that have left, with those that were committed before.
    private(set) var count = 0
    private var nextShot = 0

    /// - Parameter job: tells what is committed already.
    init(of job: Job, framesPerClip: Int) {
        policy = ClipAssembler.Policy(framesPerClip: framesPerClip)
        if let end = job.committedEnd, end > 0 {
            position = end
            count = job.committedClips
            nextShot = (job.committedShot ?? 0) + 1
        }
        assembler = ClipAssembler(policy: policy, start: position, shot: nextShot, clips: count)
    }

    /// Whether the media item has more clips than one may have.
    var isTooLong: Bool { assembler.isFull }

    /// - Returns: the clips that the event completes, with their ordinals.
    mutating func consume(_ event: DecodeEvent) -> [(clip: AssembledClip, ordinal: Int)] {
        let clips = assembler.consume(event)
        return numbered(clips)
    }

    /// - Returns: what was held, as ``ClipAssembler/finish(duration:)``.
    mutating func finish(duration: Double) -> [(clip: AssembledClip, ordinal: Int)] {
        let clips = assembler.finish(duration: duration)
        return numbered(clips)
    }

    /// Forgets what was read after the last clip: it is decoded again, from ``position``.
    mutating func goBack() {
        assembler = ClipAssembler(policy: policy, start: position, shot: nextShot, clips: count)
    }

    private mutating func numbered(_ clips: [AssembledClip]) -> [(clip: AssembledClip, ordinal: Int)] {
        defer {
            count += clips.count
            if let last = clips.last {
                position = last.end
                nextShot = last.shot + 1
            }
        }
        return clips.enumerated().map { ($1, count + $0) }
    }
}
