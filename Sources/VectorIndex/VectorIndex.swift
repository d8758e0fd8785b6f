package import CKernels
import Synchronization
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

/// Embeddings in memory, searched by an exhaustive scan.
///
/// A clip takes 1.5 bytes a dimension and 24 bytes: see ``ScalarCodes``. Queries read an immutable snapshot, so they neither wait for
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
    ///   - level: the instructions to use, for tests.
    package init(
        dimensions: Int, workers: Int? = nil, level: saccade_simd_level = saccade_simd_detected()
    ) throws(VectorIndexError) {
        guard (1...4_096).contains(dimensions) else { throw .unusableDimensions(dimensions) }
        self.dimensions = dimensions
        settings = ScanSettings(dimensions: dimensions, workers: workers ?? ThreadCount.configured, level: level)
        current = Mutex(VectorIndexSnapshot(segments: [], settings: settings))
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
