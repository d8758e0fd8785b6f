import CKernels
import COpenBLAS
import Glibc

/// What models run on: OpenBLAS and the C kernels.
extension Float: TensorScalar {
    private static let kernels = saccade_tensor_kernels_at(saccade_simd_detected()).pointee

    package static func exponential(_ x: Float) -> Float { expf(x) }
    package static func logarithm(_ x: Float) -> Float { logf(x) }
    package static func hyperbolicTangent(_ x: Float) -> Float { tanhf(x) }
    package static func errorFunction(_ x: Float) -> Float { erff(x) }

    package static func gemm(_ product: MatrixProduct<Float>) {
        guard product.m > 0, product.n > 0 else { return }
        guard BLAS.isLoaded else { return productWithoutBLAS(product) }
        saccade_sgemm(
            product.transposeA, product.transposeB, Int32(product.m), Int32(product.n), Int32(product.k), product.alpha,
            product.a, Int32(product.aStride), product.b, Int32(product.bStride), product.beta, product.c,
            Int32(product.cStride))
    }

    /// The module's own kernel, which wants b's rows as they are.
    static func productWithoutBLAS(_ product: MatrixProduct<Float>) {
        guard product.alpha == 1, product.beta == 0 || product.beta == 1 else { return plainProduct(product) }
        let turned = product.transposeB ? TensorBuffer<Float>(count: product.n * product.k) : nil
        if let turned {
            for j in 0..<product.n {
                for p in 0..<product.k { turned.pointer[p * product.n + j] = product.b[j * product.bStride + p] }
            }
        }
        withExtendedLifetime(turned) {
            kernels.small_product(
                Int64(product.m), Int64(product.n), Int64(product.k), product.a,
                Int64(product.transposeA ? 1 : product.aStride), Int64(product.transposeA ? product.aStride : 1),
                turned.map { UnsafePointer($0.pointer) } ?? product.b,
                Int64(turned == nil ? product.bStride : product.n), product.c, Int64(product.cStride), product.beta == 1
            )
        }
    }

    package static func apply(
        _ operation: UnaryOperation, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, count: Int
    ) {
        kernels.unary(operation.kernel, x, y, Int64(count))
    }

    package static func applyGradient(
        _ operation: UnaryOperation, _ x: UnsafePointer<Float>, _ dy: UnsafePointer<Float>,
        _ dx: UnsafeMutablePointer<Float>, count: Int
    ) {
        kernels.unary_gradient(operation.kernel, x, dy, dx, Int64(count))
    }

    package static func combine(
        _ operation: BinaryOperation, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>,
        _ out: UnsafeMutablePointer<Float>, rows: Int, count: Int
    ) {
        kernels.combine(
            saccade_binary_operation(UInt32(operation.rawValue)), a, b, out, Int64(rows), Int64(count))
    }

    package static func accumulate(
        _ x: UnsafePointer<Float>, scaledBy factor: Float, into y: UnsafeMutablePointer<Float>, count: Int
    ) {
        kernels.accumulate(x, factor, y, Int64(count))
    }

    package static func scale(
        _ x: UnsafePointer<Float>, by factor: Float, into y: UnsafeMutablePointer<Float>, count: Int
    ) {
        kernels.scale(x, factor, y, Int64(count))
    }

    package static func accumulateProduct(
        _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, count: Int
    ) {
        kernels.accumulate_product(a, b, y, Int64(count))
    }

    package static func dropout(_ pass: DropoutPass<Float>, count: Int) {
        let mask = saccade_dropout(offset: pass.offset, seed: pass.seed, threshold: pass.threshold, scale: pass.scale)
        kernels.dropout(mask, pass.x, pass.y, Int64(count))
    }

    package static func dot(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, count: Int) -> Float {
        kernels.dot(a, b, Int64(count))
    }

    package static func sum(_ x: UnsafePointer<Float>, count: Int) -> Float { kernels.sum(x, Int64(count)) }

    package static func sumOfSquares(_ x: UnsafePointer<Float>, count: Int) -> Double {
        kernels.sum_of_squares(x, Int64(count))
    }

    package static func accumulateRows(
        _ x: UnsafePointer<Float>, rows: Int, stride: Int, into y: UnsafeMutablePointer<Float>, count: Int
    ) {
        kernels.accumulate_rows(x, Int64(rows), Int64(stride), y, Int64(count))
    }

    package static func layerNorm(_ norm: LayerNormPass<Float>, _ y: UnsafeMutablePointer<Float>) {
        withUnsafePointer(to: norm.kernel) { kernels.layer_norm($0, y) }
    }

