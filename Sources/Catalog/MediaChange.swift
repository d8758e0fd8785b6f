/// What a write to the catalog means for an index in memory, to be applied after the write has committed.
package enum MediaChange: Sendable, Hashable {
    /// The media may be found (again): its clips belong into the index.
    case shown(MediaID)
    /// The media has no file any more: its clips leave the index.
    case hidden(MediaID)
    /// The media's paths, roots, duration or time of recording are others than before.
    case attributes(MediaID)

    package var media: MediaID {
        switch self {
        case .shown(let id), .hidden(let id), .attributes(let id): id
        }
    }
}
