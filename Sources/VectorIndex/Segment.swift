import CKernels

/// A row to store: a new vector, or one that another segment holds.
enum SegmentRow {
    case new(ClipVector, rotated: [Float])
    case stored(Segment, slot: Int)
}

/// Up to `capacity` stored vectors with their clips and media. Immutable once made.
///
/// Unchecked because it owns C arrays: nothing writes to them after `init`, and they are freed in `deinit`.
final class Segment: @unchecked Sendable {
    /// Clips in a full segment: at 256 dimensions 1 MB of coarse codes, a few milliseconds' work for a thread.
    static let capacity = 8_192
    static let blockSize = Int(SACCADE_SCAN_BLOCK)

    let codes: saccade_scan_codes
    let clips: UnsafePointer<Int64>
    let media: UnsafePointer<Int64>
    let clipRange: ClosedRange<Int64>
    let mediaRange: ClosedRange<Int64>
    let byteCount: Int
    private let memory: UnsafeMutableRawPointer

    var count: Int { codes.count }
    var blocks: Int { (count + Self.blockSize - 1) / Self.blockSize }

    /// - Parameter rows: 1 to `capacity` rows, all of `settings`' dimensions.
    init(_ rows: some Collection<SegmentRow>, settings: ScanSettings) {
        let slots = (rows.count + Self.blockSize - 1) / Self.blockSize * Self.blockSize
        let width = settings.paddedDimensions
        // In an order that keeps every part aligned: the coarse codes are a multiple of 64 bytes.
        let coarseBytes = slots * width / 2
        let fineBytes = slots * width
        let identifierBytes = slots * MemoryLayout<Int64>.stride
        let factorBytes = slots * MemoryLayout<Float>.stride
        byteCount = coarseBytes + fineBytes + 2 * identifierBytes + 2 * factorBytes
        memory = .allocate(byteCount: byteCount, alignment: 64)
        memory.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)

        let fine = memory + coarseBytes
        let clips = (fine + fineBytes).bindMemory(to: Int64.self, capacity: slots)
        let media = clips + slots
        let step = UnsafeMutableRawPointer(media + slots).bindMemory(to: Float.self, capacity: slots)
        var codes = saccade_scan_codes(
            coarse: memory.assumingMemoryBound(to: UInt8.self),
            fine: fine.bindMemory(to: Int8.self, capacity: fineBytes),
            step: step, residual: step + slots, count: rows.count, groups: settings.groups)
        for (slot, row) in rows.enumerated() {
            switch row {
            case .new(let clip, let rotated):
                saccade_scan_encode(&codes, slot, rotated, settings.dimensions)
                clips[slot] = clip.clip
                media[slot] = clip.media
            case .stored(let segment, let source):
                withUnsafePointer(to: segment.codes) { saccade_scan_copy($0, source, &codes, slot) }
                clips[slot] = segment.clips[source]
                media[slot] = segment.media[source]
            }
        }
        self.codes = codes
        self.clips = UnsafePointer(clips)
        self.media = UnsafePointer(media)
        clipRange = Self.range(of: clips, count: rows.count)
        mediaRange = Self.range(of: media, count: rows.count)
    }

    deinit {
        memory.deallocate()
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
