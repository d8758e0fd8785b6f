package import Catalog

/// How folders are looked at; the defaults are for a person's video folders.
package struct FolderSettings: Sendable, Equatable {
    /// A file is indexed once unchanged for this many seconds, and when nobody has it open to write.
    package var settleTime: Double
    /// A file that stays open to write is indexed once unchanged for this many seconds.
    package var openFileSettleTime: Double
    package var candidates: CandidateFiles
    package var retry: RetryPolicy
    /// What is left out of every root, beside what its `.saccadeignore` files say.
    package var ignored: IgnoreRules
    /// Whether links to files that lie outside their root are taken in.
    package var followsLinks: Bool
    /// The share of a root's files that may leave at once without a person's consent; 1 for all.
    package var removalShare: Double
    /// Seconds between two looks at a tree where inotify doesn't tell all.
    package var pollInterval: Double
    /// The same for a tree that doesn't change.
    package var longestPollInterval: Double

    package init(
        settleTime: Double = 2, openFileSettleTime: Double = 60, candidates: CandidateFiles = CandidateFiles(),
        retry: RetryPolicy = RetryPolicy(), ignored: IgnoreRules = IgnoreRules(), followsLinks: Bool = false,
        removalShare: Double = 0.5, pollInterval: Double = 60, longestPollInterval: Double = 900
    ) {
        self.settleTime = settleTime
        self.openFileSettleTime = openFileSettleTime
        self.candidates = candidates
        self.retry = retry
        self.ignored = ignored
        self.followsLinks = followsLinks
        self.removalShare = removalShare
        self.pollInterval = pollInterval
        self.longestPollInterval = longestPollInterval
    }
}
