/// The kernels as plain loops: what `Double` runs, and what every faster kernel is tested against.
extension TensorScalar {
    package static func gemm(_ product: MatrixProduct<Self>) { plainProduct(product) }

    static func plainProduct(_ product: MatrixProduct<Self>) {
        let (aRow, aColumn) = product.transposeA ? (1, product.aStride) : (product.aStride, 1)
        let (bRow, bColumn) = product.transposeB ? (1, product.bStride) : (product.bStride, 1)
        for i in 0..<product.m {
            let row = product.c + i * product.cStride
            for j in 0..<product.n { row[j] = product.beta == 0 ? 0 : product.beta * row[j] }
            for p in 0..<product.k {
                let factor = product.alpha * product.a[i * aRow + p * aColumn]
                let b = product.b + p * bRow
                for j in 0..<product.n { row[j] += factor * b[j * bColumn] }
            }
        }
    }

    package static func apply(
        _ operation: UnaryOperation, _ x: UnsafePointer<Self>, _ y: UnsafeMutablePointer<Self>, count: Int
    ) {
        for i in 0..<count {
            let value = x[i]
            y[i] =
                switch operation {
                case .relu: max(value, 0)
                case .gelu: value * normalCumulative(value)
                case .swish: value * logistic(value)
                case .tanh: hyperbolicTangent(value)
                case .sigmoid: logistic(value)
                case .exponential: exponential(value)
                case .logarithm: logarithm(value)
                case .relu6: min(max(value, 0), 6)
                case .quickGELU: value * logistic(1.702 * value)
                case .tanhGELU: value * logistic(tanhGELUArgument(value))
                }
        }
    }

    package static func applyGradient(
        _ operation: UnaryOperation, _ x: UnsafePointer<Self>, _ dy: UnsafePointer<Self>,
        _ dx: UnsafeMutablePointer<Self>, count: Int
    ) {
        for i in 0..<count {
            let value = x[i]
            let slope: Self
            switch operation {
            case .relu: slope = value > 0 ? 1 : 0
            case .gelu:
                let density = exponential(-value * value / 2) * 0.398_942_280_401_432_7
                slope = normalCumulative(value) + value * density
            case .swish:
                let gate = logistic(value)
                slope = gate * (1 + value * (1 - gate))
            case .tanh:
                let result = hyperbolicTangent(value)
                slope = 1 - result * result
            case .sigmoid:
                let gate = logistic(value)
                slope = gate * (1 - gate)
            case .exponential: slope = exponential(value)
            case .logarithm: slope = 1 / value
            case .relu6: slope = value > 0 && value < 6 ? 1 : 0
            case .quickGELU:
                let gate = logistic(1.702 * value)
                slope = gate * (1 + 1.702 * value * (1 - gate))
            case .tanhGELU:
                let gate = logistic(tanhGELUArgument(value))
                let argumentSlope = tanhGELUScale * (1 + 3 * 0.044715 * value * value)
                slope = gate * (1 + value * (1 - gate) * argumentSlope)
            }
            dx[i] = dy[i] * slope
        }
    }

    package static func combine(
        _ operation: BinaryOperation, _ a: UnsafePointer<Self>, _ b: UnsafePointer<Self>,
        _ out: UnsafeMutablePointer<Self>, rows: Int, count: Int
    ) {
        for r in 0..<rows {
            for i in r * count..<(r + 1) * count {
                let other = b[i - r * count]
                out[i] =
                    switch operation {
                    case .add: a[i] + other
                    case .subtract: a[i] - other
                    case .multiply: a[i] * other
                    }
            }
        }
    }

    package static func accumulate(
        _ x: UnsafePointer<Self>, scaledBy factor: Self, into y: UnsafeMutablePointer<Self>, count: Int
    ) {
        for i in 0..<count { y[i] += factor * x[i] }
    }

    package static func scale(
        _ x: UnsafePointer<Self>, by factor: Self, into y: UnsafeMutablePointer<Self>, count: Int
    ) {
        for i in 0..<count { y[i] = factor * x[i] }
    }

    package static func accumulateProduct(
        _ a: UnsafePointer<Self>, _ b: UnsafePointer<Self>, into y: UnsafeMutablePointer<Self>, count: Int
    ) {
        for i in 0..<count { y[i] += a[i] * b[i] }
    }

