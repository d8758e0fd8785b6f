import Glibc
import Threads

extension Tensor {
    /// Adds another tensor with as many elements, in place when the memory is not shared.
    package mutating func add(_ other: Tensor, scaledBy factor: Scalar = 1) {
        precondition(count == other.count, "shapes \(shape) and \(other.shape) can't be added in place")
        if factor == 1 && !isUnshared() {
            // One pass into new memory, not a copy and then a sum.
            self = mapped { x, y, range in
                Scalar.combine(.add, x, other.pointer + range.lowerBound, y, rows: 1, count: range.count)
            }
            return
        }
        withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            parallelFor(buffer.count, grain: elementwiseGrain) { range in
                Scalar.accumulate(
                    other.pointer + range.lowerBound, scaledBy: factor, into: base + range.lowerBound,
                    count: range.count)
            }
        }
    }

    /// self ← self + factor · (other − self), in place when the memory is not shared.
    package mutating func approach(_ other: Tensor, by factor: Scalar) {
        precondition(shape == other.shape, "a tensor of shape \(shape) can't approach one of \(other.shape)")
        withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            parallelFor(buffer.count, grain: elementwiseGrain) { range in
                // Parts that stay in the first cache between the two passes.
                for start in stride(from: range.lowerBound, to: range.upperBound, by: 4096) {
                    let count = min(4096, range.upperBound - start)
                    Scalar.scale(base + start, by: 1 - factor, into: base + start, count: count)
                    Scalar.accumulate(other.pointer + start, scaledBy: factor, into: base + start, count: count)
                }
            }
        }
    }

    /// A tensor of the same shape, computed range by range of elements.
    func mapped(
        grain: Int = elementwiseGrain,
        _ body: (UnsafePointer<Scalar>, UnsafeMutablePointer<Scalar>, _ range: Range<Int>) -> Void
    ) -> Tensor {
        Tensor(uninitialized: shape) { out in
            parallelFor(count, grain: grain) { range in
                body(pointer + range.lowerBound, out + range.lowerBound, range)
            }
        }
    }

    /// factor · self.
    package func scaled(by factor: Scalar) -> Tensor {
        mapped { x, y, range in Scalar.scale(x, by: factor, into: y, count: range.count) }
    }

    /// The elements of a tensor of another precision, rounded.
    package init<Other: TensorScalar>(converting other: Tensor<Other>) {
        if let same = other as? Tensor {
            self = same
            return
        }
        self.init(other.scalars.map { Scalar($0) }, shape: other.shape)
    }

    /// Σ_r over the leading axes, leaving the last `count` elements: [rows · count] → [count].
    func sumOfRows(of count: Int) -> Tensor {
        let rows = count == 0 ? 0 : self.count / count
        var result = Tensor(zeros: [count])
        result.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            parallelFor(count, grain: max(16, elementwiseGrain / max(1, rows))) { range in
                Scalar.accumulateRows(
                    pointer + range.lowerBound, rows: rows, stride: count, into: base + range.lowerBound,
                    count: range.count)
            }
        }
        return result
    }
}

/// Sets `count` elements.
func fill<Scalar: TensorScalar>(_ pointer: UnsafeMutablePointer<Scalar>, with value: Scalar, count: Int) {
    // A loop over a generic type's elements calls its witnesses one by one; zero is the same bytes in every format.
    if value == 0 {
        memset(pointer, 0, count * MemoryLayout<Scalar>.stride)
    } else if count > 0 {
        pointer.update(repeating: value, count: min(count, 16))
        var filled = min(count, 16)
        while filled < count {
            let next = min(filled, count - filled)
            (pointer + filled).update(from: pointer, count: next)
            filled += next
        }
    }
}
