/// Where the worker finds the media of a request.
package enum MediaSource: Sendable, Equatable {
    /// The bytes of a path, without a terminating zero; they need not be UTF-8.
    case path([UInt8])
    /// A descriptor that the worker inherited. It is read from its beginning where it can seek, and it stays open.
    case descriptor(Int32)
}

/// Which frames of a media are wanted, and how they are delivered.
package struct FrameSampling: Sendable, Equatable {
    /// How hard the worker tries to hit the wanted times.
    package enum Accuracy: UInt8, Sendable, CaseIterable {
        /// For each wanted time the frame that is displayed then, or the nearest one within 0.1 s.
        case exact = 0
        /// For each wanted time the nearest key frame. Nothing else is decoded.
        case keyFrames = 1
        /// Key frames if each wanted time has one within `FrameSampling.tolerance`, otherwise exact.
        case automatic = 2
    }

    /// Wanted frames a second: the wanted times are `start + i / framesPerSecond`. Within 0.0001 ... 1000.
    package var framesPerSecond: Double
    package var accuracy: Accuracy
    /// The side in pixels of the square RGB frames, 1 ... 2048. The whole picture is squashed into the square.
    package var frameSize: Int
    /// Whether `cut` messages are wanted. They need all of the reference frames, so nothing is skipped by seeking.
    package var detectsCuts: Bool
    /// The first wanted time, in seconds from the beginning of the media.
    package var start: Double
    /// No frame at or after this time is wanted; nil for the end of the media.
    package var end: Double?
    /// How far a key frame may be from a wanted time in the `automatic` mode, in seconds.
    package var tolerance: Double

    /// The sampling for ingest: 2 exact frames a second of 256 px with cuts.
    package init(
        framesPerSecond: Double = 2,
        accuracy: Accuracy = .exact,
        frameSize: Int = 256,
        detectsCuts: Bool = true,
        start: Double = 0,
        end: Double? = nil,
        tolerance: Double = 0.1
    ) {
        self.framesPerSecond = framesPerSecond
        self.accuracy = accuracy
        self.frameSize = frameSize
        self.detectsCuts = detectsCuts
        self.start = start
        self.end = end
        self.tolerance = tolerance
    }
}

/// One thing that the worker is asked to do.
package enum DecodeRequest: Sendable, Equatable {
    /// Answered by `mediaInfo`, then `end`.
    case probe(MediaSource)
    /// Answered by `mediaInfo`, frames, cuts and progress in the order of time, then `end`.
    case frames(MediaSource, FrameSampling)
    /// One picture as JPEG: the frame displayed at `time` (s), upright, with square pixels, its longer side at most
    /// `longestSide` px. Answered by `mediaInfo`, `thumbnail`, then `end`.
    case thumbnail(MediaSource, time: Double, longestSide: Int)
}
