package import Catalog

/// Several machines that see the same files: who makes a content's clips, and what others have made. Every method blocks the calling thread.
package protocol SharedContents: Sendable {
    /// Asks for a content that is to be indexed.
    ///
    /// - Parameter index: whose model makes the clips.
    func claim(_ content: ContentIdentity, for index: IndexRecord) -> ContentClaim

    /// Gives a claim back whose content was not indexed.
    func release(_ content: ContentIdentity, for index: IndexRecord)
}

/// What became of the question for a content.
package enum ContentClaim: Sendable {
    /// Nobody else makes its clips, as far as is known.
    case own
    /// Another machine is at it: ask again after so many seconds.
    case elsewhere(seconds: Double)
    /// They are made.
    case made(SharedClips)
}

/// A content's clips as another machine has made them.
package struct SharedClips: Sendable {
    package var properties: MediaProperties
    /// One after the other, from ordinal 0; of whichever media item.
    package var clips: [NewClip]

    package init(properties: MediaProperties, clips: [NewClip]) {
        self.properties = properties
        self.clips = clips
    }
}
