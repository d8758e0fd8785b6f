/// Where an index has its vectors: all of them in memory, or most of them in an inverted file beside the databases.
package struct IndexStorage: Sendable, Equatable {
    package enum Kind: String, Sendable, CaseIterable {
        /// In memory up to ``IndexStorage/automaticClips``, in a file beyond.
        case auto
        /// In memory, each search a scan of all.
        case exact
        /// In a file, as soon as there are ``IndexStorage/leastClips``.
        case ivf
    }

    package var kind: Kind
    /// The part of an answer that is to be found, 0 to 1.
    package var recall: Double
    /// Whether files are made and removed; those that are there are read all the same.
    package var writes: Bool

    /// Clips from which a file is faster than a scan by more than it costs: see the benchmark `inverted`.
    package var automaticClips = 400_000
    package var leastClips = 1_000
    /// Clips in memory beside a file that are merged into it, at least and at most: an eighth of all between.
    package var leastTail = 65_536
    package var mostTail = 262_144
    /// Clips that are read into memory at a time where there is no file to begin with: 400 MB at 256 dimensions.
    package var loadedAtOnce = 1_000_000
    /// Changes after which a file is written again though it grew little, so that the catalog still knows them at the next start.
    package var mostChanges = 20_000
    /// The part of a file's clips that may be unwanted.
    package var mostUnwanted = 0.2

    package init(kind: Kind = .auto, recall: Double = 0.98, writes: Bool = false) {
        self.kind = kind
        self.recall = recall
        self.writes = writes
    }

    /// Whether a library of so many clips is to have a file.
    func wantsFile(for clips: Int) -> Bool {
        switch kind {
        case .auto: clips >= automaticClips
        case .exact: false
        case .ivf: clips >= leastClips
        }
    }

    /// Whether one that has a file keeps it: well below the number at which it was made, so that it doesn't come and go.
    func keepsFile(for clips: Int) -> Bool { wantsFile(for: clips * 2) }

    /// Clips in memory, beside a file, that are too many.
    func longestTail(of clips: Int) -> Int { max(leastTail, min(mostTail, clips / 8)) }
}
