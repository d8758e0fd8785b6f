import CKernels

/// What every part of one index agrees on.
struct ScanSettings: Sendable {
    let dimensions: Int
    let workers: Int
    /// The part of an answer that is to be found in an inverted file.
    let recall: Double
    let level: saccade_simd_level

    /// Far above any embedding, and far enough below Float's limits that no sum overflows.
    private static let greatestNorm: Float = 1e9

    func check(_ vector: [Float]) throws(VectorIndexError) {
        guard vector.count == dimensions else { throw .wrongDimensions(expected: dimensions, found: vector.count) }
        var square: Double = 0
        for (position, element) in vector.enumerated() {
            guard element.isFinite else { throw .notFinite(position: position) }
            square += Double(element) * Double(element)
        }
        guard square <= Double(Self.greatestNorm) * Double(Self.greatestNorm) else {
            throw .tooLong(norm: Float(square.squareRoot()))
        }
    }
}
