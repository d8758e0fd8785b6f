/// Which frames of a media item are wanted, and how they are delivered.
///
/// For each wanted time it is the frame that is displayed then, or the nearest one within 0.1 s.
package struct FrameSampling: Sendable, Equatable {
    /// Wanted frames a second: the wanted times are `start + i / framesPerSecond`. Within 0.0001 ... 1000.
    package var framesPerSecond: Double
    package var geometry: FrameGeometry
    /// Whether cuts are wanted. They need all of the reference frames, so nothing is skipped by seeking.
    package var detectsCuts: Bool
    /// The first wanted time, in seconds from the beginning of the media item.
    package var start: Double
    /// No frame at or after this time is wanted; nil for the end of the media item.
    package var end: Double?

    /// The sampling for ingest: 2 frames a second of 256 px with cuts.
    package init(
        framesPerSecond: Double = 2,
        geometry: FrameGeometry = FrameGeometry(side: 256),
        detectsCuts: Bool = true,
        start: Double = 0,
        end: Double? = nil
    ) {
        self.framesPerSecond = framesPerSecond
        self.geometry = geometry
        self.detectsCuts = detectsCuts
        self.start = start
        self.end = end
    }
}

/// One thing that the worker is asked to do with a file, which comes with the request as an open descriptor: a worker opens nothing.
package enum DecodeRequest: Sendable, Equatable {
    /// Answered by `mediaInfo`, then `end`.
    case probe
    /// Answered by `mediaInfo`, frames, cuts and progress in the order of time, then `end`.
    case frames(FrameSampling)
    /// One picture as JPEG: the frame displayed at `time` (s), upright, with square pixels, its longer side at most
    /// `longestSide` px. Answered by `mediaInfo`, `thumbnail`, then `end`.
    case thumbnail(time: Double, longestSide: Int)
    /// Some seconds of a video from `start` (s) on, without sound, upright, with square pixels, its longer side at most `longestSide` px, as a WebM
    /// file. Answered by `mediaInfo`, progress, `preview`, then `end`.
    case preview(start: Double, seconds: Double, longestSide: Int)
    /// The text of a media file or of a file of subtitles. Answered by any number of `text` and progress, then `end`.
    case text(TextPlace)
}

/// What a preview is at most.
package enum PreviewLimits {
    package static let seconds = 10.0
    /// Pixels.
    package static let longestSide = 480
    package static let framesPerSecond = 15.0
}
