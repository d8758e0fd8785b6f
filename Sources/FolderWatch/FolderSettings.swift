package import Catalog

/// How folders are looked at; the defaults are for a person's video folders.
package struct FolderSettings: Sendable, Equatable {
    /// A file is indexed once unchanged for this many seconds, and when nobody has it open to write.
    package var settleTime: Double
    /// A file that stays open to write is indexed once unchanged for this many seconds.
    package var openFileSettleTime: Double
    package var candidates: CandidateFiles
    package var retry: RetryPolicy

    package init(
        settleTime: Double = 2, openFileSettleTime: Double = 60, candidates: CandidateFiles = CandidateFiles(),
        retry: RetryPolicy = RetryPolicy()
    ) {
        self.settleTime = settleTime
        self.openFileSettleTime = openFileSettleTime
        self.candidates = candidates
        self.retry = retry
    }
}
