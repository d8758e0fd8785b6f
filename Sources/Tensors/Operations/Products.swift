import Threads

extension Variable {
    /// x · Wᵀ + b over the last axis.
    ///
    /// - Parameters:
    ///   - weight: [out, in].
    ///   - bias: [out], or none.
    /// - Returns: [..., out] for self [..., in].
    package func linear(weight: Variable, bias: Variable? = nil) -> Variable {
        precondition(
            weight.shape.count == 2 && shape.last == weight.shape[1]
                && (bias == nil || bias!.shape == [weight.shape[0]]),
            "linear: input \(shape), weight \(weight.shape), bias \(bias?.shape ?? [])")
        let (outputs, inputs) = (weight.shape[0], weight.shape[1])
        let rows = value.count / max(1, inputs)
        let (x, w) = (value, weight.value)
        let b = bias?.value
        let result = Tensor<Scalar>(uninitialized: shape.dropLast() + [outputs]) { out in
            MatrixProduct(
                m: rows, n: outputs, k: inputs, a: x.pointer, aStride: inputs, b: w.pointer, bStride: inputs,
                transposeB: true, c: out, cStride: outputs
            ).compute { range in
                guard let b else { return }
                let part = out + range.lowerBound * outputs
                Scalar.combine(.add, part, b.pointer, part, rows: range.count, count: outputs)
            }
        }
        let needs = (requiresGradient, weight.requiresGradient, bias?.requiresGradient ?? false)
        let ownShape = shape
        return Variable(result, from: [self, weight] + (bias.map { [$0] } ?? [])) { dy in
            let dx =
                !needs.0
                ? nil
                : Tensor<Scalar>(uninitialized: ownShape) { out in
                    MatrixProduct(
                        m: rows, n: inputs, k: outputs, a: dy.pointer, aStride: outputs, b: w.pointer, bStride: inputs,
                        c: out,
                        cStride: inputs
                    ).compute()
                }
            let dw =
                !needs.1
                ? nil
                : Tensor<Scalar>(uninitialized: [outputs, inputs]) { out in
                    MatrixProduct(
                        m: outputs, n: inputs, k: rows, a: dy.pointer, aStride: outputs, transposeA: true, b: x.pointer,
                        bStride: inputs, c: out, cStride: inputs
                    ).compute()
                }
            let db = !needs.2 ? nil : dy.sumOfRows(of: outputs)
            return b == nil ? [dx, dw] : [dx, dw, db]
        }
    }

    /// The matrix product op(self) · op(other) over the last two axes; leading axes are equal.
    ///
    /// - Returns: [..., m, n] for op(self) [..., m, k] and op(other) [..., k, n].
    package func matmul(_ other: Variable, transposeA: Bool = false, transposeB: Bool = false) -> Variable {
        let (a, b) = (value, other.value)
        let result = batchedProduct(a, b, transposeA, transposeB)
        let (needsA, needsB) = (requiresGradient, other.requiresGradient)
        return Variable(result, from: [self, other]) { dc in
            // C = AB: dA = dC·Bᵀ, dB = Aᵀ·dC, with the operands exchanged where the stored matrix is the transpose.
            let da: Tensor<Scalar>? =
                !needsA
                ? nil
                : transposeA
                    ? batchedProduct(b, dc, transposeB, true) : batchedProduct(dc, b, false, !transposeB)
            let db: Tensor<Scalar>? =
                !needsB
                ? nil
                : transposeB
                    ? batchedProduct(dc, a, true, transposeA) : batchedProduct(a, dc, !transposeA, false)
            return [da, db]
        }
    }

