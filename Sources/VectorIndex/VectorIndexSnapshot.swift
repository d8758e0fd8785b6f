/// The index at one moment. A value: searches of it always give the same answer.
package struct VectorIndexSnapshot: Sendable {
    /// The coding of the vectors: the one place that chooses it.
    typealias Codes = ScalarCodes

    let segments: [LiveSegment<Codes>]
    let settings: ScanSettings

    /// The number of clips.
    package let count: Int

    package var byteCount: Int { segments.reduce(0) { $0 + $1.segment.byteCount } }

    init(segments: [LiveSegment<Codes>], settings: ScanSettings) {
        self.segments = segments
        self.settings = settings
        count = segments.reduce(0) { $0 + $1.count }
    }

    func removing(clips: Set<Int64>) -> VectorIndexSnapshot {
        removing(clips, from: \.clips, ranges: \.clipRange)
    }

    func removing(media: Set<Int64>) -> VectorIndexSnapshot {
        removing(media, from: \.media, ranges: \.mediaRange)
    }

    private func removing(
        _ unwanted: Set<Int64>, from identifiers: KeyPath<Segment<Codes>, UnsafePointer<Int64>>,
        ranges: KeyPath<Segment<Codes>, ClosedRange<Int64>>
    ) -> VectorIndexSnapshot {
        guard let least = unwanted.min(), let greatest = unwanted.max() else { return self }
        let range = least...greatest
        let remaining = segments.compactMap { segment -> LiveSegment<Codes>? in
            guard segment.segment[keyPath: ranges].overlaps(range) else { return segment }
            var segment = segment
            segment.remove(unwanted, in: segment.segment[keyPath: identifiers], range: range)
            return segment.count > 0 ? segment : nil
        }
        return VectorIndexSnapshot(segments: remaining, settings: settings)
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
        return VectorIndexSnapshot(segments: kept, settings: settings)
    }

    /// Rewrites segments of which less than half is wanted, so that memory follows the number of clips.
    func compacted() -> VectorIndexSnapshot {
        let sparse = segments.filter { $0.count * 2 < $0.segment.count }
        guard !sparse.isEmpty else { return self }
        let dense = segments.filter { $0.count * 2 >= $0.segment.count }
        return VectorIndexSnapshot(segments: dense, settings: settings).appending(sparse.flatMap(\.rows))
    }
}
