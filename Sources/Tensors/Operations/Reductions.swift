import Threads

extension Variable {
    /// The sum of all elements, of rank 0.
    package func sum() -> Variable { reshaped([value.count]).sum(axis: 0) }

    /// The mean of all elements, of rank 0.
    package func mean() -> Variable { reshaped([value.count]).mean(axis: 0) }

    /// The mean over an axis, which is dropped from the shape.
    package func mean(axis: Int) -> Variable {
        sum(axis: axis).scaled(by: 1 / Scalar(shape[normalized(axis)]))
    }

    /// The sum over an axis, which is dropped from the shape. Negative axes count from the end.
    package func sum(axis: Int) -> Variable {
        let axis = normalized(axis)
        let ownShape = shape
        let outer = shape[..<axis].reduce(1, *)
        let length = shape[axis]
        let inner = shape[(axis + 1)...].reduce(1, *)
        var resultShape = shape
        resultShape.remove(at: axis)
        let x = value
        let grain = max(1, elementwiseGrain / max(1, length * inner))
        let result = Tensor<Scalar>(uninitialized: resultShape) { out in
            parallelFor(outer, grain: grain) { range in
                for o in range {
                    let from = x.pointer + o * length * inner
                    if inner == 1 {
                        out[o] = Scalar.sum(from, count: length)
                    } else {
                        let to = out + o * inner
                        fill(to, with: 0, count: inner)
                        Scalar.accumulateRows(from, rows: length, stride: inner, into: to, count: inner)
                    }
                }
            }
        }
        return Variable(result, from: [self]) { dy in
            [
                Tensor(uninitialized: ownShape) { out in
                    parallelFor(outer, grain: grain) { range in
                        for o in range {
                            let to = out + o * length * inner
                            if inner == 1 {
                                fill(to, with: dy.pointer[o], count: length)
                            } else {
                                for i in 0..<length {
                                    (to + i * inner).update(from: dy.pointer + o * inner, count: inner)
                                }
                            }
                        }
                    }
                }
            ]
        }
    }

    /// The mean of the first `lengths[b]` rows of each item: [B, L, d] → [B, d]. No rows, zeros.
    package func maskedMean(lengths: [Int]) -> Variable {
        precondition(
            shape.count == 3 && lengths.count == shape[0] && lengths.allSatisfy { (0...shape[1]).contains($0) },
            "maskedMean: shape \(shape) with lengths \(lengths)")
        let (items, length, width) = (shape[0], shape[1], shape[2])
        let x = value
        let result = Tensor<Scalar>(uninitialized: [items, width]) { out in
            parallelFor(items, grain: max(1, elementwiseGrain / max(1, length * width))) { range in
                for b in range {
                    let to = out + b * width
                    fill(to, with: 0, count: width)
                    Scalar.accumulateRows(
                        x.pointer + b * length * width, rows: lengths[b], stride: width, into: to, count: width)
                    Scalar.scale(to, by: 1 / Scalar(max(1, lengths[b])), into: to, count: width)
                }
            }
        }
        return Variable(result, from: [self]) { dy in
            [
                Tensor(uninitialized: x.shape) { out in
                    parallelFor(items, grain: max(1, elementwiseGrain / max(1, length * width))) { range in
                        for b in range {
                            for l in 0..<length {
                                let to = out + (b * length + l) * width
                                if l < lengths[b] {
                                    Scalar.scale(
                                        dy.pointer + b * width, by: 1 / Scalar(lengths[b]), into: to, count: width)
                                } else {
                                    fill(to, with: 0, count: width)
                                }
                            }
                        }
                    }
                }
            ]
        }
    }

    /// The axis counted from the front.
    func normalized(_ axis: Int) -> Int {
        precondition(axis < shape.count && axis >= -shape.count, "shape \(shape) has no axis \(axis)")
        return axis < 0 ? axis + shape.count : axis
    }
}
