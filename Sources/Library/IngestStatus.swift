package import Catalog
package import FolderWatch
package import SystemPackage

/// Where ingest stands at one moment.
package struct IngestStatus: Sendable, Equatable {
    package enum WatcherState: Sendable {
        /// Not begun yet, or without folders.
        case starting
        /// A full scan is running.
        case scanning
        /// Waiting for changes.
        case watching
        /// The kernel's limit of watches is reached: some directories are polled.
        case limited
        case stopped
    }

    /// A media item in work.
    package struct Work: Sendable, Equatable {
        package var media: MediaID
        package var path: FilePath
        /// How far decoding has come, in seconds.
        package var position: Double
        /// In seconds; nil when the container doesn't say.
        package var duration: Double?
        /// Clips that are committed.
        package var clips: Int
    }

    /// Where the time goes since the start, and how fast it went in the last minute of work.
    package struct Rates: Sendable, Equatable {
        /// Seconds in which the decoder was waited for, summed over the decoders.
        package var decodeSeconds = 0.0
        package var encodeSeconds = 0.0
        package var storeSeconds = 0.0
        /// Since the start.
        package var videoSeconds = 0.0
        package var clips = 0
        package var frames = 0
        /// In the last minute: seconds of video, clips and frames a second.
        package var videoRate = 0.0
        package var clipRate = 0.0
        package var frameRate = 0.0
    }

    /// An index that is built beside the live one.
    package struct Build: Sendable, Equatable {
        package var index: IndexRecord
        package var progress: BuildProgress
        /// Clips that it will have, about.
        package var expectedClips: Int
        /// How much of it is done, from 0 to 1.
        package var fraction: Double
        /// Seconds until it is complete, at the rate of the last minute of work; nil while that isn't known.
        package var remaining: Double?
        package var current: [Work]
        /// Media items in work and those whose turn can come now.
        package var waiting: Int
        /// Media items that hold it back: those, and those in roots that are offline.
        package var missing: Int
        /// Why it can't take over although it is complete.
        package var problem: String?
    }

    package var watcher = WatcherState.starting
    /// What a person should do about the watcher.
    package var watcherAdvice: String?
    package var watchedDirectories = 0
    /// When the last full scan ended.
    package var scannedAt: Timestamp?
    package var roots: [Root] = []
    /// Roots whose full scan is running.
    package var scanning: Set<RootID> = []
    /// Files that are watched until their writer has finished.
    package var settlingFiles = 0
    package var statistics = CatalogStatistics()
    /// Media items in work and those whose turn can come now, in the live index; in the next one where nothing is indexed into that.
    package var queueDepth = 0
    package var current: [Work] = []
    package var build: Build?
    package var rates = Rates()
    package var failures: [Failure] = []
    /// Clips and bytes of the vectors in memory.
    package var indexedClips = 0
    package var indexBytes = 0
    /// What the vectors take in a file.
    package var indexFileBytes = 0
    /// Why ingest waits for something to be put right; nil when it doesn't.
    package var paused: String?
    /// What was mended since the start, in sentences.
    package var notices: [String] = []
    /// Why ingest rests although nothing is wrong; nil when it doesn't.
    package var rest: RestCause?
    package var slowdown = Slowdown()
    /// What is polled of which root.
    package var polled: [RootID: PolledTrees.Summary] = [:]
}
