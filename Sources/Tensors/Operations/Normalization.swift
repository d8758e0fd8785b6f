import Threads

extension Variable {
    /// (x − mean) / √(variance + ε) · gamma + beta over the last axis; the variance is the biased one.
    ///
    /// - Parameter gamma, beta: [d] for self [..., d].
    package func layerNorm(gamma: Variable, beta: Variable, epsilon: Scalar = 1e-12) -> Variable {
        let width = shape.last ?? 1
        precondition(
            gamma.shape == [width] && beta.shape == [width],
            "layerNorm: input \(shape), gamma \(gamma.shape), beta \(beta.shape)")
        let rows = value.count / max(1, width)
        let (x, scale, offset) = (value, gamma.value, beta.value)
        let statistics = TensorBuffer<Scalar>(count: 2 * rows)
        func pass(_ range: Range<Int>) -> LayerNormPass<Scalar> {
            LayerNormPass(
                x: x.pointer + range.lowerBound * width, gamma: scale.pointer, beta: offset.pointer,
                mean: statistics.pointer + range.lowerBound,
                inverseDeviation: statistics.pointer + rows + range.lowerBound, rows: range.count, count: width,
                epsilon: epsilon)
        }
        let result = Tensor<Scalar>(uninitialized: shape) { out in
            parallelFor(rows, grain: max(1, elementwiseGrain / max(1, width))) { range in
                Scalar.layerNorm(pass(range), out + range.lowerBound * width)
            }
        }
        return Variable(result, from: [self, gamma, beta]) { dy in
            // Blocks of a fixed size, so that the sums over rows don't depend on the number of threads.
            let block = 128
            let blocks = (rows + block - 1) / block
            let partial = TensorBuffer<Scalar>(count: max(1, blocks) * 2 * width)
            let dx = Tensor<Scalar>(uninitialized: x.shape) { out in
                parallelFor(blocks) { range in
                    for i in range {
                        let part = i * block..<min(rows, (i + 1) * block)
                        let sums = partial.pointer + i * 2 * width
                        fill(sums, with: 0, count: 2 * width)
                        let start = part.lowerBound * width
                        Scalar.layerNormGradient(
                            pass(part), dy.pointer + start, out + start, dgamma: sums, dbeta: sums + width)
                    }
                }
            }
            var sums = Tensor<Scalar>(zeros: [2 * width])
            sums.withUnsafeMutableBufferPointer { buffer in
                guard let base = buffer.baseAddress else { return }
                Scalar.accumulateRows(
                    partial.pointer, rows: blocks, stride: 2 * width, into: base, count: 2 * width)
            }
            return [dx, sums.part(0..<width), sums.part(width..<2 * width)]
        }
    }

    /// x / max(‖x‖₂, ε) over the last axis.
    package func l2Normalized(epsilon: Scalar = 1e-12) -> Variable {
        let width = shape.last ?? 1
        let rows = value.count / max(1, width)
        let x = value
        let norms = TensorBuffer<Scalar>(count: rows)
        let result = Tensor<Scalar>(uninitialized: shape) { out in
            for r in 0..<rows {
                let row = x.pointer + r * width
                norms.pointer[r] = max(Scalar.dot(row, row, count: width).squareRoot(), epsilon)
                Scalar.scale(row, by: 1 / norms.pointer[r], into: out + r * width, count: width)
            }
        }
        return Variable(result, from: [self]) { dy in
            let dx = Tensor<Scalar>(uninitialized: x.shape) { out in
                for r in 0..<rows {
                    let (y, dy, dx) = (result.pointer + r * width, dy.pointer + r * width, out + r * width)
                    let norm = norms.pointer[r]
                    Scalar.scale(dy, by: 1 / norm, into: dx, count: width)
                    // A row shorter than ε was divided by a constant.
                    guard norm > epsilon else { continue }
                    Scalar.accumulate(y, scaledBy: -Scalar.dot(y, dy, count: width) / norm, into: dx, count: width)
                }
            }
            return [dx]
        }
    }
}

extension Tensor {
    /// A range of elements as a tensor of rank 1, copied.
    func part(_ range: Range<Int>) -> Tensor {
        Tensor(uninitialized: [range.count]) { $0.update(from: pointer + range.lowerBound, count: range.count) }
    }
}
