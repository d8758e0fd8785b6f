package import Catalog
package import SystemPackage

/// What a scan of the folders found, for those who watch.
package enum FolderEvent: Sendable, Equatable {
    case scanStarted(RootID)
    case scanFinished(RootID)
    case rootOnline(RootID)
    case rootOffline(RootID, reason: String)
    /// A file whose content was not known.
    case mediaFound(MediaID, path: FilePath)
    /// A known content has another or one more path.
    case mediaMoved(MediaID, path: FilePath)
    /// The last file of a media item is gone.
    case mediaRemoved(MediaID)
    /// A file that could not even be read.
    case fileFailed(path: FilePath, Problem)
}
