import CKernels

/// The index at one moment. A value: searches of it always give the same answer.
package struct VectorIndexSnapshot: Sendable {
    /// A segment and which of its clips are still wanted.
    struct Shelf: Sendable {
        let segment: Segment
        /// A bit for each clip, a word for each block of 16; nil when all are wanted.
        var live: [UInt16]?
        var count: Int

        init(_ segment: Segment) {
            self.segment = segment
            count = segment.count
        }

        func isLive(_ slot: Int) -> Bool {
            guard let live else { return true }
            return live[slot / Segment.blockSize] >> UInt16(slot % Segment.blockSize) & 1 == 1
        }
    }

    let shelves: [Shelf]
    let settings: ScanSettings

    /// The number of clips.
    package let count: Int

    package var dimensions: Int { settings.dimensions }

    package var byteCount: Int { shelves.reduce(0) { $0 + $1.segment.byteCount } }

    init(shelves: [Shelf], settings: ScanSettings) {
        self.shelves = shelves
        self.settings = settings
        count = shelves.reduce(0) { $0 + $1.count }
    }

    func removing(clips: Set<Int64>) -> VectorIndexSnapshot {
        removing(clips, from: \.clips, ranges: \.clipRange)
    }

    func removing(media: Set<Int64>) -> VectorIndexSnapshot {
        removing(media, from: \.media, ranges: \.mediaRange)
    }

    private func removing(
        _ unwanted: Set<Int64>, from identifiers: KeyPath<Segment, UnsafePointer<Int64>>,
        ranges: KeyPath<Segment, ClosedRange<Int64>>
    ) -> VectorIndexSnapshot {
        guard let least = unwanted.min(), let greatest = unwanted.max() else { return self }
        let remaining = shelves.compactMap { shelf -> Shelf? in
            guard shelf.segment[keyPath: ranges].overlaps(least...greatest) else { return shelf }
            var shelf = shelf
            let column = shelf.segment[keyPath: identifiers]
            for slot in 0..<shelf.segment.count {
                let identifier = column[slot]
                guard identifier >= least, identifier <= greatest, unwanted.contains(identifier), shelf.isLive(slot)
                else { continue }
                var live = shelf.live ?? Array(repeating: .max, count: shelf.segment.blocks)
                shelf.live = nil
                live[slot / Segment.blockSize] &= ~(1 << UInt16(slot % Segment.blockSize))
                shelf.live = live
                shelf.count -= 1
            }
            return shelf.count > 0 ? shelf : nil
        }
        return VectorIndexSnapshot(shelves: remaining, settings: settings)
    }

    /// Puts rows behind the last segment's, which is copied when it has room.
    func appending(_ rows: [SegmentRow]) -> VectorIndexSnapshot {
        var kept = shelves
        var pending: [SegmentRow] = []
        if let last = kept.last, last.count < Segment.capacity {
            kept.removeLast()
            pending = Self.rows(of: last)
        }
        pending += rows
        for start in stride(from: 0, to: pending.count, by: Segment.capacity) {
            let end = min(start + Segment.capacity, pending.count)
            kept.append(Shelf(Segment(pending[start..<end], settings: settings)))
        }
        return VectorIndexSnapshot(shelves: kept, settings: settings)
    }

    /// Rewrites segments of which less than half is wanted, so that memory follows the number of clips.
    func compacted() -> VectorIndexSnapshot {
        let sparse = shelves.filter { $0.count * 2 < $0.segment.count }
        guard !sparse.isEmpty else { return self }
        let dense = shelves.filter { $0.count * 2 >= $0.segment.count }
        return VectorIndexSnapshot(shelves: dense, settings: settings).appending(sparse.flatMap(Self.rows))
    }

    private static func rows(of shelf: Shelf) -> [SegmentRow] {
        (0..<shelf.segment.count).lazy.filter(shelf.isLive).map { .stored(shelf.segment, slot: $0) }
    }
}
