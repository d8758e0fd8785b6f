import CKernels
import Tensors
import Testing

/// The vector kernels against the scalar ones, at every level that this processor has.
///
/// Tolerances: results are sums of at most 100 terms near 1 in another order, and functions by polynomials whose absolute
/// error is below 2e-7: 2e-5 relative to the greater of 1 and the value holds both with room.
@Suite struct KernelTests {
    static let levels: [saccade_simd_level] = [SACCADE_SIMD_AVX2, SACCADE_SIMD_AVX512].filter {
        $0.rawValue <= saccade_simd_supported().rawValue
    }
    static let sizes = [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100]

    let scalar = saccade_tensor_kernels_at(SACCADE_SIMD_SCALAR).pointee

    /// Runs `body` with each table on its own copy of `buffers` and compares the copies afterwards.
    private func compare(
        _ buffers: [[Float]], sourceLocation: SourceLocation = #_sourceLocation,
        _ body: (saccade_tensor_kernels, [UnsafeMutablePointer<Float>]) -> Void
    ) {
        func run(_ kernels: saccade_tensor_kernels) -> [[Float]] {
            // A guard beyond the end shows a kernel that writes too far.
            let copies = buffers.map { values in
                let copy = UnsafeMutablePointer<Float>.allocate(capacity: values.count + 16)
                copy.update(from: values + [Float](repeating: 77, count: 16), count: values.count + 16)
                return copy
            }
            defer { for copy in copies { copy.deallocate() } }
            body(kernels, copies)
            return zip(copies, buffers).map { Array(UnsafeBufferPointer(start: $0, count: $1.count + 16)) }
        }
        let expected = run(scalar)
        for level in Self.levels {
            let found = run(saccade_tensor_kernels_at(level).pointee)
            for (buffer, (one, other)) in zip(expected, found).enumerated() {
                for (place, (a, b)) in zip(one, other).enumerated() where !(a.isNaN && b.isNaN) && a != b {
                    #expect(
                        abs(a - b) <= 2e-5 * max(1, abs(a)),
                        "level \(level.rawValue), buffer \(buffer), element \(place): \(a) and \(b)",
                        sourceLocation: sourceLocation)
                }
            }
        }
    }

    private func numbers(_ count: Int, seed: UInt64 = 3, deviation: Double = 1) -> [Float] {
        var random = SplitMix64(seed: seed &+ UInt64(count))
        return (0..<count).map { _ in Float(random.nextNormal() * deviation) }
    }

    @Test(arguments: sizes) func `Functions of one number agree with the scalar reference`(count: Int) {
        for operation in UnaryOperation.allCases {
            let kernel = saccade_unary_operation(UInt32(operation.rawValue))
            var x = numbers(count, deviation: 3)
            if operation == .logarithm { x = x.map { abs($0) + 0.01 } }
            compare([x, numbers(count, seed: 8), numbers(count)]) {
                $0.unary(kernel, $1[0], $1[2], Int64(count))
                $0.unary_gradient(kernel, $1[0], $1[1], $1[1], Int64(count))
            }
        }
    }

    @Test func `Extreme numbers give what libm gives`() {
        let x: [Float] = [
            0, -0.0, 1e-30, -1e-30, 20, -20, 87.5, -87.5, 88.7, 89.5, -103, -110, 1e30, -1e30, .infinity, -.infinity,
            .nan,
        ]
        for operation in [SACCADE_RELU, SACCADE_RELU6, SACCADE_TANH, SACCADE_SIGMOID, SACCADE_EXP] {
            compare([x, x]) { $0.unary(operation, $1[0], $1[1], Int64(x.count)) }
        }
        let finite = x.filter { $0.isFinite && abs($0) < 1e6 }
        for operation in [SACCADE_GELU, SACCADE_SWISH, SACCADE_QUICK_GELU, SACCADE_TANH_GELU] {
            compare([finite, finite]) { $0.unary(operation, $1[0], $1[1], Int64(finite.count)) }
        }
    }

    @Test(arguments: sizes) func `Arithmetic agrees with the scalar reference`(count: Int) {
        for operation in [SACCADE_ADD, SACCADE_SUBTRACT, SACCADE_MULTIPLY] {
            compare([numbers(3 * count), numbers(count), numbers(3 * count)]) {
                $0.combine(operation, $1[0], $1[1], $1[2], 3, Int64(count))
            }
        }
        compare([numbers(count), numbers(count, seed: 5), numbers(count, seed: 6)]) {
            $0.accumulate($1[0], 0.3, $1[1], Int64(count))
            $0.accumulate_product($1[0], $1[1], $1[2], Int64(count))
            $0.scale($1[2], -1.5, $1[2], Int64(count))
        }
        compare([numbers(count), numbers(count)]) {
            let mask = saccade_dropout(offset: 11, seed: 12345, threshold: 1 << 31, scale: 2)
            $0.dropout(mask, $1[0], $1[1], Int64(count))
        }
    }

    @Test(arguments: sizes) func `Sums agree with the scalar reference`(count: Int) {
        compare([numbers(count), numbers(count, seed: 5), [0, 0, 0]]) {
            $1[2][0] = $0.dot($1[0], $1[1], Int64(count))
            $1[2][1] = $0.sum($1[0], Int64(count))
            $1[2][2] = Float($0.sum_of_squares($1[0], Int64(count)))
        }
        for rows in [0, 1, 7, 8, 19] {
            compare([numbers(rows * (count + 2)), numbers(count)]) {
                $0.accumulate_rows($1[0], Int64(rows), Int64(count + 2), $1[1], Int64(count))
            }
        }
    }

    @Test(arguments: sizes.dropFirst()) func `Layer normalisation agrees with the scalar reference`(count: Int) {
        let rows = 5
        compare([
            numbers(rows * count), numbers(count), numbers(count, seed: 2), numbers(rows), numbers(rows),
            numbers(rows * count), numbers(rows * count, seed: 4), numbers(count), numbers(count),
        ]) { kernels, buffers in
            var norm = saccade_layer_norm(
                x: buffers[0], gamma: buffers[1], beta: buffers[2], mean: buffers[3], inverse_deviation: buffers[4],
                rows: Int64(rows), count: Int64(count), epsilon: 1e-3)
            kernels.layer_norm(&norm, buffers[5])
            kernels.layer_norm_gradient(&norm, buffers[6], buffers[6], buffers[7], buffers[8])
        }
    }

    @Test(arguments: sizes) func `Softmax agrees with the scalar reference`(count: Int) {
        var x = numbers(4 * count, deviation: 5)
        if count > 2 { x[1] = -.infinity }
        compare([x, numbers(4 * count), numbers(4 * count), numbers(4)]) {
            $0.log_sum_exp($1[0], $1[3], 4, Int64(count))
            $0.shifted_exponential($1[0], 4, -0.5, $1[2], Int64(count))
            $0.softmax($1[0], $1[0], 4, Int64(count))
            $0.softmax_gradient($1[0], $1[1], $1[1], 4, Int64(count))
        }
    }

    @Test(arguments: sizes) func `Small products agree with the scalar reference`(count: Int) {
        for (m, n, k) in [(count, 5, 7), (3, count, 4), (17, 33, count), (count, count, 9)] {
            for adding in [false, true] {
                compare([numbers(m * k), numbers(k * n), numbers(m * n)]) {
                    $0.small_product(
                        Int64(m), Int64(n), Int64(k), $1[0], Int64(k), 1, $1[1], Int64(n), $1[2], Int64(n), adding)
                }
                compare([numbers(m * k), numbers(k * n), numbers(m * n)]) {
                    $0.small_product(
                        Int64(m), Int64(n), Int64(k), $1[0], 1, Int64(m), $1[1], Int64(n), $1[2], Int64(n), adding)
                }
            }
        }
    }

    @Test(arguments: [SACCADE_MASK_NONE, SACCADE_MASK_CAUSAL, SACCADE_MASK_ANTICAUSAL], [1, 3, 8, 15, 16, 17, 40])
    func `Attention agrees with the scalar reference`(mask: saccade_attention_mask, queries: Int) {
        for (keys, length, depth) in [(1, 1, 8), (5, 0, 4), (17, 13, 32), (40, 40, 20), (64, 64, 32)] {
            let stride = depth + 3
            let lanes = Int(saccade_query_stride(Int64(queries)))
            let ofQueries = queries * stride
            let ofKeys = keys * stride
            for adding in [false, true] {
                compare([
                    numbers(ofQueries), numbers(ofKeys), numbers(ofKeys, seed: 5), numbers(ofQueries),
                    numbers(ofQueries, seed: 6), numbers(ofQueries), numbers(ofKeys), numbers(ofKeys),
                ]) { kernels, buffers in
                    let scratch = Int(saccade_attention_scratch(Int64(queries), Int64(keys), Int64(depth)))
                    withUnsafeTemporaryAllocation(of: Float.self, capacity: scratch + keys * lanes) { memory in
                        memory.initialize(repeating: .nan)
                        var head = saccade_attention_head(
                            query: buffers[0], key: buffers[1], value: buffers[2], query_stride: Int64(stride),
                            key_stride: Int64(stride), value_stride: Int64(stride),
                            probabilities: memory.baseAddress! + scratch, output: buffers[3],
                            output_stride: Int64(stride),
                            queries: Int64(queries), keys: Int64(keys), key_length: Int64(length), depth: Int64(depth),
                            mask: mask, scratch: memory.baseAddress!)
                        kernels.attend(&head)
                        var gradient = saccade_attention_gradient(
                            doutput: buffers[4], dquery: buffers[5], dkey: buffers[6], dvalue: buffers[7],
                            adding: adding)
                        kernels.attend_gradient(&head, &gradient)
                    }
                }
            }
        }
    }

    @Test(arguments: [(3, 1), (3, 2), (5, 1), (5, 2)], [1, 7, 8, 16, 17, 24])
    func `Depthwise convolutions agree with the scalar reference`(shape: (kernel: Int, stride: Int), channels: Int) {
        for (height, width) in [(1, 1), (2, 3), (5, 4), (7, 9), (8, 8), (16, 13)] {
            let (kernel, stride) = (Int64(shape.kernel), Int64(shape.stride))
            let taps = shape.kernel * shape.kernel * channels
            let inputs = height * width * channels
            let rows = Int(saccade_same(Int64(height), kernel, stride).out)
            let outputs = rows * Int(saccade_same(Int64(width), kernel, stride).out) * channels
            // Some of the values are cut off on either side.
            let x = numbers(inputs, deviation: 4).map { min(max($0, 0), 6) }
            compare([
                x, numbers(taps, seed: 2, deviation: 0.3), numbers(channels), numbers(outputs),
                numbers(outputs, seed: 4), numbers(inputs), numbers(taps, seed: 5), numbers(channels, seed: 6),
            ]) { kernels, buffers in
                var map = saccade_depthwise_map()
                (map.height, map.width, map.channels) = (Int64(height), Int64(width), Int64(channels))
                (map.kernel, map.stride) = (kernel, stride)
                (map.weights, map.bias) = (UnsafePointer(buffers[1]), UnsafePointer(buffers[2]))
                // NaN in the scratch shows whatever is read before it is written.
                var scratch = [Float](repeating: .nan, count: Int(saccade_depthwise_map_scratch(&map)))
                scratch.withUnsafeMutableBufferPointer { scratch in
                    map.scratch = scratch.baseAddress
                    kernels.depthwise(&map, buffers[0], buffers[3])
                    kernels.depthwise_gradient(
                        &map, buffers[0], buffers[3], buffers[4], buffers[5], buffers[6], buffers[7])
                }
            }
        }
    }

    @Test(arguments: sizes) func `AdamW agrees with the scalar reference`(count: Int) {
        let step = saccade_adamw_step(
            rate: 1e-2, correction: 1.2, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, decay: 0.999, gradient_scale: 0.5)
        compare([numbers(count), numbers(count, seed: 4), numbers(count, seed: 5), numbers(count).map(abs)]) {
            $0.adamw(step, $1[0], $1[1], $1[2], $1[3], Int64(count))
        }
    }
}
