import CKernels

/// The depthwise convolution as plain loops.
extension TensorScalar {
    package static func depthwise(
        _ pass: DepthwisePass<Self>, _ x: UnsafePointer<Self>, _ y: UnsafeMutablePointer<Self>
    ) {
        let count = pass.outputs * pass.channels
        for i in 0..<count { y[i] = pass.bias[i % pass.channels] }
        pass.forEachTap { tap, from, to in
            for c in 0..<pass.channels { y[to + c] += x[from + c] * pass.weights[tap * pass.channels + c] }
        }
        apply(.relu6, y, y, count: count)
    }

    package static func depthwiseGradient(
        _ pass: DepthwisePass<Self>, _ x: UnsafePointer<Self>, _ y: UnsafePointer<Self>, _ dy: UnsafePointer<Self>,
        _ dx: UnsafeMutablePointer<Self>, dweights: UnsafeMutablePointer<Self>, dbias: UnsafeMutablePointer<Self>
    ) {
        let channels = pass.channels
        func gradient(_ i: Int) -> Self { y[i] > 0 && y[i] < 6 ? dy[i] : 0 }
        let inputs = pass.height * pass.width * channels
        for i in 0..<inputs { dx[i] = 0 }
        pass.forEachTap { tap, from, to in
            for c in 0..<channels {
                dweights[tap * channels + c] += x[from + c] * gradient(to + c)
                dx[from + c] += pass.weights[tap * channels + c] * gradient(to + c)
            }
        }
        for i in 0..<pass.outputs * channels { dbias[i % channels] += gradient(i) }
        applyGradient(.relu6, x, dx, dx, count: inputs)
    }
}

extension DepthwisePass {
    private func axis(_ size: Int) -> saccade_same_padding { saccade_same(Int64(size), Int64(kernel), Int64(stride)) }

    fileprivate var outputs: Int { Int(axis(height).out * axis(width).out) }

    /// Calls `body` with each tap of each output, and the first element of the input's place under it and of the output's.
    fileprivate func forEachTap(_ body: (_ tap: Int, _ from: Int, _ to: Int) -> Void) {
        let (rows, columns) = (axis(height), axis(width))
        for y in 0..<Int(rows.out) {
            for x in 0..<Int(columns.out) {
                for tap in 0..<kernel * kernel {
                    let row = y * stride + tap / kernel - Int(rows.before)
                    let column = x * stride + tap % kernel - Int(columns.before)
                    guard (0..<height).contains(row), (0..<width).contains(column) else { continue }
                    body(tap, (row * width + column) * channels, (y * Int(columns.out) + x) * channels)
                }
            }
        }
    }
}