    package static func dropout(_ pass: DropoutPass<Self>, count: Int) {
        for i in 0..<count {
            // The finaliser of MurmurHash3.
            var hash = (pass.offset &+ UInt32(truncatingIfNeeded: i)) &* 0x9e37_79b9 ^ pass.seed
            hash = (hash ^ (hash >> 16)) &* 0x85eb_ca6b
            hash = (hash ^ (hash >> 13)) &* 0xc2b2_ae35
            hash ^= hash >> 16
            pass.y[i] = hash >= pass.threshold ? pass.x[i] * pass.scale : 0
        }
    }

    package static func dot(_ a: UnsafePointer<Self>, _ b: UnsafePointer<Self>, count: Int) -> Self {
        (0..<count).reduce(0) { $0 + a[$1] * b[$1] }
    }

    package static func sum(_ x: UnsafePointer<Self>, count: Int) -> Self {
        (0..<count).reduce(0) { $0 + x[$1] }
    }

    package static func accumulateRows(
        _ x: UnsafePointer<Self>, rows: Int, stride: Int, into y: UnsafeMutablePointer<Self>, count: Int
    ) {
        for r in 0..<rows { accumulate(x + r * stride, scaledBy: 1, into: y, count: count) }
    }

    package static func layerNorm(_ norm: LayerNormPass<Self>, _ y: UnsafeMutablePointer<Self>) {
        let count = norm.count
        for r in 0..<norm.rows {
            let x = norm.x + r * count
            let out = y + r * count
            let mean = sum(x, count: count) / Self(count)
            let variance = (0..<count).reduce(0) { $0 + (x[$1] - mean) * (x[$1] - mean) } / Self(count)
            let inverse = 1 / (variance + norm.epsilon).squareRoot()
            norm.mean[r] = mean
            norm.inverseDeviation[r] = inverse
            for i in 0..<count { out[i] = (x[i] - mean) * inverse * norm.gamma[i] + norm.beta[i] }
        }
    }

    package static func layerNormGradient(
        _ norm: LayerNormPass<Self>, _ dy: UnsafePointer<Self>, _ dx: UnsafeMutablePointer<Self>,
        dgamma: UnsafeMutablePointer<Self>, dbeta: UnsafeMutablePointer<Self>
    ) {
        let count = norm.count
        for r in 0..<norm.rows {
            let x = norm.x + r * count
            let dy = dy + r * count
            let dx = dx + r * count
            let (mean, inverse) = (norm.mean[r], norm.inverseDeviation[r])
            var sum: Self = 0
            var product: Self = 0
            for i in 0..<count {
                let normalised = (x[i] - mean) * inverse
                dgamma[i] += dy[i] * normalised
                dbeta[i] += dy[i]
                sum += dy[i] * norm.gamma[i]
                product += dy[i] * norm.gamma[i] * normalised
            }
            sum /= Self(count)
            product /= Self(count)
            for i in 0..<count {
                let normalised = (x[i] - mean) * inverse
                dx[i] = inverse * (dy[i] * norm.gamma[i] - sum - normalised * product)
            }
        }
    }

    package static func softmax(
        _ x: UnsafePointer<Self>, _ y: UnsafeMutablePointer<Self>, rows: Int, count: Int
    ) {
        for r in 0..<rows {
            let x = x + r * count
            let y = y + r * count
            let shift = logSumExp(x, count: count)
            for i in 0..<count { y[i] = exponential(x[i] - shift) }
        }
    }

    package static func softmaxGradient(
        _ y: UnsafePointer<Self>, _ dy: UnsafePointer<Self>, _ dx: UnsafeMutablePointer<Self>, rows: Int, count: Int
    ) {
        for r in 0..<rows {
            let start = r * count
            let projection = dot(y + start, dy + start, count: count)
            for i in start..<start + count { dx[i] = y[i] * (dy[i] - projection) }
        }
    }

    package static func logSumExp(
        _ x: UnsafePointer<Self>, _ result: UnsafeMutablePointer<Self>, rows: Int, count: Int
    ) {
        for r in 0..<rows { result[r] = logSumExp(x + r * count, count: count) }
    }

    package static func shiftedExponential(
        _ x: UnsafePointer<Self>, shift: Self, factor: Self, into y: UnsafeMutablePointer<Self>, count: Int
    ) {
        for i in 0..<count { y[i] = factor * exponential(x[i] - shift) }
    }

