package import Catalog
package import FolderWatch
package import SystemPackage

/// Something that happened to the library, for those who watch its progress.
package struct LibraryEvent: Sendable, Equatable {
    package enum Kind: Sendable, Equatable {
        case folder(FolderEvent)
        case rootAdded(RootID)
        case rootRemoved(RootID)
        case mediaStarted(MediaID, path: FilePath)
        /// How far its clips are committed, in seconds, of how much when that is known, and how many there are.
        case mediaProgress(MediaID, position: Double, duration: Double?, clips: Int)
        case mediaIndexed(MediaID, clips: Int)
        case mediaFailed(MediaID, path: FilePath?, Problem)
        /// The text of a media file, or of a file of subtitles beside it, can be searched.
        case textRead(MediaID, path: FilePath, lines: Int)
        case textFailed(MediaID, path: FilePath, Problem)
        /// File and folder names that are new can be searched.
        case namesRead
        /// The index that queries go to is another one now.
        case indexSwitched(IndexRecord)
        /// What became of a model, by its digest, that is to be or was used, in words.
        case modelChanged(digest: String, String)
        /// The catalog refused a write, and would again.
        case writeRefused(reason: String)
        /// Ingest waits: the disk is full, or the catalog can't be written. nil: it goes on.
        case paused(reason: String?)
        /// Ingest rests although nothing is wrong. nil: it goes on.
        case resting(RestCause?)
    }

    package var time: Timestamp
    package var kind: Kind

    package init(time: Timestamp, kind: Kind) {
        self.time = time
        self.kind = kind
    }
}
