package import Catalog
package import SystemPackage

/// What a scan of the folders found, for those who watch.
package enum FolderEvent: Sendable, Equatable {
    case scanStarted(RootID)
    case scanFinished(RootID)
    case rootOnline(RootID)
    case rootOffline(RootID, reason: String)
    /// So many files of a root are missing, most of it, and are kept until a person confirms that they are gone.
    case removalHeld(RootID, missing: Int)
    /// The kernel allows no more watches: from this directory on, trees are polled.
    case watchesExhausted(FilePath, watched: Int)
    /// A file whose content was not known.
    case mediaFound(MediaID, path: FilePath)
    /// A known content has another or one more path.
    case mediaMoved(MediaID, path: FilePath)
    /// The last file of a media item is gone.
    case mediaRemoved(MediaID)
    /// A file that could not even be read.
    case fileFailed(path: FilePath, Problem)
}