    package static func attend(_ head: AttentionHead<Self>) {
        let scale = 1 / Self(head.depth).squareRoot()
        let lanes = AttentionHead<Self>.lanes(for: head.queries)
        fill(head.probabilities, with: 0, count: head.keys * lanes)
        for i in 0..<head.queries {
            let output = head.output + i * head.outputStride
            let visible = head.visible(i)
            for c in 0..<head.depth { output[c] = 0 }
            guard !visible.isEmpty else { continue }
            for j in visible {
                head.scratch[j] =
                    scale
                    * dot(head.query + i * head.queryStride, head.key + j * head.keyStride, count: head.depth)
            }
            let row = head.scratch + visible.lowerBound
            softmax(row, row, rows: 1, count: visible.count)
            for j in visible {
                head.probabilities[j * lanes + i] = head.scratch[j]
                accumulate(
                    head.value + j * head.valueStride, scaledBy: head.scratch[j], into: output, count: head.depth)
            }
        }
    }

    package static func attendGradient(_ head: AttentionHead<Self>, _ gradient: AttentionHeadGradient<Self>) {
        let scale = 1 / Self(head.depth).squareRoot()
        let lanes = AttentionHead<Self>.lanes(for: head.queries)
        let depth = head.depth
        if !gradient.adding {
            for j in 0..<head.keys {
                fill(gradient.dkey + j * head.keyStride, with: 0, count: depth)
                fill(gradient.dvalue + j * head.valueStride, with: 0, count: depth)
            }
        }
        for i in 0..<head.queries {
            let doutput = gradient.doutput + i * head.outputStride
            let dquery = gradient.dquery + i * head.queryStride
            fill(dquery, with: 0, count: depth)
            // Σ_j p_j · dp_j = doutput · output.
            let projection = dot(doutput, head.output + i * head.outputStride, count: depth)
            for j in head.visible(i) {
                let p = head.probabilities[j * lanes + i]
                let dp = dot(doutput, head.value + j * head.valueStride, count: depth)
                let ds = p * (dp - projection) * scale
                accumulate(doutput, scaledBy: p, into: gradient.dvalue + j * head.valueStride, count: depth)
                accumulate(head.key + j * head.keyStride, scaledBy: ds, into: dquery, count: depth)
                accumulate(
                    head.query + i * head.queryStride, scaledBy: ds, into: gradient.dkey + j * head.keyStride,
                    count: depth)
            }
        }
    }

    package static func adamW(_ step: AdamWStep, _ buffers: AdamWBuffers<Self>, count: Int) {
        let (rate, correction) = (Self(step.correctedRate), Self(step.inverseRootCorrection))
        let (beta1, beta2, epsilon) = (Self(step.beta1), Self(step.beta2), Self(step.epsilon))
        let (decay, gradientScale) = (Self(1 - step.learningRate * step.weightDecay), Self(step.gradientScale))
        for i in 0..<count {
            let g = buffers.gradient[i] * gradientScale
            let m = beta1 * buffers.firstMoment[i] + (1 - beta1) * g
            let v = beta2 * buffers.secondMoment[i] + (1 - beta2) * g * g
            buffers.firstMoment[i] = m
            buffers.secondMoment[i] = v
            buffers.parameter[i] = buffers.parameter[i] * decay - rate * m / (v.squareRoot() * correction + epsilon)
        }
    }

    package static func sumOfSquares(_ x: UnsafePointer<Self>, count: Int) -> Double {
        (0..<count).reduce(0) { $0 + Double(x[$1]) * Double(x[$1]) }
    }

    private static func logistic(_ x: Self) -> Self { 1 / (1 + exponential(-x)) }

    /// 2 √(2/π): (1 + tanh(y)) / 2 is the logistic function of 2 y.
    private static var tanhGELUScale: Self { 1.595_769_121_605_730_7 }

    private static func tanhGELUArgument(_ x: Self) -> Self { tanhGELUScale * (x + 0.044715 * x * x * x) }

    private static func normalCumulative(_ x: Self) -> Self {
        (1 + errorFunction(x * 0.707_106_781_186_547_5)) / 2
    }

    private static func logSumExp(_ x: UnsafePointer<Self>, count: Int) -> Self {
        var greatest = -Self.infinity
        for i in 0..<count { greatest = max(greatest, x[i]) }
        guard greatest.isFinite else { return greatest }
        return greatest + logarithm((0..<count).reduce(0) { $0 + exponential(x[$1] - greatest) })
    }
}
