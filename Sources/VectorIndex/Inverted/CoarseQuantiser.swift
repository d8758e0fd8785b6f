import CKernels
import Synchronization
import Threads

/// Which list of an inverted file a vector belongs to: that of the nearest centroid, in 8-bit products.
///
/// Vectors are rotated as ``ScalarCodes`` rotates them and padded to `width` elements.
///
/// Unchecked because it owns a C structure: nothing writes to it after `init`, and it is freed in `deinit`.
final class CoarseQuantiser: @unchecked Sendable {
    /// Lists a file may have.
    static let mostLists = 16_384
    /// Vectors that are assigned together.
    private static let rowsAtOnce = 64

    let width: Int
    let lists: Int
    /// `[lists, width]`
    let centroids: [Float]
    /// `[width, width]`: how vectors differ from their centroids, over all lists.
    let covariance: [Float]
    /// The mean square distance of a vector to its centroid, over all lists.
    let spread: Float
    private let products: UnsafeMutablePointer<saccade_quantised>
    private let halfSquares: [Float]
    private let kernel = saccade_quantised_detected()
    private let level: saccade_simd_level

    /// - Parameters:
    ///   - centroids: `[lists, width]`, finite.
    ///   - covariance: `[width, width]`.
    init(centroids: [Float], covariance: [Float], width: Int, level: saccade_simd_level) {
        let lists = centroids.count / width
        self.width = width
        self.lists = lists
        self.centroids = centroids
        self.covariance = covariance
        self.level = level
        spread = (0..<width).reduce(0) { $0 + covariance[$1 * width + $1] }
        var integers = [Int8](repeating: 0, count: centroids.count)
        var scales = [Float](repeating: 0, count: lists)
        var halfSquares = [Float](repeating: 0, count: lists)
        for list in 0..<lists {
            let row = list * width..<(list + 1) * width
            var largest: Float = 0
            for place in row {
                largest = max(largest, abs(centroids[place]))
                halfSquares[list] += centroids[place] * centroids[place] / 2
            }
            guard largest > 1e-30 else { continue }
            scales[list] = largest / 127
            for place in row { integers[place] = Int8((centroids[place] * (127 / largest)).rounded()) }
        }
        self.halfSquares = halfSquares
        guard
            let products = saccade_quantised_create(
                Int32(width), Int32(lists), integers, scales, halfSquares.map { -$0 })
        else { fatalError("out of memory: \(lists) centroids don't fit") }
        self.products = products
    }

    deinit {
        saccade_quantised_destroy(products)
    }

    /// The dot product of a vector and each centroid: `[lists]`.
    ///
    /// - Parameter vector: `[width]`, rotated.
    func products(with vector: [Float]) -> [Float] {
        var scores = [Float](repeating: 0, count: lists)
        vector.withUnsafeBufferPointer { vector in
            scores.withUnsafeMutableBufferPointer { scores in
                multiply(vector.baseAddress!, rows: 1, scores.baseAddress!)
            }
        }
        for list in 0..<lists { scores[list] += halfSquares[list] }
        return scores
    }

    /// The standard deviation of the dot products of a vector with those of a list of ordinary spread.
    ///
    /// - Parameter vector: `[width]`, rotated.
    func deviation(along vector: [Float]) -> Float {
        var square: Float = 0
        covariance.withUnsafeBufferPointer { covariance in
            for row in 0..<width {
                var sum: Float = 0
                for column in 0..<width { sum += covariance[row * width + column] * vector[column] }
                square += sum * vector[row]
            }
        }
        return max(0, square).squareRoot()
    }

    /// Finds each vector's list, and the square of its distance to the centroid.
    ///
    /// - Parameters:
    ///   - vectors: `[rows, width]`, rotated.
    ///   - lists: `[rows]`
    ///   - distances: `[rows]`
    func assign(
        _ vectors: UnsafePointer<Float>, rows: Int, lists found: UnsafeMutablePointer<UInt32>,
        distances: UnsafeMutablePointer<Float>
    ) {
        parallelFor((rows + Self.rowsAtOnce - 1) / Self.rowsAtOnce) { parts in
            withUnsafeTemporaryAllocation(of: Float.self, capacity: Self.rowsAtOnce * lists) { scores in
                for part in parts {
                    let first = part * Self.rowsAtOnce
                    let count = min(Self.rowsAtOnce, rows - first)
                    multiply(vectors + first * width, rows: count, scores.baseAddress!)
                    saccade_greatest(level, scores.baseAddress, count, lists, found + first, distances + first)
                    for row in first..<first + count {
                        var square: Float = 0
                        for element in row * width..<(row + 1) * width { square += vectors[element] * vectors[element] }
                        distances[row] = max(0, square - 2 * distances[row])
                    }
                }
            }
        }
    }

