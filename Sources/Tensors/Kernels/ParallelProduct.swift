import Threads

extension MatrixProduct {
    /// Computes the product on all threads, cut along the longer side of c.
    ///
    /// - Parameter finish: called once for each range of c's rows, by the thread that computed them while they are in its
    ///   cache; together the ranges cover all rows.
    package func compute(finish: (Range<Int>) -> Void = { _ in }) {
        guard m > 0, n > 0 else { return }
        // A product of a quarter of a million multiplications takes about 5 µs.
        let worth = max(1, 500_000 / max(1, n * k))
        if m >= n || m >= 256 {
            let units = (m + Self.unit - 1) / Self.unit
            parallelFor(units, grain: (worth + Self.unit - 1) / Self.unit) { range in
                let rows = range.lowerBound * Self.unit..<min(m, range.upperBound * Self.unit)
                Scalar.gemm(self.rows(rows))
                finish(rows)
            }
        } else {
            let units = (n + Self.unit - 1) / Self.unit
            parallelFor(units, grain: max(1, 500_000 / max(1, m * k * Self.unit))) { range in
                Scalar.gemm(columns(range.lowerBound * Self.unit..<min(n, range.upperBound * Self.unit)))
            }
            finish(0..<m)
        }
    }

    // Cuts fall on multiples of the fast kernels' widest tile.
    private static var unit: Int { 48 }

    private func rows(_ range: Range<Int>) -> MatrixProduct {
        var part = self
        part.m = range.count
        part.a += range.lowerBound * (transposeA ? 1 : aStride)
        part.c += range.lowerBound * cStride
        return part
    }

    private func columns(_ range: Range<Int>) -> MatrixProduct {
        var part = self
        part.n = range.count
        part.b += range.lowerBound * (transposeB ? bStride : 1)
        part.c += range.lowerBound
        return part
    }
}
