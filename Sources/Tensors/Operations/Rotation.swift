import Threads

extension Variable {
    /// Neighbouring channels as the two coordinates of a plane, each turned by an angle of its own.
    ///
    /// (x, y) becomes (x·cos − y·sin, y·cos + x·sin).
    ///
    /// - Parameters:
    ///   - cosines, sines: of the angle of each plane in each row: [rows, planes], the same for all sequences and heads.
    ///   - heads: H.
    /// - Returns: the shape of self, [sequences, rows, H · 2 · planes].
    package func rotatingPairs(cosines: Tensor<Scalar>, sines: Tensor<Scalar>, heads: Int) -> Variable {
        precondition(
            shape.count == 3 && cosines.shape == sines.shape && cosines.shape.count == 2
                && cosines.shape[0] == shape[1] && shape[2] == heads * 2 * cosines.shape[1],
            "rotatingPairs: input \(shape), cosines \(cosines.shape), sines \(sines.shape), \(heads) heads")
        let back = sines.scaled(by: -1)
        return Variable(rotated(value, cosines, sines), from: [self]) { [rotated($0, cosines, back)] }
    }
}

private func rotated<Scalar: TensorScalar>(
    _ x: Tensor<Scalar>, _ cosines: Tensor<Scalar>, _ sines: Tensor<Scalar>
) -> Tensor<Scalar> {
    let (rows, planes) = (cosines.shape[0], cosines.shape[1])
    let width = x.shape[2]
    return Tensor(uninitialized: x.shape) { out in
        parallelFor(x.shape[0] * rows, grain: max(1, elementwiseGrain / max(1, width))) { range in
            for row in range {
                let (c, s) = (cosines.pointer + row % rows * planes, sines.pointer + row % rows * planes)
                for head in stride(from: row * width, to: (row + 1) * width, by: 2 * planes) {
                    for plane in 0..<planes {
                        let place = head + 2 * plane
                        let (first, second) = (x.pointer[place], x.pointer[place + 1])
                        out[place] = first * c[plane] - second * s[plane]
                        out[place + 1] = second * c[plane] + first * s[plane]
                    }
                }
            }
        }
    }
}
