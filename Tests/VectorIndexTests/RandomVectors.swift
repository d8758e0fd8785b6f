import CKernels
import TestSupport
import VectorIndex

extension SeededGenerator {
    mutating func unitVector(_ dimensions: Int) -> [Float] {
        // Loops, not reductions: the tests are also run unoptimised.
        var vector = [Float](repeating: 0, count: dimensions)
        var square: Float = 0
        for i in 0..<dimensions {
            let bits = next()
            let sum = Int(bits & 0xFFFF) + Int(bits >> 16 & 0xFFFF) + Int(bits >> 32 & 0xFFFF) + Int(bits >> 48)
            vector[i] = Float(sum - 2 * 0xFFFF)
            square += vector[i] * vector[i]
        }
        let norm = square.squareRoot()
        guard norm > 0 else { return unitVector(dimensions) }
        for i in vector.indices { vector[i] /= norm }
        return vector
    }
}

func dot(_ first: [Float], _ second: [Float]) -> Double {
    first.withUnsafeBufferPointer { first in
        second.withUnsafeBufferPointer { second in
            var sum = 0.0
            var i = 0
            while i < first.count {
                sum += Double(first[i]) * Double(second[i])
                i += 1
            }
            return sum
        }
    }
}

/// The answer of a plain scan of the floats.
func naiveSearch(
    _ clips: [ClipVector], _ query: [Float], limit: Int, where admits: (ClipVector) -> Bool = { _ in true }
)
    -> [(clip: Int64, score: Double)]
{
    let scored = clips.filter(admits).map { (clip: $0.clip, score: dot($0.embedding, query)) }
    return Array(scored.sorted { $0.score != $1.score ? $0.score > $1.score : $0.clip < $1.clip }.prefix(limit))
}

/// How far a score may be from the float one: half a fine step of 1/254 of 2/15 of the largest element, times the query's 1-norm,
/// would be the certain bound; this is several standard deviations of it for unit vectors.
let scoreTolerance = 2e-3

let everyLevel: [saccade_simd_level] = [
    SACCADE_SIMD_SCALAR, SACCADE_SIMD_AVX2, SACCADE_SIMD_AVX512, SACCADE_SIMD_AVX512VNNI,
]
.filter { $0.rawValue <= saccade_simd_supported().rawValue }
