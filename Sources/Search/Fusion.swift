import Catalog

/// Puts the order of pictures and the order of texts together.
///
/// Reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009): a clip's score is the sum of 1 / (60 + rank) over the orders that it is
/// in. Here the text's part is weighed by the cube of the share of the query that the text has: a line with one word of many is no match, and is
/// yet the first of its order where no line has more. Of the powers 0 to 3 the third harms the pictures' order least where nobody speaks of what is
/// seen; docs/SUBTITLES.md has the figures.
enum Fusion {
    /// k, as in the paper.
    static let constant = 60.0
    /// Places of the pictures' order that a clip with text counts by, whatever page is asked for: so pages neither overlap nor leave a gap.
    static let depth = 200
    /// For a model that can't tell what is likely: places of the pictures' order that are taken for found.
    private static let seen = 10

    /// - Parameters:
    ///   - pictures: in their order.
    ///   - scores: what is known of the clips that only their text found.
    ///   - isLikely: whether a picture is found for what it shows; nil for a model that can't tell.
    /// - Returns: all of them, in the order of both.
    static func fused(
        _ pictures: [Candidate], with words: WordCandidates, scores: [ClipID: SearchScores],
        group: SearchRequest.Group, isLikely: (Candidate) -> Bool?
    ) -> [Candidate] {
        guard !words.entries.isEmpty else { return pictures }
        func key(_ clip: ClipID, _ media: MediaID) -> Int64 { group == .media ? media : clip }
        let head = pictures.prefix(depth)
        var fused: [(candidate: Candidate, place: Int)] = []
        var places: [Int64: Int] = [:]
        var ofMedia: [MediaID: Int] = [:]
        for (place, candidate) in head.enumerated() {
            var candidate = candidate
            candidate.scores.combined = 1 / (constant + Double(place + 1))
            places[key(candidate.clip, candidate.media)] = place
            if ofMedia[candidate.media] == nil { ofMedia[candidate.media] = place }
            fused.append((candidate, place))
        }
        for entry in words.entries {
            let part = entry.share * entry.share * entry.share / (constant + Double(entry.rank))
            // What is said of the whole media item is shown where its picture is best.
            let isOfWhole = entry.line.kind.isOfWholeMedia
            let known = places[key(entry.clip, entry.media)]
            if let place = isOfWhole ? ofMedia[entry.media] ?? known : known {
                var candidate = fused[place].candidate
                let isSeen = isLikely(candidate) ?? (place < seen)
                // In a group of clips the text's moment is shown, unless the picture's is the better one.
                if !isOfWhole, candidate.clip != entry.clip, entry.rank <= place + 1, let own = scores[entry.clip] {
                    let combined = candidate.scores.combined
                    candidate = Candidate(clip: entry.clip, media: entry.media, scores: own)
                    candidate.scores.combined = combined
                }
                candidate.scores.combined += part
                candidate.scores.words = entry.share
                candidate.words = FoundWords(line: entry.line, isSeen: isSeen)
                fused[place].candidate = candidate
            } else if var own = scores[entry.clip] {
                own.combined = part
                own.words = entry.share
                var candidate = Candidate(clip: entry.clip, media: entry.media, scores: own)
                candidate.words = FoundWords(line: entry.line, isSeen: isLikely(candidate) ?? false)
                fused.append((candidate, Int.max))
            }
        }
        let isHead = Set(fused.map { key($0.candidate.clip, $0.candidate.media) })
        for (place, candidate) in pictures.enumerated().dropFirst(depth)
        where !isHead.contains(key(candidate.clip, candidate.media)) {
            var candidate = candidate
            candidate.scores.combined = 1 / (constant + Double(place + 1))
            fused.append((candidate, place))
        }
        fused.sort { first, second in
            let (one, other) = (first.candidate.scores.combined, second.candidate.scores.combined)
            if one != other { return one > other }
            // A text that says it, before a picture that is merely the nearest.
            let said = (first.candidate.words != nil, second.candidate.words != nil)
            if said.0 != said.1 { return said.0 }
            return (first.place, first.candidate.clip) < (second.place, second.candidate.clip)
        }
        return fused.map(\.candidate)
    }
}
