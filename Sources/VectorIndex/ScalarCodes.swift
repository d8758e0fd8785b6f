import CKernels

/// Two planes of rotated scalar codes, 4 and 8 bits an element: the coarse ones say which vectors may belong to the answer, the fine ones
/// score those. See `saccade_scan.h`.
///
/// Unchecked because it owns a C array: nothing writes to it after `init`, and it is freed in `deinit`.
final class ScalarCodes: VectorCodes, @unchecked Sendable {
    /// Standard deviations of the coarse score's error that the scan allows for. A clip that belongs to the answer is passed over with a
    /// probability of about 3e-7.
    static let confidence: Float = 5

    let codes: saccade_scan_codes
    private let memory: UnsafeMutableRawPointer
    private let level: saccade_simd_level
    let byteCount: Int

    var count: Int { codes.count }

    init(_ rows: some Collection<CodeRow<ScalarCodes>>, settings: ScanSettings) {
        let slots = (rows.count + SegmentSize.block - 1) / SegmentSize.block * SegmentSize.block
        let width = Self.paddedDimensions(settings)
        // In an order that keeps every part aligned: the coarse codes are a multiple of 64 bytes.
        let coarseBytes = slots * width / 2
        let fineBytes = slots * width
        byteCount = coarseBytes + fineBytes + 2 * slots * MemoryLayout<Float>.stride
        memory = .allocate(byteCount: byteCount, alignment: 64)
        memory.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
        let fine = memory + coarseBytes
        let step = (fine + fineBytes).bindMemory(to: Float.self, capacity: 2 * slots)
        var codes = saccade_scan_codes(
            coarse: memory.assumingMemoryBound(to: UInt8.self),
            fine: fine.bindMemory(to: Int8.self, capacity: fineBytes),
            step: step, residual: step + slots, count: rows.count, groups: width / 8)
        for (slot, row) in rows.enumerated() {
            switch row {
            case .new(let rotated): saccade_scan_encode(&codes, slot, rotated, settings.dimensions)
            case .stored(let other, let source):
                withUnsafePointer(to: other.codes) { saccade_scan_copy($0, source, &codes, slot) }
            }
        }
        self.codes = codes
        level = settings.level
    }

    deinit {
        memory.deallocate()
    }

    func score(
        _ blocks: Range<Int>, against query: Query, admitted: UnsafePointer<UInt16>?, threshold: Float,
        slots: UnsafeMutablePointer<UInt32>, scores: UnsafeMutablePointer<Float>
    ) -> Int {
        withUnsafePointer(to: codes) { codes in
            withUnsafePointer(to: query.codes) { query in
                let found = saccade_scan_candidates(
                    level, codes, query, blocks.lowerBound, blocks.count, admitted, threshold, slots)
                if found > 0 { saccade_scan_scores(level, codes, query, slots, found, scores) }
                return found
            }
        }
    }

    /// `vector` rotated and padded with zeros: `[paddedDimensions]`.
    static func prepared(_ vector: [Float], settings: ScanSettings) -> [Float] {
        let padded = paddedDimensions(settings)
        var rotated = vector
        rotated.reserveCapacity(padded)
        rotated.withUnsafeMutableBufferPointer { saccade_scan_rotate($0.baseAddress, $0.count) }
        rotated.append(contentsOf: repeatElement(0, count: padded - vector.count))
        return rotated
    }

    static func query(_ vector: [Float], settings: ScanSettings) -> Query {
        Query(prepared(vector, settings: settings), dimensions: settings.dimensions, confidence: confidence)
    }

    /// A multiple of the eight elements that are stored together.
    private static func paddedDimensions(_ settings: ScanSettings) -> Int { (settings.dimensions + 7) / 8 * 8 }

    /// A query as the kernels want it.
    ///
    /// Unchecked because it owns C arrays: nothing writes to them after `init`, and they are freed in `deinit`.
    final class Query: @unchecked Sendable {
        let codes: saccade_scan_query

        /// - Parameters:
        ///   - rotated: as ``ScalarCodes/prepared(_:settings:)`` makes it.
        ///   - confidence: standard deviations of the coarse score's error that are allowed for.
        init(_ rotated: [Float], dimensions: Int, confidence: Float) {
            var codes = saccade_scan_query(
                rounded: .allocate(capacity: rotated.count), exact: .allocate(capacity: rotated.count),
                groups: rotated.count / 8, scale: 0, bias: 0, residual_weight: 0)
            saccade_scan_prepare(&codes, rotated, dimensions, confidence)
            self.codes = codes
        }

        deinit {
            codes.rounded.deallocate()
            codes.exact.deallocate()
        }
    }
}
