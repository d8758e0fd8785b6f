import CKernels

/// How many vectors are kept together.
enum SegmentSize {
    /// Clips in a full segment: at 256 dimensions 1 MB of coarse codes, a few milliseconds' work for a thread.
    static let capacity = 8_192
    /// Vectors that are compared together, and share a word of liveness.
    static let block = Int(SACCADE_SCAN_BLOCK)
}

/// A row to store: a new vector, or one that another segment holds.
enum SegmentRow<Codes: VectorCodes> {
    case new(clip: Int64, media: Int64, Codes.Prepared)
    case stored(Segment<Codes>, slot: Int)

    fileprivate var identifiers: (clip: Int64, media: Int64) {
        switch self {
        case .new(let clip, let media, _): (clip, media)
        case .stored(let segment, let slot): (segment.clips[slot], segment.media[slot])
        }
    }

    fileprivate var code: CodeRow<Codes> {
        switch self {
        case .new(_, _, let prepared): .new(prepared)
        case .stored(let segment, let slot): .stored(segment.codes, slot: slot)
        }
    }
}

/// Up to ``SegmentSize/capacity`` clips: which they are, of which media items, and their codes. Immutable once made.
///
/// Unchecked because it owns C arrays: nothing writes to them after `init`, and they are freed in `deinit`.
final class Segment<Codes: VectorCodes>: @unchecked Sendable {
    let codes: Codes
    let clips: UnsafePointer<Int64>
    let media: UnsafePointer<Int64>
    let clipRange: ClosedRange<Int64>
    let mediaRange: ClosedRange<Int64>
    let count: Int
    private let identifiers: UnsafeMutablePointer<Int64>

    var blocks: Int { (count + SegmentSize.block - 1) / SegmentSize.block }
    var byteCount: Int { codes.byteCount + 2 * count * MemoryLayout<Int64>.stride }

    /// - Parameter rows: 1 to ``SegmentSize/capacity`` rows.
    init(_ rows: some Collection<SegmentRow<Codes>>, settings: ScanSettings) {
        let count = rows.count
        let identifiers = UnsafeMutablePointer<Int64>.allocate(capacity: 2 * count)
        for (slot, row) in rows.enumerated() {
            let (clip, media) = row.identifiers
            (identifiers + slot).initialize(to: clip)
            (identifiers + count + slot).initialize(to: media)
        }
        codes = Codes(rows.map(\.code), settings: settings)
        clips = UnsafePointer(identifiers)
        media = UnsafePointer(identifiers + count)
        clipRange = Self.range(of: identifiers, count: count)
        mediaRange = Self.range(of: identifiers + count, count: count)
        self.identifiers = identifiers
        self.count = count
    }

    deinit {
        identifiers.deallocate()
    }

    private static func range(of identifiers: UnsafePointer<Int64>, count: Int) -> ClosedRange<Int64> {
        var least = identifiers[0]
        var greatest = identifiers[0]
        for i in 1..<max(1, count) {
            least = min(least, identifiers[i])
            greatest = max(greatest, identifiers[i])
        }
        return least...greatest
    }
}

/// A segment and which of its clips are still wanted.
struct LiveSegment<Codes: VectorCodes>: Sendable {
    let segment: Segment<Codes>
    /// A bit for each clip, a word for each block; nil when all are wanted.
    private(set) var live: [UInt16]?
    private(set) var count: Int

    init(_ segment: Segment<Codes>) {
        self.segment = segment
        count = segment.count
    }

    /// Without the clips that have one of `unwanted`, which lie in `range`, in `column`.
    mutating func remove(_ unwanted: Set<Int64>, in column: UnsafePointer<Int64>, range: ClosedRange<Int64>) {
        for slot in 0..<segment.count {
            guard range.contains(column[slot]), unwanted.contains(column[slot]), isLive(slot) else { continue }
            var words = live ?? Array(repeating: .max, count: segment.blocks)
            live = nil
            words[slot / SegmentSize.block] &= ~(1 << UInt16(slot % SegmentSize.block))
            live = words
            count -= 1
        }
    }

    /// The rows that are wanted.
    var rows: [SegmentRow<Codes>] {
        (0..<segment.count).lazy.filter(isLive).map { .stored(segment, slot: $0) }
    }

    func isLive(_ slot: Int) -> Bool {
        guard let live else { return true }
        return live[slot / SegmentSize.block] >> UInt16(slot % SegmentSize.block) & 1 == 1
    }

    /// Sets the bit of every clip of the blocks from `first` on that is wanted here and selected by `media`.
    ///
    /// - Parameter admitted: a word for each block.
    func admit(_ media: MediaSelection?, first: Int, into admitted: UnsafeMutableBufferPointer<UInt16>) {
        for block in 0..<admitted.count {
            admitted[block] = live?[first + block] ?? .max
        }
        guard let media else { return }
        let (column, count) = (segment.media, segment.count)
        // Clips of one media item lie together, so its answer is remembered.
        var asked = column[first * SegmentSize.block]
        var answer = media.contains(asked)
        for block in 0..<admitted.count where admitted[block] != 0 {
            let start = (first + block) * SegmentSize.block
            var mask: UInt16 = 0
            for lane in 0..<min(SegmentSize.block, count - start) {
                let identifier = column[start + lane]
                if identifier != asked {
                    asked = identifier
                    answer = media.contains(identifier)
                }
                if answer { mask |= 1 << UInt16(lane) }
            }
            admitted[block] &= mask
        }
    }
}
