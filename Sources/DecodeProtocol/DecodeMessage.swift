/// What the worker says. A request is answered by zero or more messages and then exactly one `end` or `failure`.
package enum DecodeMessage: Sendable, Equatable {
    case mediaInfo(MediaInfo)
    /// `pixels` is row-major RGB, 3 bytes a pixel, `size` × `size` of them. `time` is the frame's true time in seconds.
    case frame(time: Double, size: Int, pixels: [UInt8])
    /// A shot begins at this time (s). It comes before every frame whose time is at or after it.
    case cut(time: Double)
    /// The worker has come to this time (s) of the media. Sent at least twice a second while it works.
    case progress(time: Double)
    case thumbnail(time: Double, jpeg: [UInt8])
    case end(DecodeSummary)
    case failure(DecodeFailure)
}

/// What was done for a request that succeeded.
package struct DecodeSummary: Sendable, Equatable {
    /// Seconds from the beginning of the media to the end of the last frame that was seen; 0 for a still picture.
    package var duration: Double
    /// Frames that were decoded, whether delivered or not.
    package var decodedFrames: Int
    /// Frames that were delivered.
    package var deliveredFrames: Int
    /// Packets that were not decoded because nothing wanted needed them.
    package var skippedPackets: Int
    /// Packets and frames that were broken and left out.
    package var damagedPackets: Int

    package init(
        duration: Double = 0,
        decodedFrames: Int = 0,
        deliveredFrames: Int = 0,
        skippedPackets: Int = 0,
        damagedPackets: Int = 0
    ) {
        self.duration = duration
        self.decodedFrames = decodedFrames
        self.deliveredFrames = deliveredFrames
        self.skippedPackets = skippedPackets
        self.damagedPackets = damagedPackets
    }
}

/// Why a request failed.
package struct DecodeFailure: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Code: UInt8, Sendable, CaseIterable {
        /// No such file, or it vanished.
        case notFound = 1
        /// No permission, or it isn't a regular file.
        case unreadable = 2
        /// The device or the network file system failed while reading.
        case readError = 3
        /// It isn't media, or of a kind that is refused, such as a playlist.
        case notMedia = 4
        /// Media without a picture, such as music.
        case noVideo = 5
        /// This build of FFmpeg has no decoder for it.
        case unsupported = 6
        /// The file is damaged: not one frame could be decoded.
        case damaged = 7
        /// The picture is larger than the limit.
        case tooLarge = 8
        /// Memory ran out within the worker's address space limit.
        case outOfMemory = 9
        /// The request doesn't make sense to this worker.
        case badRequest = 10
    }

    package var code: Code
    /// Whether the same request may succeed later although the file stays as it is.
    package var isRetryable: Bool
    /// What happened and what to do, for people.
    package var message: String

    package init(code: Code, isRetryable: Bool, message: String) {
        self.code = code
        self.isRetryable = isRetryable
        self.message = message
    }

    package var description: String { message }
}
