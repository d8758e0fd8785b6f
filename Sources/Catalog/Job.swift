/// One media item to be put into one index.
package struct Job: Sendable, Equatable {
    package var media: MediaID
    package var index: IndexID
    package var identity: ContentIdentity
    package var state: Media.State
    /// How often it was begun before.
    package var attempts: Int
    /// Whether it was in work when the program crashed, more than once in a row: it is done alone, so that what happens then is its own doing.
    package var isSuspect: Bool
    /// Where it can be read now: files that are no tombstones, in roots that are online.
    package var files: [MediaFile]
    /// Whether the clips that it has are to be made anew; see ``Catalog/clear(_:)``.
    package var isStale: Bool
    /// Clips that are committed already; decoding goes on after the last one. None of a stale job's.
    package var committedClips: Int
    /// End of the last committed clip in seconds; nil when there is none.
    package var committedEnd: Double?
    /// Shot of the last committed clip.
    package var committedShot: Int?

    /// Whether it is not done, as far as trying at once can help.
    package var isWanted: Bool { state == .pending || state == .failed }
}

/// A clip to be committed.
package struct NewClip: Sendable {
    package var media: MediaID
    package var ordinal: Int
    package var start: Double
    package var end: Double
    package var shot: Int
    package var embedding: [Float]
    package var rerankFeatures: [UInt8]?

    package init(
        media: MediaID, ordinal: Int, start: Double, end: Double, shot: Int, embedding: [Float],
        rerankFeatures: [UInt8]?
    ) {
        self.media = media
        self.ordinal = ordinal
        self.start = start
        self.end = end
        self.shot = shot
        self.embedding = embedding
        self.rerankFeatures = rerankFeatures
    }
}
