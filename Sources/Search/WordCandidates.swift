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
        /// The share of the query's words that its line has, by weight: 0 to 1.
        var share: Double
        /// BM25 of its line; 0 for text about the whole media item, whose moments are equal.
        var score: Double
        /// How many entries have as much of the query or more.
        var equals = 1
        /// Whether the text says all of the query.
        var saysAll: Bool { share >= WordCandidates.whole }
    }

    /// Clips at most.
    static let limit = 200
    /// Lines that are looked at: a clip has several.
    static let lines = 1000
    /// From this share on the text says all of the query.
    static let whole = 0.999

    private(set) var entries: [Entry] = []

    /// Of each clip its best line. What is said of a media item as a whole, in its title and its names, is taken together, and counts where it
    /// has more of the query than each line of a moment.
    ///
    /// - Parameter group: with `.media`, the best clip of each media item alone.
    init(_ found: WordMatches, group: SearchRequest.Group) {
        let total = found.weights.reduce(0, +)
        func share(_ words: Set<Int>) -> Double {
            guard total > 0 else { return 1 }
            // In one order, so that the same words have the same share to the last bit.
            return words.sorted().reduce(0) { $0 + found.weights[$1] } / total
        }
        // Lines come with the best first: the first that has as much as another is shown.
        var moments: [ClipID: Entry] = [:]
        var wholes: [MediaID: (best: Entry, words: Set<Int>)] = [:]
        for match in found.matches {
            let entry = Entry(
                clip: match.clip, media: match.media, line: match.line, share: share(match.words), score: match.score)
            if match.line.kind.isOfWholeMedia {
                var whole = wholes[match.media] ?? (entry, [])
                if entry.share > whole.best.share { whole.best = entry }
                whole.words.formUnion(match.words)
                wholes[match.media] = whole
            } else if moments[match.clip].map({ entry.share > $0.share }) ?? true {
                moments[match.clip] = entry
            }
        }
        var entries = Array(moments.values)
        let best = Dictionary(entries.map { ($0.media, $0.share) }, uniquingKeysWith: max)
        for (media, whole) in wholes {
            var entry = whole.best
            entry.share = share(whole.words)
            entry.score = 0
            guard entry.share > best[media] ?? 0 else { continue }
            entries.removeAll { $0.media == media }
            entries.append(entry)
        }
        entries.sort { first, second in
            if first.share != second.share { return first.share > second.share }
            return first.score != second.score ? first.score > second.score : first.clip < second.clip
        }
        if group == .media {
            var seen: Set<MediaID> = []
            entries = entries.filter { seen.insert($0.media).inserted }
        }
        for place in entries.indices.reversed() {
            let isLikeNext = place + 1 < entries.count && entries[place + 1].share == entries[place].share
            entries[place].equals = isLikeNext ? entries[place + 1].equals : place + 1
        }
        self.entries = Array(entries.prefix(Self.limit))
    }

    init() {}

    /// Whether some clip's text says all of the query.
    var sayAll: Bool { entries.contains(where: \.saysAll) }

    mutating func removeAll(where isUnwanted: (Entry) -> Bool) { entries.removeAll(where: isUnwanted) }
}
