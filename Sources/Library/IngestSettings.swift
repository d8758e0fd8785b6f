internal import Catalog
package import FolderWatch
internal import Foundation
package import Search

/// How the library is fed; the defaults are for a person's video folders.
package struct IngestSettings: Sendable, Equatable {
    /// Processes that decode at the same time.
    package var decodeWorkers: Int
    /// Frames of a second of video that are decoded.
    package var framesPerSecond: Double
    /// Frames that a batch for the encoder should have; it may have up to one clip more.
    package var batchFrames: Int
    /// How long the encoder waits for a batch to fill, in seconds.
    package var batchWait: Double
    /// Frames that may wait between decoding and encoding.
    package var queuedFrames: Int
    /// The part of the time that the encoder may work on an index that is built beside the live one while new media wait.
    package var rebuildShare: Double
    /// Which files are indexed, and when they are ready to be.
    package var folders: FolderSettings
    /// Time between full scans, in seconds.
    package var rescanInterval: Double
    /// Time after which a tombstone's clips are deleted, in seconds; a file that comes back earlier isn't decoded again.
    package var tombstoneLifetime: Double
    /// Bytes that are to stay free beside the databases: below, ingest waits.
    package var minFreeBytes: Int64
    /// When nothing is indexed, or less.
    package var rest: RestSettings
    /// Bytes up to which the catalog is checked whole before it is used; a larger one is checked beside the work.
    package var checkedAtOnce: Int64
    /// Where the vectors are.
    package var index: IndexStorage

    package init(
        decodeWorkers: Int = max(1, min(4, ProcessInfo.processInfo.activeProcessorCount / 2)),
        framesPerSecond: Double = 2, batchFrames: Int = 32, batchWait: Double = 0.2, queuedFrames: Int = 64,
        rebuildShare: Double = 0.5, folders: FolderSettings = FolderSettings(), rescanInterval: Double = 900,
        tombstoneLifetime: Double = 7 * 86_400, minFreeBytes: Int64 = 0, rest: RestSettings = RestSettings(),
        checkedAtOnce: Int64 = Catalog.checkedAtOnce, index: IndexStorage = IndexStorage()
    ) {
        self.checkedAtOnce = checkedAtOnce
        self.decodeWorkers = max(1, decodeWorkers)
        self.framesPerSecond = framesPerSecond
        self.batchFrames = batchFrames
        self.batchWait = batchWait
        self.queuedFrames = queuedFrames
        self.rebuildShare = min(1, max(0.01, rebuildShare))
        self.folders = folders
        self.rescanInterval = rescanInterval
        self.tombstoneLifetime = tombstoneLifetime
        self.minFreeBytes = minFreeBytes
        self.rest = rest
        self.index = index
    }
}
