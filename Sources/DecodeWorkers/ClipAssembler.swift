package import DecodeProtocol

/// A clip of a media item with the frames that stand for it.
package struct AssembledClip: Sendable, Equatable {
    /// Seconds from the beginning of the media. A still picture's clip is 0 ... 0.
    package var start: Double
    package var end: Double
    /// The number of its shot, from 0.
    package var shot: Int
    /// In the order of time, at least one.
    package var frames: [SampledFrame]

    package init(start: Double, end: Double, shot: Int, frames: [SampledFrame]) {
        self.start = start
        self.end = end
        self.shot = shot
        self.frames = frames
    }
}

/// Turns the frames and cuts of one media item, in the order of time, into its clips.
///
/// - A shot of more than `Policy.longestClip` seconds is divided evenly into clips of at most that.
/// - A shot shorter than `Policy.shortestShot` joins the next one, the last shot the one before it.
/// - The clips follow each other from 0 to the media's end with no gap and no overlap.
/// - A clip has at most `Policy.framesPerClip` frames, evenly chosen. A clip in which no new frame was displayed has
///   the frame that still stood there.
///
/// Memory is bounded however long a shot is: when more than `Policy.window` seconds of a shot are held, a clip of
/// `longestClip` leaves from the front, and what is left at the shot's end is divided evenly. So only the last
/// `window` seconds' clips of such a shot are shorter than the others, and none by more than a sixth for the default policy.
///
/// So is the number of clips, whatever times the decoder makes up: after `Policy.clips` it ``isFull``, and no more
/// leave.
package struct ClipAssembler: Sendable {
    package struct Policy: Sendable, Equatable {
        /// Seconds.
        package var longestClip: Double
        /// Seconds.
        package var shortestShot: Double
        package var framesPerClip: Int
        /// Seconds of one shot that are held before a clip must leave; at least two of the longest clips.
        package var window: Double
        /// Frames that are held before a clip must leave, once two of the longest clips are held.
        package var heldFrames: Int
        /// Clips that one media item may have: 55 hours of the longest ones.
        package var clips: Int

        package init(
            longestClip: Double = 10,
            shortestShot: Double = 1,
            framesPerClip: Int = 8,
            window: Double = 60,
            heldFrames: Int = 256,
            clips: Int = 20_000
        ) {
            self.longestClip = longestClip
            self.shortestShot = shortestShot
            self.framesPerClip = max(1, framesPerClip)
            self.window = max(window, 2 * longestClip)
            self.heldFrames = heldFrames
            self.clips = clips
        }
    }

    /// A shot, or what is left of it after clips have left.
    private struct Shot {
        var start: Double
        var frames: [SampledFrame] = []
    }

    package let policy: Policy
    /// A shot that has ended, held until the open one is long enough to stand alone.
    private var closed: Shot?
    private var open: Shot
    private var latest: Double
    private var emittedShots: Int
    private var emittedClips: Int
    /// Whether there was a clip more than the policy allows; it and what follows are left out.
    package private(set) var isFull = false
    /// The last frame that left: it stands in the clips that have none.
    private var standing: SampledFrame?

    /// - Parameters:
    ///   - start: seconds; the end of the last clip that is known already, for resuming a media item.
    ///   - shot: the number of the first shot.
    ///   - clips: how many clips are known already.
    package init(policy: Policy = Policy(), start: Double = 0, shot: Int = 0, clips: Int = 0) {
        self.policy = policy
        open = Shot(start: start)
        latest = start
        emittedShots = shot
        emittedClips = clips
    }

    /// Takes one event of the decoder; `end` finishes the media.
    package mutating func consume(_ event: DecodeEvent) -> [AssembledClip] {
        switch event {
        case _ where isFull: []
        case .mediaInfo, .progress: []
        case .frame(let frame): add(frame)
        case .cut(let time): addCut(at: time)
        case .end(let duration): finish(duration: duration)
        }
    }

    /// A frame not earlier than what was added before; one that is, counts as if it had come at the latest time.
    package mutating func add(_ frame: SampledFrame) -> [AssembledClip] {
        var frame = frame
        frame.time = max(frame.time, latest)
        latest = frame.time
        var clips: [AssembledClip] = []
        if let shot = closed, frame.time - open.start >= policy.shortestShot {
            clips = release(shot, end: open.start)
        }
        open.frames.append(frame)
        if open.frames.count > Self.crowd * policy.heldFrames {
            open.frames = stride(from: 0, to: open.frames.count, by: 2).map { open.frames[$0] }
        }
        while mustLeave, takeNumber() {
            let end = open.start + policy.longestClip
            var front = Shot(start: open.start)
            let count = open.frames.firstIndex { $0.time >= end } ?? open.frames.count
            front.frames = Array(open.frames[..<count])
            open.frames.removeFirst(count)
            open.start = end
            clips.append(clip(of: front, end: end, fallback: open.frames.first))
        }
        return clips
    }

    /// A shot begins at `time` (s).
    package mutating func addCut(at time: Double) -> [AssembledClip] {
        latest = max(latest, time)
        guard time - open.start >= policy.shortestShot else { return [] }
        let count = open.frames.firstIndex { $0.time >= time } ?? open.frames.count
        guard count > 0 || standing != nil || closed != nil else { return [] }
        let clips = closed.map { release($0, end: open.start) } ?? []
        var next = Shot(start: time)
        next.frames = Array(open.frames[count...])
        open.frames.removeSubrange(count...)
        closed = open
        open = next
        return clips
    }

    /// The media ended; `duration` (s) is not taken for less than the last frame's time.
    /// - Returns: what was held. Empty if there never was a frame.
    package mutating func finish(duration: Double) -> [AssembledClip] {
        let end = max(duration, latest)
        var last = open
        var clips: [AssembledClip] = []
        if let shot = closed {
            if end - open.start < policy.shortestShot {
                last = Shot(start: shot.start, frames: shot.frames + open.frames)
                closed = nil
            } else {
                clips = release(shot, end: open.start)
            }
        }
        guard standing != nil || !last.frames.isEmpty, end > last.start || emittedShots == 0 else { return clips }
        clips += divided(last, end: end)
        open = Shot(start: end)
        return clips
    }

    /// Frames in memory.
    package var heldFrames: Int { open.frames.count + (closed?.frames.count ?? 0) }

    /// Where time doesn't get on, every other frame is left out when this many times ``Policy/heldFrames`` are held.
    private static let crowd = 4

    private var mustLeave: Bool {
        guard closed == nil else { return false }
        let held = latest - open.start
        return held > policy.window || (held > 2 * policy.longestClip && open.frames.count > policy.heldFrames)
    }

    private mutating func release(_ shot: Shot, end: Double) -> [AssembledClip] {
        closed = nil
        defer { emittedShots += 1 }
        return divided(shot, end: end)
    }

    private mutating func divided(_ shot: Shot, end: Double) -> [AssembledClip] {
        let parts = max(1, ((end - shot.start) / policy.longestClip - 1e-9).rounded(.up))
        var clips: [AssembledClip] = []
        var rest = shot.frames[...]
        var from = shot.start
        var part = 1.0
        while part <= parts, takeNumber() {
            let to = part == parts ? end : shot.start + (end - shot.start) * part / parts
            let count = part == parts ? rest.count : rest.prefix { $0.time < to }.count
            clips.append(
                clip(of: Shot(start: from, frames: Array(rest.prefix(count))), end: to, fallback: shot.frames.first))
            rest = rest.dropFirst(count)
            from = to
            part += 1
        }
        return clips
    }

    /// Counts a clip, if there may be one more.
    private mutating func takeNumber() -> Bool {
        guard emittedClips < policy.clips else {
            isFull = true
            return false
        }
        emittedClips += 1
        return true
    }

    /// One clip of at most the longest length, with its frames chosen.
    private mutating func clip(of part: Shot, end: Double, fallback: SampledFrame?) -> AssembledClip {
        var chosen = part.frames
        if part.frames.count > policy.framesPerClip {
            chosen = (0..<policy.framesPerClip).map { slot in
                part.frames[(2 * slot + 1) * part.frames.count / (2 * policy.framesPerClip)]
            }
        }
        if chosen.isEmpty, let frame = standing ?? fallback { chosen = [frame] }
        standing = part.frames.last ?? standing
        return AssembledClip(start: part.start, end: end, shot: emittedShots, frames: chosen)
    }
}
