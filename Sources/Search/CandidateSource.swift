package import Catalog

/// Where a search's clips come from: what is nearest to a vector, of an index that may be anywhere.
package protocol CandidateSource: Sendable {
    /// Length of the vectors that it takes.
    var dimensions: Int { get }
    /// Clips in it.
    var count: Int { get }

    /// The best clips of those that `filter` lets through, best first, equal scores by ascending clip. Blocks the calling thread.
    ///
    /// - Parameters:
    ///   - vector: `[dimensions]`, of unit length.
    ///   - limit: how many at most.
    ///   - group: with `.media`, the best clip of each media item alone.
    /// - Throws: ``SearchError`` `unusable_embedding`; `CatalogError`.
    func candidates(
        for vector: [Float], limit: Int, where filter: MediaFilter, group: SearchRequest.Group
    ) throws -> CandidateList
}

/// What a ``CandidateSource`` found.
package struct CandidateList: Sendable {
    /// A clip and the dot product of its embedding and the query.
    package struct Entry: Sendable, Equatable {
        package var clip: ClipID
        package var media: MediaID
        package var score: Double

        package init(clip: ClipID, media: MediaID, score: Double) {
            self.clip = clip
            self.media = media
            self.score = score
        }
    }

    package var entries: [Entry]
    /// How many clips were in the index, whatever the filter says.
    package var count: Int
    /// How long the filter took, in milliseconds, where it is asked before the scan.
    package var filterTime: Double
    /// How long the scan took, in milliseconds.
    package var scanTime: Double

    package init(entries: [Entry], count: Int, filterTime: Double = 0, scanTime: Double = 0) {
        self.entries = entries
        self.count = count
        self.filterTime = filterTime
        self.scanTime = scanTime
    }
}
