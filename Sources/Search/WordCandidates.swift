import Catalog

/// What of a clip's text answers a query.
struct FoundWords: Sendable, Equatable {
    /// The line that has most of it.
    var line: Line
    /// Whether the clip's picture alone would have been found as well.
    var isSeen = false
}

/// The clips whose text answers a query, best first.
struct WordCandidates: Sendable {
    struct Entry: Sendable, Equatable {
        var clip: ClipID
        var media: MediaID
        var line: Line
        /// The share of the query's words that its lines have, by weight: 0 to 1.
        var share: Double
        /// BM25 of its best line; 0 for text about the whole media item, whose moments are equal.
        var score: Double
        /// From 1; entries that nothing tells apart have the same.
        var rank = 0
    }

    /// Clips at most.
    static let limit = 200
    /// Lines that are looked at: a clip has several.
    static let lines = 1000
    /// From this share on the text says all of the query.
    static let whole = 0.999

    private(set) var entries: [Entry] = []

    /// Puts the lines of a clip together, and with them what is said of its media item as a whole.
    ///
    /// - Parameter group: with `.media`, the best clip of each media item alone.
    init(_ found: WordMatches, group: SearchRequest.Group) {
        let total = found.weights.reduce(0, +)
        func share(_ words: Set<Int>) -> Double {
            guard total > 0 else { return 1 }
            return words.reduce(0) { $0 + found.weights[$1] } / total
        }
        var ofMedia: [MediaID: Set<Int>] = [:]
        for match in found.matches where match.line.kind.isOfWholeMedia {
            ofMedia[match.media, default: []].formUnion(match.words)
        }
        // Lines come with the best first: the first of a clip that has as much as another is shown.
        var moments: [ClipID: (best: WordMatch, words: Set<Int>)] = [:]
        var wholes: [MediaID: WordMatch] = [:]
        for match in found.matches {
            if match.line.kind.isOfWholeMedia {
                let best = wholes[match.media] ?? match
                wholes[match.media] = share(match.words) > share(best.words) ? match : best
            } else {
                var moment = moments[match.clip] ?? (match, [])
                if share(match.words) > share(moment.best.words) { moment.best = match }
                moment.words.formUnion(match.words)
                moments[match.clip] = moment
            }
        }
        var entries = moments.values.map { moment in
            let words = moment.words.union(ofMedia[moment.best.media] ?? [])
            return Entry(
                clip: moment.best.clip, media: moment.best.media, line: moment.best.line, share: share(words),
                score: moment.best.score)
        }
        let withMoments = Set(entries.map(\.media))
        entries += wholes.values.filter { !withMoments.contains($0.media) }.map { match in
            Entry(
                clip: match.clip, media: match.media, line: match.line, share: share(ofMedia[match.media] ?? []),
                score: 0)
        }
        entries.sort { first, second in
            if first.share != second.share { return first.share > second.share }
            return first.score != second.score ? first.score > second.score : first.clip < second.clip
        }
        if group == .media {
            var seen: Set<MediaID> = []
            entries = entries.filter { seen.insert($0.media).inserted }
        }
        entries = Array(entries.prefix(Self.limit))
        for place in entries.indices {
            let isLike =
                place > 0 && entries[place - 1].share == entries[place].share
                && entries[place - 1].score == entries[place].score
            entries[place].rank = isLike ? entries[place - 1].rank : place + 1
        }
        self.entries = entries
    }

    init() {}

    /// Whether some clip's text says all of the query.
    var sayAll: Bool { entries.contains { $0.share >= Self.whole } }

    mutating func removeAll(where isUnwanted: (Entry) -> Bool) { entries.removeAll(where: isUnwanted) }
}
