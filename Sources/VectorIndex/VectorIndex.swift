package import CKernels
import Synchronization
package import SystemPackage
import Threads

/// A clip to put into the index.
package struct ClipVector: Sendable {
    package var clip: Int64
    package var media: Int64
    /// `[dimensions]`, of unit length where scores are to be cosines.
    package var embedding: [Float]

    package init(clip: Int64, media: Int64, embedding: [Float]) {
        self.clip = clip
        self.media = media
        self.embedding = embedding
    }
}

/// A clip that a search found.
package struct VectorMatch: Sendable, Equatable {
    package var clip: Int64
    package var media: Int64
    /// The dot product of the query and the clip's embedding, within about 1e-4 of their norms' product.
    package var score: Float

    package init(clip: Int64, media: Int64, score: Float) {
        self.clip = clip
        self.media = media
        self.score = score
    }

    /// Higher scores come first; equal scores by ascending clip, so that pages don't overlap.
    package static func ranksBefore(_ first: VectorMatch, _ second: VectorMatch) -> Bool {
        first.score != second.score ? first.score > second.score : first.clip < second.clip
    }
}

/// Embeddings in memory, searched by an exhaustive scan, and those of an inverted file, of which a search reads the nearest lists.
///
/// A clip in memory takes 1.5 bytes a dimension and 24 bytes: see ``ScalarCodes``. Queries read an immutable snapshot, so they neither wait for
/// insertions nor see half of one; insertions wait for each other.
package final class VectorIndex: Sendable {
    /// Clips that fill the index's parts: inserting as many at a time copies none that are there already.
    package static let fullBatch = SegmentSize.capacity

    package let dimensions: Int
    private let settings: ScanSettings
    private let current: Mutex<VectorIndexSnapshot>
    /// Held while a writer prepares the next snapshot; `current` is held only while it is exchanged.
    private let writing = Mutex(())

    /// - Parameters:
    ///   - dimensions: length of every embedding, 1 to 4,096.
    ///   - workers: threads that one search may use; the processor's count when nil.
    ///   - file: what it begins with; empty when nil.
    ///   - recall: the part of a search's answer that is to be found in the file, 0 to 1; with 1 all of it is scanned.
    ///   - level: the instructions to use, for tests.
    /// - Throws: ``VectorIndexError`` `wrongDimensions` when the file is of other vectors.
    package init(
        dimensions: Int, workers: Int? = nil, file: InvertedFile? = nil, recall: Double = 1,
        level: saccade_simd_level = saccade_simd_detected()
    ) throws(VectorIndexError) {
        guard (1...4_096).contains(dimensions) else { throw .unusableDimensions(dimensions) }
        self.dimensions = dimensions
        if let file, file.header.dimensions != dimensions {
            throw .wrongDimensions(expected: dimensions, found: file.header.dimensions)
        }
        settings = ScanSettings(
            dimensions: dimensions, workers: workers ?? ThreadCount.configured, recall: recall, level: level)
        current = Mutex(
            VectorIndexSnapshot(segments: [], inverted: file.map(InvertedSegment.init), settings: settings))
    }

    /// The number of clips.
    package var count: Int { snapshot().count }

    /// What the stored vectors take, in bytes.
    package var byteCount: Int { snapshot().byteCount }

    /// The state of this moment; it stays as it is while the index changes. O(1).
    package func snapshot() -> VectorIndexSnapshot {
        current.withLock { $0 }
    }

    /// Whether a vector can be put in or searched with: of the index's dimensions, finite, and no longer than any embedding is.
    package func admits(_ vector: [Float]) -> Bool {
        (try? settings.check(vector)) != nil
    }

    /// Puts clips into the index; a clip that is there already is replaced. All becomes visible at once, or nothing when one is refused.
    ///
    /// One call copies up to ``fullBatch`` stored clips, so bulk loading wants batches of that many.
    ///
    /// - Parameter media: media items of which every clip is taken out before.
    package func insert(_ clips: [ClipVector], replacing media: Set<Int64> = []) throws(VectorIndexError) {
        guard !clips.isEmpty || !media.isEmpty else { return }
        for clip in clips {
            try settings.check(clip.embedding)
        }
        let latest = Self.withoutRepetitions(clips)
        let rows = latest.map { clip in
            SegmentRow<VectorIndexSnapshot.Codes>.new(
                clip: clip.clip, media: clip.media,
                VectorIndexSnapshot.Codes.prepared(clip.embedding, settings: settings))
        }
        change { snapshot in
            snapshot.removing(media: media).removing(clips: Set(latest.lazy.map(\.clip))).compacted().appending(rows)
        }
    }

    /// The best clips by dot product with `query`: see ``VectorIndexSnapshot/search(_:limit:within:)``.
    package func search(
        _ query: [Float], limit: Int, within media: MediaSelection? = nil
    ) throws(VectorIndexError) -> [VectorMatch] {
        try snapshot().search(query, limit: limit, within: media)
    }

    private func change(_ next: (VectorIndexSnapshot) -> VectorIndexSnapshot) {
        writing.withLock { _ in
            let after = next(snapshot())
            current.withLock { $0 = after }
        }
    }

    /// The last of each clip.
    private static func withoutRepetitions(_ clips: [ClipVector]) -> [ClipVector] {
        var places: [Int64: Int] = [:]
        for (place, clip) in clips.enumerated() {
            places[clip.clip] = place
        }
        guard places.count < clips.count else { return clips }
        return places.values.sorted().map { clips[$0] }
    }
}

