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

    package init(
        settleTime: Double = 2, openFileSettleTime: Double = 60, candidates: CandidateFiles = CandidateFiles(),
        retry: RetryPolicy = RetryPolicy(), ignored: IgnoreRules = IgnoreRules(), followsLinks: Bool = false
    ) {
        self.settleTime = settleTime
        self.openFileSettleTime = openFileSettleTime
        self.candidates = candidates
        self.retry = retry
        self.ignored = ignored
        self.followsLinks = followsLinks
    }
}
