import Threads

/// The mean over a map's places of a widening product with ReLU6: [N, P, C] → [N, O].
///
/// - Parameter convolution: weight [O, C], bias [O].
package func pooledConvolution<Scalar: TensorScalar>(
    _ input: Variable<Scalar>, _ convolution: ConvolutionParameters<Scalar>
) -> Variable<Scalar> {
    let (weight, bias) = (convolution.weight, convolution.bias)
    precondition(
        input.shape.count == 3 && input.shape[1] > 0 && weight.shape.count == 2 && weight.shape[1] == input.shape[2]
            && bias.shape == [weight.shape[0]],
        "pooledConvolution: input \(input.shape), weight \(weight.shape), bias \(bias.shape)")
    let (images, cells, channels, outputs) = (input.shape[0], input.shape[1], input.shape[2], weight.shape[0])
    let (x, w, b) = (input.value, weight.value, bias.value)
    let group = max(1, productRows / cells)
    let groups = (images + group - 1) / group
    let portion = 1 / Scalar(cells)
    let recording = [input, weight, bias].contains(where: \.requiresGradient)
    let kept = TensorBuffer<Scalar>(count: recording ? images * cells * outputs : 0)
    let result = Tensor<Scalar>(uninitialized: [images, outputs]) { out in
        parallelFor(groups) { range in
            let scratch = TensorBuffer<Scalar>(count: recording ? 0 : group * cells * outputs)
            defer { withExtendedLifetime(scratch) {} }
            for number in range {
                let (first, end) = (number * group, min(images, (number + 1) * group))
                let rows = (end - first) * cells
                let map = recording ? kept.pointer + first * cells * outputs : scratch.pointer
                Scalar.gemm(
                    MatrixProduct(
                        m: rows, n: outputs, k: channels, a: x.pointer + first * cells * channels, aStride: channels,
                        b: w.pointer, bStride: channels, transposeB: true, c: map, cStride: outputs))
                Scalar.combine(.add, map, b.pointer, map, rows: rows, count: outputs)
                Scalar.apply(.relu6, map, map, count: rows * outputs)
                for image in first..<end {
                    let mean = out + image * outputs
                    fill(mean, with: 0, count: outputs)
                    Scalar.accumulateRows(
                        map + (image - first) * cells * outputs, rows: cells, stride: outputs, into: mean,
                        count: outputs)
                    Scalar.scale(mean, by: portion, into: mean, count: outputs)
                }
            }
        }
    }
    let needsInput = input.requiresGradient
    return Variable(result, from: [input, weight, bias]) { dy in
        let parts = min(gradientParts, groups)
        let size = outputs * (channels + 1)
        var dx: Tensor<Scalar>?
        let sums = Tensor<Scalar>(uninitialized: [parts, size]) { sums in
            func run(_ dx: UnsafeMutablePointer<Scalar>?) {
                parallelFor(parts) { range in
                    let scratch = TensorBuffer<Scalar>(count: group * cells * outputs)
                    defer { withExtendedLifetime(scratch) {} }
                    for part in range {
                        let sums = sums + part * size
                        fill(sums, with: 0, count: size)
                        for number in part * groups / parts..<(part + 1) * groups / parts {
                            let (first, end) = (number * group, min(images, (number + 1) * group))
                            let rows = (end - first) * cells
                            let map = kept.pointer + first * cells * outputs
                            let dmap = scratch.pointer
                            for row in 0..<rows {
                                Scalar.applyGradient(
                                    .relu6, map + row * outputs, dy.pointer + (first + row / cells) * outputs,
                                    dmap + row * outputs, count: outputs)
                            }
                            Scalar.scale(dmap, by: portion, into: dmap, count: rows * outputs)
                            Scalar.accumulateRows(
                                dmap, rows: rows, stride: outputs, into: sums + outputs * channels, count: outputs)
                            Scalar.gemm(
                                MatrixProduct(
                                    m: outputs, n: channels, k: rows, a: dmap, aStride: outputs, transposeA: true,
                                    b: x.pointer + first * cells * channels, bStride: channels, c: sums,
                                    cStride: channels, beta: 1))
                            guard let dx else { continue }
                            Scalar.gemm(
                                MatrixProduct(
                                    m: rows, n: channels, k: outputs, a: dmap, aStride: outputs, b: w.pointer,
                                    bStride: channels, c: dx + first * cells * channels, cStride: channels))
                        }
                    }
                }
            }
            if needsInput {
                dx = Tensor(uninitialized: x.shape) { run($0) }
            } else {
                run(nil)
            }
        }
        let all = sums.sumOfRows(of: size)
        return [
            dx, all.part(0..<outputs * channels, shape: [outputs, channels]),
            all.part(outputs * channels..<size, shape: [outputs]),
        ]
    }
}
