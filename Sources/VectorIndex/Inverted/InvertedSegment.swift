import CKernels

/// An inverted file and which of its clips are still wanted.
struct InvertedSegment: Sendable {
    let file: InvertedFile
    /// A bit for each clip, a word for each block; nil when all are wanted.
    private(set) var live: [UInt16]?
    private(set) var count: Int

    init(_ file: InvertedFile) {
        self.file = file
        count = file.header.count
    }

    /// Without some clips. O(clips in the file).
    mutating func remove(clips: Set<Int64>) {
        guard let least = clips.min(), let greatest = clips.max(),
            file.header.clips.overlaps(least...greatest)
        else { return }
        remove(MediaSelection(clips)) { $0.clips }
    }

    /// Without all clips of some media items. O(clips in the file).
    mutating func remove(media: Set<Int64>) {
        guard !media.isEmpty else { return }
        remove(MediaSelection(media)) { $0.media }
    }

    private mutating func remove(_ unwanted: MediaSelection, in column: (InvertedFile.Record) -> UnsafePointer<Int64>) {
        for list in file.lists.indices {
            guard let record = file.record(of: list) else { continue }
            let identifiers = column(record)
            for slot in 0..<record.count where unwanted.contains(identifiers[slot]) && isLive(record, slot) {
                var words = live ?? Array(repeating: .max, count: file.header.blocks)
                live = nil
                words[record.firstBlock + slot / SegmentSize.block] &= ~(1 << UInt16(slot % SegmentSize.block))
                live = words
                count -= 1
            }
        }
    }

    func isLive(_ record: InvertedFile.Record, _ slot: Int) -> Bool {
        guard let live else { return true }
        return live[record.firstBlock + slot / SegmentSize.block] >> UInt16(slot % SegmentSize.block) & 1 == 1
    }

    /// As ``LiveSegment/admit(_:first:into:)``, of a list.
    ///
    /// - Returns: how many are admitted.
    func admit(
        _ media: MediaSelection?, of record: InvertedFile.Record, first: Int,
        into admitted: UnsafeMutableBufferPointer<UInt16>
    ) -> Int {
        var total = 0
        // Clips of one media item in a list lie together, so its answer is remembered.
        var asked = record.media[first * SegmentSize.block]
        var answer = media?.contains(asked) ?? true
        for block in 0..<admitted.count {
            let start = (first + block) * SegmentSize.block
            let lanes = min(SegmentSize.block, record.count - start)
            var mask: UInt16 = lanes == SegmentSize.block ? .max : 1 << UInt16(lanes) - 1
            if let live { mask &= live[record.firstBlock + first + block] }
            if let media, mask != 0 {
                var selected: UInt16 = 0
                for lane in 0..<lanes {
                    let identifier = record.media[start + lane]
                    if identifier != asked {
                        asked = identifier
                        answer = media.contains(identifier)
                    }
                    if answer { selected |= 1 << UInt16(lane) }
                }
                mask &= selected
            }
            admitted[block] = mask
            total += mask.nonzeroBitCount
        }
        return total
    }
}