    package static func layerNormGradient(
        _ norm: LayerNormPass<Float>, _ dy: UnsafePointer<Float>, _ dx: UnsafeMutablePointer<Float>,
        dgamma: UnsafeMutablePointer<Float>, dbeta: UnsafeMutablePointer<Float>
    ) {
        withUnsafePointer(to: norm.kernel) { kernels.layer_norm_gradient($0, dy, dx, dgamma, dbeta) }
    }

    package static func softmax(
        _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, rows: Int, count: Int
    ) {
        kernels.softmax(x, y, Int64(rows), Int64(count))
    }

    package static func softmaxGradient(
        _ y: UnsafePointer<Float>, _ dy: UnsafePointer<Float>, _ dx: UnsafeMutablePointer<Float>, rows: Int, count: Int
    ) {
        kernels.softmax_gradient(y, dy, dx, Int64(rows), Int64(count))
    }

    package static func logSumExp(
        _ x: UnsafePointer<Float>, _ result: UnsafeMutablePointer<Float>, rows: Int, count: Int
    ) {
        kernels.log_sum_exp(x, result, Int64(rows), Int64(count))
    }

    package static func shiftedExponential(
        _ x: UnsafePointer<Float>, shift: Float, factor: Float, into y: UnsafeMutablePointer<Float>, count: Int
    ) {
        kernels.shifted_exponential(x, shift, factor, y, Int64(count))
    }

    package static func attend(_ head: AttentionHead<Float>) {
        withUnsafePointer(to: head.kernel) { kernels.attend($0) }
    }

    package static func attendGradient(_ head: AttentionHead<Float>, _ gradient: AttentionHeadGradient<Float>) {
        var outputs = saccade_attention_gradient()
        outputs.doutput = gradient.doutput
        outputs.dquery = gradient.dquery
        outputs.dkey = gradient.dkey
        outputs.dvalue = gradient.dvalue
        outputs.adding = gradient.adding
        withUnsafePointer(to: head.kernel) { kernels.attend_gradient($0, &outputs) }
    }

    package static func depthwise(
        _ pass: DepthwisePass<Float>, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>
    ) {
        withUnsafePointer(to: pass.kernelMap) { kernels.depthwise($0, x, y) }
    }

    package static func depthwiseGradient(
        _ pass: DepthwisePass<Float>, _ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>, _ dy: UnsafePointer<Float>,
        _ dx: UnsafeMutablePointer<Float>, dweights: UnsafeMutablePointer<Float>, dbias: UnsafeMutablePointer<Float>
    ) {
        withUnsafePointer(to: pass.kernelMap) { kernels.depthwise_gradient($0, x, y, dy, dx, dweights, dbias) }
    }

    package static func adamW(_ step: AdamWStep, _ buffers: AdamWBuffers<Float>, count: Int) {
        let constants = saccade_adamw_step(
            rate: Float(step.correctedRate), correction: Float(step.inverseRootCorrection), beta1: Float(step.beta1),
            beta2: Float(step.beta2), epsilon: Float(step.epsilon),
            decay: Float(1 - step.learningRate * step.weightDecay), gradient_scale: Float(step.gradientScale))
        kernels.adamw(
            constants, buffers.parameter, buffers.gradient, buffers.firstMoment, buffers.secondMoment, Int64(count))
    }
}

extension UnaryOperation {
    fileprivate var kernel: saccade_unary_operation { saccade_unary_operation(UInt32(rawValue)) }
}

extension LayerNormPass<Float> {
    fileprivate var kernel: saccade_layer_norm {
        saccade_layer_norm(
            x: x, gamma: gamma, beta: beta, mean: mean, inverse_deviation: inverseDeviation, rows: Int64(rows),
            count: Int64(count), epsilon: epsilon)
    }
}

extension DepthwisePass<Float> {
    fileprivate var kernelMap: saccade_depthwise_map {
        saccade_depthwise_map(
            height: Int64(height), width: Int64(width), channels: Int64(channels), kernel: Int64(kernel),
            stride: Int64(stride), weights: weights, bias: bias, scratch: scratch)
    }
}

extension AttentionHead<Float> {
    fileprivate var kernel: saccade_attention_head {
        saccade_attention_head(
            query: query, key: key, value: value, query_stride: Int64(queryStride), key_stride: Int64(keyStride),
            value_stride: Int64(valueStride), probabilities: probabilities, output: output,
            output_stride: Int64(outputStride), queries: Int64(queries), keys: Int64(keys),
            key_length: Int64(keyLength), depth: Int64(depth),
            mask: saccade_attention_mask(UInt32(mask.rawValue)), scratch: scratch)
    }
}
