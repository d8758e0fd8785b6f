/// One decoded picture of a media item.
package struct SampledFrame: Sendable, Equatable {
    /// Its true time in seconds from the beginning.
    package var time: Double
    /// Rows and columns, in pixels.
    package var side: Int
    /// `side` × `side` × 3 bytes: R, G, B.
    package var pixels: [UInt8]

    package init(time: Double, side: Int, pixels: [UInt8]) {
        self.time = time
        self.side = side
        self.pixels = pixels
    }
}

/// What decoding a media item yields, in the order of time.
package enum DecodeEvent: Sendable, Equatable {
    /// Always the first, apart from `progress`.
    case mediaInfo(MediaInfo)
    case frame(SampledFrame)
    /// A shot begins at this time (s); it comes before every frame at or after that time.
    case cut(time: Double)
    /// Decoding has come to this time (s). The worker says so at least twice a second while it says nothing else.
    case progress(time: Double)
    /// Always the last, unless there is an error. `duration` is the seconds from the beginning to the end of the last
    /// frame that was seen; 0 for a still picture.
    case end(duration: Double)
}

/// What the worker says. A request is answered by zero or more messages and then exactly one `end` or `failure`.
package enum DecodeMessage: Sendable, Equatable {
    case event(DecodeEvent)
    /// A JPEG file.
    case thumbnail([UInt8])
    case failure(DecodeError)
}
