import Threads

extension Variable {
    /// eˣ / Σ eˣ over the last axis; any finite or −∞ logits are safe.
    package func softmax() -> Variable {
        let width = shape.last ?? 1
        let result = value.mappedRows(of: width) { x, y, rows in
            Scalar.softmax(x, y, rows: rows.count, count: width)
        }
        return Variable(result, from: [self]) { dy in
            [
                result.mappedRows(of: width) { y, dx, rows in
                    Scalar.softmaxGradient(y, dy.pointer + rows.lowerBound * width, dx, rows: rows.count, count: width)
                }
            ]
        }
    }

    /// x − log Σ eˣ over the last axis.
    package func logSoftmax() -> Variable {
        let width = shape.last ?? 1
        let x = value
        let shifts = x.logSumExpOfRows()
        let result = x.mappedRows(of: width) { x, y, rows in
            for r in 0..<rows.count {
                Scalar.combine(
                    .subtract, x + r * width, shifts.pointer + rows.lowerBound + r, y + r * width, rows: width, count: 1
                )
            }
        }
        return Variable(result, from: [self]) { dy in
            [
                x.mappedRows(of: width) { x, dx, rows in
                    for r in 0..<rows.count {
                        let dy = dy.pointer + (rows.lowerBound + r) * width
                        let dx = dx + r * width
                        // dy − softmax(x) · Σ dy.
                        Scalar.shiftedExponential(
                            x + r * width, shift: shifts.pointer[rows.lowerBound + r],
                            factor: -Scalar.sum(dy, count: width), into: dx, count: width)
                        Scalar.accumulate(dy, scaledBy: 1, into: dx, count: width)
                    }
                }
            ]
        }
    }

    /// −weight · log softmax(logits)[target] of each row, without the probabilities in between.
    ///
    /// - Parameters:
    ///   - targets: the right class of each row.
    ///   - weights: one number a row, 0 for padding; 1 by default. They don't normalise anything.
    /// - Returns: [N] for self [..., V] with N rows.
    package func crossEntropy(targets: [Int32], weights: [Scalar]? = nil) -> Variable {
        let width = shape.last ?? 1
        let rows = value.count / max(1, width)
        precondition(
            targets.count == rows && (weights?.count ?? rows) == rows
                && targets.allSatisfy { $0 >= 0 && Int($0) < width },
            "crossEntropy: logits \(shape) with \(targets.count) targets and \(weights?.count ?? rows) weights")
        let x = value
        let shifts = x.logSumExpOfRows()
        let result = Tensor<Scalar>(uninitialized: [rows]) { out in
            for r in 0..<rows {
                let weight = weights?[r] ?? 1
                out[r] = weight == 0 ? 0 : weight * (shifts.pointer[r] - x.pointer[r * width + Int(targets[r])])
            }
        }
        return Variable(result, from: [self]) { dy in
            [
                x.mappedRows(of: width) { x, dx, rows in
                    for r in 0..<rows.count {
                        let row = rows.lowerBound + r
                        let dx = dx + r * width
                        let factor = dy.pointer[row] * (weights?[row] ?? 1)
                        guard factor != 0 else {
                            fill(dx, with: 0, count: width)
                            continue
                        }
                        Scalar.shiftedExponential(
                            x + r * width, shift: shifts.pointer[row], factor: factor, into: dx, count: width)
                        dx[Int(targets[row])] -= factor
                    }
                }
            ]
        }
    }
}

extension Tensor {
    /// A tensor of the same shape, computed range by range of rows of the last axis.
    func mappedRows(
        of width: Int, _ body: (UnsafePointer<Scalar>, UnsafeMutablePointer<Scalar>, _ rows: Range<Int>) -> Void
    ) -> Tensor {
        Tensor(uninitialized: shape) { out in
            parallelFor(count / max(1, width), grain: max(1, 4096 / max(1, width))) { rows in
                body(pointer + rows.lowerBound * width, out + rows.lowerBound * width, rows)
            }
        }
    }

    /// log Σ eˣ over the last axis.
    func logSumExpOfRows() -> Tensor {
        let width = shape.last ?? 1
        let rows = count / max(1, width)
        return Tensor(uninitialized: [rows]) { out in
            parallelFor(rows, grain: max(1, 4096 / max(1, width))) { range in
                Scalar.logSumExp(
                    pointer + range.lowerBound * width, out + range.lowerBound, rows: range.count, count: width)
            }
        }
    }
}
