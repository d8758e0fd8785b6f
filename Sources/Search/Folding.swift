import Catalog

/// Puts results that show nearly the same together, below the best of them.
///
/// In the order of the results, each joins the first one before it that it looks nearly like; otherwise it stands for itself. Of the same media item it
/// need not be so much alike, and less still where it adjoins that one or one that joined it, as another part of the same passage. So what stands for itself depends only on the results before it, and pages
/// neither overlap nor leave a gap. A result that a line of text was found for joins only one with the same line: moments of a
/// conversation look alike, and what is said differs.
struct Folding {
    /// Results that are looked at, whatever page is asked for, unless a page needs more.
    static let depth = 200
    /// Results that are looked at at most.
    static let maximumDepth = 4_096
    /// Least cosine of results that show nearly the same: of any media items, of one media item, and of one where they adjoin. Measured with
    /// `saccade-small`: of 494,000 pairs of unrelated pictures one has 0.93; neighbours in a shot have 0.87 to 0.99, the median 0.98, and
    /// clips at either side of a cut 0.25 to 0.84, the median 0.45.
    private static let leastSimilarities: (any: Float, sameMedia: Float, adjoining: Float) = (0.93, 0.85, 0.7)
    /// Folded results that are told of each.
    static let shown = 20
    /// Seconds between the end of a clip and the beginning of the next one.
    private static let gap = 0.1

    /// A result and those that joined it, best first.
    struct Group {
        var best: Candidate
        var others: [Candidate] = []
    }

    private struct Standing {
        var group: Group
        var vector: [Float]
        var spans: [(start: Double, end: Double)]
    }

    /// The results that stand for themselves, best first. O(candidates × groups × dimensions).
    ///
    /// - Parameters:
    ///   - vectors: of unit length.
    ///   - candidates: best first; those of which a clip or a vector is missing are left out.
    ///   - limit: groups at most; what comes later may still join one of them.
    static func groups(
        of candidates: [Candidate], clips: [ClipID: Clip], vectors: [ClipID: [Float]], limit: Int
    ) -> [Group] {
        var standings: [Standing] = []
        for candidate in candidates {
            guard let clip = clips[candidate.clip], let vector = vectors[candidate.clip] else { continue }
            let span = (start: clip.start, end: clip.end)
            let found = standings.firstIndex { standing in
                guard standing.group.best.words?.line == candidate.words?.line else { return false }
                guard standing.vector.count == vector.count else { return false }
                let isOfMedia = standing.group.best.media == candidate.media
                let isAdjoining = isOfMedia && standing.spans.contains { adjoins($0, span) }
                let least = leastSimilarities
                return dot(standing.vector, vector)
                    >= (isAdjoining ? least.adjoining : isOfMedia ? least.sameMedia : least.any)
            }
            if let found {
                standings[found].group.others.append(candidate)
                if standings[found].group.best.media == candidate.media { standings[found].spans.append(span) }
            } else if standings.count < limit {
                standings.append(Standing(group: Group(best: candidate), vector: vector, spans: [span]))
            }
        }
        return standings.map(\.group)
    }

    private static func adjoins(_ one: (start: Double, end: Double), _ other: (start: Double, end: Double)) -> Bool {
        one.start <= other.end + gap && other.start <= one.end + gap
    }

    private static func dot(_ one: [Float], _ other: [Float]) -> Float {
        var sum: Float = 0
        for place in one.indices { sum += one[place] * other[place] }
        return sum
    }
}
