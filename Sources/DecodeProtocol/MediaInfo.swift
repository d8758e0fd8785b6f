/// What a media file says of itself. Only `width` and `height` were verified by opening the decoder.
package struct MediaInfo: Sendable, Equatable {
    /// Seconds; nil when the container doesn't say. It may be wrong: `DecodeSummary.duration` is what was found.
    package var duration: Double?
    /// Pixels of the picture as it is shown, after rotation by the display matrix.
    package var width: Int
    package var height: Int
    /// Clockwise quarter turns that the display matrix asks for: 0, 90, 180 or 270 degrees.
    package var rotation: Int
    /// The codec's short name, such as `h264`.
    package var codec: String
    /// The container's short names, such as `mov,mp4,m4a,3gp,3g2,mj2`.
    package var container: String
    /// Frames a second on average; nil when unknown.
    package var frameRate: Double?
    /// A still picture: one frame at time 0, with no duration.
    package var isStill: Bool
    /// Seconds since 1970-01-01 UTC at which the container says that the recording was made; nil when it doesn't say.
    package var creationTime: Double?
    /// The container's and the video stream's tags, at most `DecodeLimits.metadataEntries`, in their order.
    package var metadata: [MetadataEntry]

    package init(
        duration: Double? = nil,
        width: Int,
        height: Int,
        rotation: Int = 0,
        codec: String,
        container: String,
        frameRate: Double? = nil,
        isStill: Bool = false,
        creationTime: Double? = nil,
        metadata: [MetadataEntry] = []
    ) {
        self.duration = duration
        self.width = width
        self.height = height
        self.rotation = rotation
        self.codec = codec
        self.container = container
        self.frameRate = frameRate
        self.isStill = isStill
        self.creationTime = creationTime
        self.metadata = metadata
    }
}

/// One tag of a container or a stream.
package struct MetadataEntry: Sendable, Equatable {
    package var key: String
    package var value: String

    package init(key: String, value: String) {
        self.key = key
        self.value = value
    }
}
