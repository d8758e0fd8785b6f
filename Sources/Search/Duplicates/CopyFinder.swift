import Basics
package import Catalog
import VectorIndex

/// Two media items of which one shows what the other shows.
package struct MediaCopy: Sendable, Equatable {
    package enum Kind: Sendable, Equatable {
        /// Both from beginning to end.
        case whole
        /// The shorter one is a part of the longer one, or both are parts of something else.
        case part
    }

    /// The longer one; of two of the same length that with the smaller id.
    package var first: MediaID
    package var second: MediaID
    package var kind: Kind
    /// Where `second` begins in `first`, in seconds; negative when it begins before it. About right, within half a clip, where no cut agrees.
    package var offset: Double
    /// Seconds that clips of both share.
    package var shared: Double
    /// Mean cosine of the clips that lie beside each other.
    package var similarity: Double
    /// Shots that agree.
    package var shots: Int
}

/// Finds copies, re-encodings, crops and parts of media items among their vectors.
///
/// Clips of the same footage have nearly the same vector, and lie in the same order with the same distances. One shot alone may look like
/// another one, such as of the same speaker; several in their order hardly do. So what similarity is enough depends on the shots that
/// agree, and those of at least half of the shorter media item must. `Benchmarks/duplicates.py` measures it.
///
/// What another speed, mirroring or a frame around the picture makes of a video isn't found, nor what less than half of both has in common, such as
/// a series' opening.
package struct CopyFinder {
    /// Least mean cosine where one shot agrees, two, and three or more. That both begin and end together says something too, so a copy of the
    /// whole needs less. Measured with `saccade-small`: copies of the whole have 0.81 to 1.00, shortened ones 0.97 to 1.00, and of 494,000 pairs
    /// of unrelated pictures 28 have 0.85, one has 0.93, none 0.95.
    package static let leastSimilarities: [MediaCopy.Kind: [Double]] = [
        .whole: [0.85, 0.83, 0.8], .part: [0.93, 0.9, 0.86],
    ]
    /// Of two pictures.
    package static let leastPictureSimilarity = 0.95
    /// Of the shorter media item, what has to lie beside clips of the longer one.
    private static let leastShare = 0.5
    /// Clips less alike than this suggest no pair.
    private static let leastHint: Float = 0.8
    /// Neighbours of a clip that are looked at, at first and at most.
    private static let neighbours = (first: 50, most: 1_600)

    private let timelines: [MediaTimeline]
    private let index: VectorIndex
    /// Where a clip stands: its timeline, and its place there.
    private let places: [ClipID: (timeline: Int, entry: Int)]

    /// Blocks the calling thread.
    ///
    /// - Parameter dimensions: of all vectors. A clip whose vector is damaged is left out.
    /// - Throws: `VectorIndexError`.
    package init(_ timelines: [MediaTimeline], dimensions: Int) throws {
        let index = try VectorIndex(dimensions: dimensions)
        var kept: [MediaTimeline] = []
        var places: [ClipID: (timeline: Int, entry: Int)] = [:]
        var batch: [ClipVector] = []
        for timeline in timelines {
            let entries = timeline.entries.filter { index.admits($0.vector) }.map { entry in
                var entry = entry
                entry.vector = entry.vector.normalised
                return entry
            }
            guard !entries.isEmpty else { continue }
            for (place, entry) in entries.enumerated() {
                places[entry.clip] = (kept.count, place)
                batch.append(ClipVector(clip: entry.clip, media: timeline.media, embedding: entry.vector))
                // In full segments, so that loading copies none of them.
                if batch.count == VectorIndex.fullBatch {
                    try index.insert(batch)
                    batch = []
                }
            }
            kept.append(MediaTimeline(media: timeline.media, entries: entries))
        }
        try index.insert(batch)
        self.timelines = kept
        self.index = index
        self.places = places
    }

    /// All pairs, the most alike first. One scan of the index for each clip: O(clips² × dimensions). Blocks the calling thread.
    ///
    /// - Parameters:
    ///   - leastSimilarity: takes the place of ``leastSimilarities`` and ``leastPictureSimilarity``; for models with other cosines.
    ///   - progress: is given the share of the work that is done, 0 to 1. It ends the work by throwing.
    /// - Throws: what `progress` throws; `VectorIndexError`.
    package func copies(
        leastSimilarity: Double? = nil, progress: (Double) throws -> Void = { _ in }
    ) throws -> [MediaCopy] {
        var copies: [MediaCopy] = []
        for (pair, hints) in try hints(least: leastSimilarity, progress: progress) {
            let inOrder = hints.sorted { $0.score > $1.score }.lazy.map { ($0.shorter, $0.longer) }
            let (shorter, longer) = (timelines[pair.shorter], timelines[pair.longer])
            guard let alignment = Alignment(of: shorter, in: longer, pairs: inOrder),
                alignment.shared >= Self.leastShare * shorter.length
            else { continue }
            let copy = MediaCopy(alignment, of: shorter, in: longer)
            let least = shorter.isPicture ? Self.leastPictureSimilarity : Self.least(for: copy)
            if copy.similarity >= leastSimilarity ?? least { copies.append(copy) }
        }
        return copies.sorted {
            $0.similarity != $1.similarity
                ? $0.similarity > $1.similarity : ($0.first, $0.second) < ($1.first, $1.second)
        }
    }

    private static func least(for copy: MediaCopy) -> Double {
        let table = leastSimilarities[copy.kind, default: [1]]
        return table[min(copy.shots, table.count) - 1]
    }

    private struct Pair: Hashable {
        /// Timelines.
        var shorter: Int
        var longer: Int
    }

    private struct Hint {
        /// Places in both timelines.
        var shorter: Int
        var longer: Int
        var score: Float
    }

    /// Pairs of media items with clips that are alike, and these clips.
    private func hints(least: Double?, progress: (Double) throws -> Void) throws -> [Pair: [Hint]] {
        let snapshot = index.snapshot()
        let least = least.map { min(Float($0), Self.leastHint) } ?? Self.leastHint
        var hints: [Pair: [Hint]] = [:]
        for (number, timeline) in timelines.enumerated() {
            try progress(Double(number) / Double(timelines.count))
            for (place, entry) in timeline.entries.enumerated() {
                for match in try neighbours(of: entry.vector, in: snapshot, least: least) {
                    // Each pair of clips is met from both; once is enough.
                    guard let other = places[match.clip], other.timeline > number,
                        timeline.isPicture == timelines[other.timeline].isPicture
                    else { continue }
                    let isShorter = timeline.length < timelines[other.timeline].length
                    let pair =
                        isShorter
                        ? Pair(shorter: number, longer: other.timeline) : Pair(shorter: other.timeline, longer: number)
                    let (shorter, longer) = isShorter ? (place, other.entry) : (other.entry, place)
                    hints[pair, default: []].append(Hint(shorter: shorter, longer: longer, score: match.score))
                }
            }
        }
        return hints
    }

    /// The clips that are at least so much alike; looks deeper while all that were found are, since the nearest are often of the same media item.
    private func neighbours(
        of vector: [Float], in snapshot: VectorIndexSnapshot, least: Float
    ) throws -> some Sequence<VectorMatch> {
        var depth = Self.neighbours.first
        while true {
            let matches = try snapshot.search(vector, limit: depth)
            guard matches.count == depth, depth < Self.neighbours.most, matches.last?.score ?? 0 >= least else {
                return matches.prefix { $0.score >= least }
            }
            depth *= 4
        }
    }
}

extension MediaCopy {
    fileprivate init(_ alignment: Alignment, of shorter: MediaTimeline, in longer: MediaTimeline) {
        let atBeginning = alignment.offset.magnitude <= 0.25
        let difference = (longer.length - shorter.length).magnitude
        self.init(
            first: longer.media, second: shorter.media,
            kind: atBeginning && difference <= max(0.25, longer.length / 100) ? .whole : .part,
            offset: alignment.offset, shared: alignment.shared, similarity: min(1, alignment.similarity),
            shots: alignment.shots)
    }
}

extension MediaTimeline {
    fileprivate var isPicture: Bool { entries.count == 1 && entries[0].end == entries[0].start }
    fileprivate var length: Double { entries.last?.lastMoment ?? 0 }
}
