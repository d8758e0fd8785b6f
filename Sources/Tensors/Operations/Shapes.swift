import Threads

extension Variable {
    /// The same elements in another shape; one length may be −1 and is worked out.
    package func reshaped(_ shape: [Int]) -> Variable {
        var shape = shape
        if let open = shape.firstIndex(of: -1) {
            shape[open] = 1
            shape[open] = value.count / max(1, shape.elementCount)
        }
        if shape == self.shape { return self }
        let own = self.shape
        return Variable(value.reshaped(shape), from: [self]) { [$0.reshaped(own)] }
    }

    /// Axis i of the result is axis `axes[i]` of self.
    package func transposed(_ axes: [Int]) -> Variable {
        precondition(axes.sorted() == Array(shape.indices), "shape \(shape) can't be transposed by \(axes)")
        var inverse = axes
        for (to, from) in axes.enumerated() { inverse[from] = to }
        return Variable(value.transposed(axes), from: [self]) { [$0.transposed(inverse)] }
    }

    /// A range of an axis.
    package func sliced(axis: Int, _ range: Range<Int>) -> Variable {
        let axis = normalized(axis)
        precondition(
            range.lowerBound >= 0 && range.upperBound <= shape[axis], "slice \(range) of axis \(axis) of \(shape)")
        let ownShape = shape
        let length = shape[axis]
        let outer = shape[..<axis].reduce(1, *)
        let inner = shape[(axis + 1)...].reduce(1, *)
        let x = value
        var resultShape = shape
        resultShape[axis] = range.count
        let result = Tensor<Scalar>(uninitialized: resultShape) { out in
            copyBlocks(
                outer, range.count * inner, from: x.pointer + range.lowerBound * inner, length * inner, to: out,
                range.count * inner)
        }
        return Variable(result, from: [self]) { dy in
            var dx = Tensor<Scalar>(zeros: ownShape)
            dx.withUnsafeMutableBufferPointer { buffer in
                guard let base = buffer.baseAddress else { return }
                copyBlocks(
                    outer, range.count * inner, from: dy.pointer, range.count * inner,
                    to: base + range.lowerBound * inner, length * inner)
            }
            return [dx]
        }
    }

    /// Rows of the first axis by index; an index may come several times.
    ///
    /// - Parameters:
    ///   - indices: row-major for `indexShape`.
    ///   - indexShape: the leading axes of the result; [indices.count] by default.
    /// - Returns: indexShape + the rest of self's shape.
    package func gatherRows(_ indices: [Int32], shape indexShape: [Int]? = nil) -> Variable {
        let indexShape = indexShape ?? [indices.count]
        let rows = shape.first ?? 0
        precondition(
            !shape.isEmpty && indexShape.elementCount == indices.count
                && indices.allSatisfy { $0 >= 0 && Int($0) < rows },
            "gatherRows: \(indices.count) indices in the shape \(indexShape), of \(shape)")
        let width = shape.dropFirst().reduce(1, *)
        let table = value
        let ownShape = shape
        let result = Tensor<Scalar>(uninitialized: indexShape + shape.dropFirst()) { out in
            parallelFor(indices.count, grain: max(1, elementwiseGrain / max(1, width))) { range in
                for i in range {
                    (out + i * width).update(from: table.pointer + Int(indices[i]) * width, count: width)
                }
            }
        }
        return Variable(result, from: [self]) { dy in
            var dtable = Tensor<Scalar>(zeros: ownShape)
            dtable.withUnsafeMutableBufferPointer { buffer in
                guard let base = buffer.baseAddress else { return }
                // Threads have columns, not rows: a row may be named several times.
                parallelFor(width, grain: max(16, elementwiseGrain / max(1, indices.count))) { columns in
                    for (i, row) in indices.enumerated() {
                        Scalar.accumulate(
                            dy.pointer + i * width + columns.lowerBound, scaledBy: 1,
                            into: base + Int(row) * width + columns.lowerBound, count: columns.count)
                    }
                }
            }
            return [dtable]
        }
    }
}

/// Variables joined along an axis; their other axes are equal.
package func concatenated<Scalar: TensorScalar>(_ variables: [Variable<Scalar>], axis: Int) -> Variable<Scalar> {
    precondition(!variables.isEmpty, "nothing to concatenate")
    let axis = variables[0].normalized(axis)
    var shape = variables[0].shape
    let lengths = variables.map { variable -> Int in
        var other = variable.shape
        precondition(other.count == shape.count, "concatenated: shapes \(shape) and \(other)")
        let length = other[axis]
        other[axis] = shape[axis]
        precondition(other == shape, "concatenated: shapes \(shape) and \(variable.shape)")
        return length
    }
    let total = lengths.reduce(0, +)
    shape[axis] = total
    let outer = shape[..<axis].reduce(1, *)
    let inner = shape[(axis + 1)...].reduce(1, *)
    let values = variables.map(\.value)
    let shapes = variables.map(\.shape)
    let result = Tensor<Scalar>(uninitialized: shape) { out in
        var offset = 0
        for (tensor, length) in zip(values, lengths) {
            copyBlocks(outer, length * inner, from: tensor.pointer, length * inner, to: out + offset, total * inner)
            offset += length * inner
        }
    }
    let needs = variables.map(\.requiresGradient)
    return Variable(result, from: variables) { dy in
        var offset = 0
        return zip(shapes, zip(lengths, needs)).map { shape, part in
            defer { offset += part.0 * inner }
            guard part.1 else { return nil }
            return Tensor(uninitialized: shape) { out in
                copyBlocks(
                    outer, part.0 * inner, from: dy.pointer + offset, total * inner, to: out, part.0 * inner)
            }
        }
    }
}

/// Copies `blocks` blocks of `length` elements that lie `fromStride` apart to places `toStride` apart.
private func copyBlocks<Scalar: TensorScalar>(
    _ blocks: Int, _ length: Int, from: UnsafePointer<Scalar>, _ fromStride: Int, to: UnsafeMutablePointer<Scalar>,
    _ toStride: Int
) {
    parallelFor(blocks, grain: max(1, elementwiseGrain / max(1, length))) { range in
        for i in range { (to + i * toStride).update(from: from + i * fromStride, count: length) }
    }
}
