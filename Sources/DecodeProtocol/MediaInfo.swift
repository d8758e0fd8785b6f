/// What a media file says of itself. Only `width` and `height` were verified by opening the decoder.
package struct MediaInfo: Sendable, Equatable {
    /// Seconds; nil when the container doesn't say. It may be wrong: `DecodeEvent.end` says what was found.
    package var duration: Double?
    /// Pixels of the picture as it is shown, after rotation by the display matrix.
    package var width: Int
    package var height: Int
    /// The codec's short name, such as `h264`.
    package var codec: String
    /// The container's short names, such as `mov,mp4,m4a,3gp,3g2,mj2`.
    package var container: String
    /// A still picture: one frame at time 0, with no duration.
    package var isStill: Bool
    /// Seconds since 1970-01-01 UTC at which the container says that the recording was made; nil when it doesn't say.
    package var creationTime: Double?

    package init(
        duration: Double? = nil,
        width: Int,
        height: Int,
        codec: String,
        container: String,
        isStill: Bool = false,
        creationTime: Double? = nil
    ) {
        self.duration = duration
        self.width = width
        self.height = height
        self.codec = codec
        self.container = container
        self.isStill = isStill
        self.creationTime = creationTime
    }
}