    /// Each head's columns through the same head's rows of a matrix, which lie as in ``linear(weight:bias:)``.
    ///
    /// - Parameters:
    ///   - weight: [H·d, n]: head h has the rows h·d ..< (h+1)·d, W_h.
    ///   - heads: H.
    ///   - transposed: whether x_h · W_h is meant, from [..., H·d] to [..., H·n]; x_h · W_hᵀ otherwise, from [..., H·n] to [..., H·d].
    package func headwiseLinear(weight: Variable, heads: Int, transposed: Bool = false) -> Variable {
        precondition(weight.shape.count == 2, "headwiseLinear: weight \(weight.shape)")
        let (depth, width) = (weight.shape[0] / heads, weight.shape[1])
        let (inputs, outputs) = transposed ? (depth, width) : (width, depth)
        precondition(
            weight.shape[0] % heads == 0 && shape.last == heads * inputs,
            "headwiseLinear: input \(shape), weight \(weight.shape), \(heads) heads")
        let rows = value.count / max(1, heads * inputs)
        let (x, w) = (value, weight.value)
        /// [rows, H·inputs] through W, or through its transpose.
        func product(_ x: Tensor<Scalar>, transposed: Bool, shape: [Int]) -> Tensor<Scalar> {
            let (inputs, outputs) = transposed ? (depth, width) : (width, depth)
            return Tensor(uninitialized: shape) { out in
                parallelFor(heads, grain: max(1, 500_000 / max(1, rows * depth * width))) { range in
                    for head in range where rows > 0 {
                        Scalar.gemm(
                            MatrixProduct(
                                m: rows, n: outputs, k: inputs, a: x.pointer + head * inputs, aStride: heads * inputs,
                                b: w.pointer + head * depth * width, bStride: width, transposeB: !transposed,
                                c: out + head * outputs, cStride: heads * outputs))
                    }
                }
            }
        }
        let (needsInput, needsWeight) = (requiresGradient, weight.requiresGradient)
        let ownShape = shape
        let result = product(x, transposed: transposed, shape: shape.dropLast() + [heads * outputs])
        return Variable(result, from: [self, weight]) { dy in
            let dx = needsInput ? product(dy, transposed: !transposed, shape: ownShape) : nil
            guard needsWeight else { return [dx, nil] }
            // Either way W_h's gradient is the narrow rows' transpose times the wide rows.
            let (narrow, wide) = transposed ? (x, dy) : (dy, x)
            let dw = Tensor<Scalar>(uninitialized: [heads * depth, width]) { out in
                parallelFor(heads, grain: max(1, 500_000 / max(1, rows * depth * width))) { range in
                    for head in range {
                        Scalar.gemm(
                            MatrixProduct(
                                m: depth, n: width, k: rows, a: narrow.pointer + head * depth, aStride: heads * depth,
                                transposeA: true, b: wide.pointer + head * width, bStride: heads * width,
                                c: out + head * depth * width, cStride: width))
                    }
                }
            }
            return [dx, dw]
        }
    }
}

private func batchedProduct<Scalar: TensorScalar>(
    _ a: Tensor<Scalar>, _ b: Tensor<Scalar>, _ transposeA: Bool, _ transposeB: Bool
) -> Tensor<Scalar> {
    precondition(
        a.rank >= 2 && a.rank == b.rank && a.shape.dropLast(2) == b.shape.dropLast(2),
        "matmul: shapes \(a.shape) and \(b.shape)")
    let aColumns = a.shape[a.rank - 1]
    let bColumns = b.shape[b.rank - 1]
    let (aRows, bRows) = (a.shape[a.rank - 2], b.shape[b.rank - 2])
    let (m, k) = transposeA ? (aColumns, aRows) : (aRows, aColumns)
    let (inner, n) = transposeB ? (bColumns, bRows) : (bRows, bColumns)
    precondition(k == inner, "matmul: shapes \(a.shape) and \(b.shape)")
    let batch = a.shape.dropLast(2).reduce(1, *)
    return Tensor(uninitialized: a.shape.dropLast(2) + [m, n]) { out in
        func product(_ i: Int) -> MatrixProduct<Scalar> {
            MatrixProduct(
                m: m, n: n, k: k, a: a.pointer + i * m * k, aStride: aColumns, transposeA: transposeA,
                b: b.pointer + i * k * n, bStride: bColumns, transposeB: transposeB, c: out + i * m * n, cStride: n)
        }
        if batch == 1 {
            product(0).compute()
        } else {
            parallelFor(batch, grain: max(1, 500_000 / max(1, m * n * k))) { range in
                for i in range where m > 0 && n > 0 { Scalar.gemm(product(i)) }
            }
        }
    }
}