/// The index at one moment. A value: searches of it always give the same answer.
package struct VectorIndexSnapshot: Sendable {
    /// The coding of the vectors: the one place that chooses it.
    typealias Codes = ScalarCodes

    let segments: [LiveSegment<Codes>]
    let inverted: InvertedSegment?
    let settings: ScanSettings

    /// The number of clips.
    package let count: Int
    /// Clips that are in memory; the others are in the file.
    package let tailCount: Int

    /// What the vectors in memory take.
    package var byteCount: Int { segments.reduce(0) { $0 + $1.segment.byteCount } }
    package var file: InvertedFile? { inverted?.file }
    /// About what a file with all of it takes on disk.
    package var expectedFileBytes: Int { count / 8 * 9 * (settings.dimensions * 3 / 2 + 32) + (64 << 20) }
    /// Clips in the file that are not wanted any more.
    package var unwantedInFile: Int { inverted.map { $0.file.header.count - $0.count } ?? 0 }

    init(segments: [LiveSegment<Codes>], inverted: InvertedSegment?, settings: ScanSettings) {
        self.segments = segments
        self.inverted = inverted
        self.settings = settings
        tailCount = segments.reduce(0) { $0 + $1.count }
        count = tailCount + (inverted?.count ?? 0)
    }

    private func with(_ segments: [LiveSegment<Codes>]) -> VectorIndexSnapshot {
        VectorIndexSnapshot(segments: segments, inverted: inverted, settings: settings)
    }

    /// Writes all that is here into an inverted file, which an index can begin with.
    ///
    /// O(clips × dimensions), and, when lists are made anew, O(clips × dimensions × lists) in 8-bit products. Blocks the calling thread.
    ///
    /// - Throws: ``InvertedFileError``; there is no new file then, and the one that had the name is still there.
    package func write(
        to path: FilePath, origin: InvertedFile.Origin, isStopped: @escaping () -> Bool = { false }
    ) throws(InvertedFileError) {
        try InvertedFileBuilder(self, isStopped: isStopped).write(to: path, origin: origin)
    }

    func removing(clips: Set<Int64>) -> VectorIndexSnapshot {
        var inverted = inverted
        inverted?.remove(clips: clips)
        return removing(clips, from: \.clips, ranges: \.clipRange, inverted)
    }

    func removing(media: Set<Int64>) -> VectorIndexSnapshot {
        var inverted = inverted
        inverted?.remove(media: media)
        return removing(media, from: \.media, ranges: \.mediaRange, inverted)
    }

    private func removing(
        _ unwanted: Set<Int64>, from identifiers: KeyPath<Segment<Codes>, UnsafePointer<Int64>>,
        ranges: KeyPath<Segment<Codes>, ClosedRange<Int64>>, _ inverted: InvertedSegment?
    ) -> VectorIndexSnapshot {
        guard let least = unwanted.min(), let greatest = unwanted.max() else { return self }
        let range = least...greatest
        let remaining = segments.compactMap { segment -> LiveSegment<Codes>? in
            guard segment.segment[keyPath: ranges].overlaps(range) else { return segment }
            var segment = segment
            segment.remove(unwanted, in: segment.segment[keyPath: identifiers], range: range)
            return segment.count > 0 ? segment : nil
        }
        return VectorIndexSnapshot(segments: remaining, inverted: inverted, settings: settings)
    }

    /// Puts rows behind the last segment's, which is copied when it has room.
    func appending(_ rows: [SegmentRow<Codes>]) -> VectorIndexSnapshot {
        guard !rows.isEmpty else { return self }
        var kept = segments
        var pending: [SegmentRow<Codes>] = []
        if let last = kept.last, last.count < SegmentSize.capacity {
            kept.removeLast()
            pending = last.rows
        }
        pending += rows
        for start in stride(from: 0, to: pending.count, by: SegmentSize.capacity) {
            let end = min(start + SegmentSize.capacity, pending.count)
            kept.append(LiveSegment(Segment(pending[start..<end], settings: settings)))
        }
        return with(kept)
    }

    /// Rewrites segments of which less than half is wanted, so that memory follows the number of clips.
    func compacted() -> VectorIndexSnapshot {
        let sparse = segments.filter { $0.count * 2 < $0.segment.count }
        guard !sparse.isEmpty else { return self }
        let dense = segments.filter { $0.count * 2 >= $0.segment.count }
        return with(dense).appending(sparse.flatMap(\.rows))
    }
}