    /// The product with each centroid less half of the centroid's square, which is greatest for the nearest: `[rows, lists]`.
    private func multiply(_ vectors: UnsafePointer<Float>, rows: Int, _ scores: UnsafeMutablePointer<Float>) {
        let size = saccade_quantised_size(Int32(rows), Int32(width))
        withUnsafeTemporaryAllocation(byteCount: size, alignment: 64) { bytes in
            withUnsafeTemporaryAllocation(of: Float.self, capacity: rows) { scales in
                let bytes = bytes.bindMemory(to: UInt8.self).baseAddress
                saccade_quantise_rows(kernel, vectors, Int32(rows), Int32(width), bytes, scales.baseAddress)
                saccade_quantised_apply(
                    kernel, products, bytes, scales.baseAddress, Int32(rows), 0, saccade_quantised_panels(Int32(lists)),
                    scores)
            }
        }
    }
}

extension CoarseQuantiser {
    /// Vectors a list that centroids are made from.
    static let sampleOfList = 48
    private static let rounds = 8
    /// Of so many vectors the covariance is taken.
    private static let mostForCovariance = 16_384

    /// k-means (Lloyd) from vectors that lie evenly in the sample: the same for the same sample.
    ///
    /// - Parameters:
    ///   - sample: `[rows, width]`, rotated, at least one row, in any order.
    ///   - lists: at most ``mostLists``; no more are made than there are rows.
    ///   - isStopped: asked between the rounds.
    /// - Returns: nil when stopped.
    static func trained(
        on sample: [Float], width: Int, lists: Int, level: saccade_simd_level, isStopped: () -> Bool = { false }
    ) -> CoarseQuantiser? {
        let rows = sample.count / width
        let lists = min(lists, rows, mostLists)
        var centroids: [Float] = []
        centroids.reserveCapacity(lists * width)
        for list in 0..<lists {
            let start = list * rows / lists * width
            centroids += sample[start..<start + width]
        }
        var found = [UInt32](repeating: 0, count: rows)
        var distances = [Float](repeating: 0, count: rows)
        let none = [Float](repeating: 0, count: width * width)
        func assign(_ quantiser: CoarseQuantiser) {
            sample.withUnsafeBufferPointer { sample in
                found.withUnsafeMutableBufferPointer { found in
                    distances.withUnsafeMutableBufferPointer { distances in
                        quantiser.assign(
                            sample.baseAddress!, rows: rows, lists: found.baseAddress!,
                            distances: distances.baseAddress!)
                    }
                }
            }
        }
        for _ in 0..<rounds {
            guard !isStopped() else { return nil }
            assign(CoarseQuantiser(centroids: centroids, covariance: none, width: width, level: level))
            centroids = means(of: sample, in: found, distances, lists: lists, width: width)
        }
        guard !isStopped() else { return nil }
        assign(CoarseQuantiser(centroids: centroids, covariance: none, width: width, level: level))
        let covariance = covariance(of: sample, around: centroids, in: found, width: width)
        return CoarseQuantiser(centroids: centroids, covariance: covariance, width: width, level: level)
    }

    /// A list that got nothing gets one of the vectors that are farthest from their centroids.
    private static func means(
        of sample: [Float], in found: [UInt32], _ distances: [Float], lists: Int, width: Int
    ) -> [Float] {
        var sums = [Float](repeating: 0, count: lists * width)
        var counts = [Float](repeating: 0, count: lists)
        sample.withUnsafeBufferPointer { sample in
            sums.withUnsafeMutableBufferPointer { sums in
                for (row, list) in found.enumerated() {
                    counts[Int(list)] += 1
                    let (sum, vector) = (Int(list) * width, row * width)
                    for element in 0..<width { sums[sum + element] += sample[vector + element] }
                }
            }
        }
        let empty = counts.count { $0 == 0 }
        var farthest = empty > 0 ? distances.indices.sorted { distances[$0] < distances[$1] }.suffix(empty) : []
        for list in 0..<lists {
            guard counts[list] > 0 else {
                guard let row = farthest.popLast() else { continue }
                for element in 0..<width { sums[list * width + element] = sample[row * width + element] }
                continue
            }
            for element in list * width..<(list + 1) * width { sums[element] /= counts[list] }
        }
        return sums
    }

    private static func covariance(
        of sample: [Float], around centroids: [Float], in found: [UInt32], width: Int
    ) -> [Float] {
        var sums = [Float](repeating: 0, count: width * width)
        var left = [Float](repeating: 0, count: width)
        let step = max(1, found.count / mostForCovariance)
        var count: Float = 0
        sums.withUnsafeMutableBufferPointer { sums in
            left.withUnsafeMutableBufferPointer { left in
                for row in stride(from: 0, to: found.count, by: step) {
                    count += 1
                    for element in 0..<width {
                        left[element] = sample[row * width + element] - centroids[Int(found[row]) * width + element]
                    }
                    for first in 0..<width {
                        let factor = left[first]
                        for second in 0..<width { sums[first * width + second] += factor * left[second] }
                    }
                }
            }
        }
        return sums.map { $0 / count }
    }
}
