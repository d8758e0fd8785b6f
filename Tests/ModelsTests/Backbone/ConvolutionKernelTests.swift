import CKernels
import TestSupport
import Testing

/// Every instruction set of the convolution kernels beside the scalar reference, over sizes that leave every kind of rest.
@Suite struct ConvolutionKernelTests {
    static let fastLevels = [SACCADE_SIMD_AVX2, SACCADE_SIMD_AVX512, SACCADE_SIMD_AVX512VNNI]
        .filter { $0.rawValue <= saccade_simd_supported().rawValue }.map(\.rawValue)

    /// Sums in another order differ by a few units in the last place of their largest term; these stay below 10.
    private static let tolerance: Float = 1e-4

    private static func random(_ count: Int, _ generator: inout SeededGenerator) -> [Float] {
        (0..<count).map { _ in Float.random(in: -1...1, using: &generator) }
    }

    private static func difference(_ a: [Float], _ b: [Float]) -> Float {
        zip(a, b).map { $0.isNaN || $1.isNaN ? .infinity : abs($0 - $1) }.max() ?? 0
    }

    @Test(arguments: fastLevels)
    func `A product equals the reference for every rest of rows and columns`(level: UInt32) throws {
        var generator = SeededGenerator(state: 7)
        let columns = [8, 16, 24, 32, 40, 48, 56, 64, 72, 88, 96, 104, 120]
        for (index, outputs) in columns.enumerated() {
            let inputs = 1 + index * 5
            let weights = Self.random(inputs * outputs, &generator)
            let bias = Self.random(outputs, &generator)
            for rows in Array(1...17) + [33] {
                let input = Self.random(rows * inputs, &generator)
                let residual = Self.random(rows * outputs, &generator)
                for (relu6, adds) in [(true, false), (false, true), (false, false)] {
                    func product(_ level: UInt32) throws -> [Float] {
                        let product = try #require(
                            saccade_pointwise_create(
                                saccade_simd_level(level), Int32(inputs), Int32(outputs), weights, bias))
                        defer { saccade_pointwise_destroy(product) }
                        var output = [Float](repeating: .nan, count: rows * outputs)
                        saccade_pointwise_apply(
                            product, input, Int32(rows), relu6 ? 1 : 0, adds ? residual : nil, &output)
                        return output
                    }
                    let off = try Self.difference(product(level), product(SACCADE_SIMD_SCALAR.rawValue))
                    #expect(off < Self.tolerance, "\(rows) rows, \(inputs) inputs, \(outputs) outputs")
                }
            }
        }
    }

    @Test(arguments: fastLevels)
    func `A depthwise row equals the reference for every kernel, stride and width`(level: UInt32) throws {
        var generator = SeededGenerator(state: 8)
        for (kernel, stride) in [(3, 1), (3, 2), (5, 1), (5, 2)] {
            for channels in [8, 16, 24, 48, 72] {
                let weights = Self.random(channels * kernel * kernel, &generator)
                let bias = Self.random(channels, &generator)
                for width in Array(1...17) {
                    let rowFloats = ((width - 1) * stride + kernel) * channels
                    let input = Self.random(rowFloats * kernel, &generator)
                    func row(_ level: UInt32) throws -> [Float] {
                        let depthwise = try #require(
                            saccade_depthwise_create(
                                saccade_simd_level(level), Int32(channels), Int32(kernel), Int32(stride), weights, bias)
                        )
                        defer { saccade_depthwise_destroy(depthwise) }
                        var output = [Float](repeating: .nan, count: width * channels)
                        input.withUnsafeBufferPointer { input in
                            var rows: [UnsafePointer<Float>?] = (0..<kernel).map { input.baseAddress! + $0 * rowFloats }
                            saccade_depthwise_row(depthwise, &rows, Int32(width), &output)
                        }
                        return output
                    }
                    let off = try Self.difference(row(level), row(SACCADE_SIMD_SCALAR.rawValue))
                    #expect(off < Self.tolerance, "kernel \(kernel), stride \(stride), \(channels) x \(width)")
                }
            }
        }
    }

    /// A block by its definition: whole padded maps, one after the other.
    private static func reference(
        input: [Float], height: Int, width: Int, inputs: Int, wide: Int, outputs: Int, kernel: Int, stride: Int,
        weights: (expand: [Float], depthwise: [Float], project: [Float]), residual: Bool
    ) -> [Float] {
        func clipped(_ x: Float) -> Float { min(max(x, 0), 6) }
        var map = [Float](repeating: 0, count: height * width * wide)
        for cell in 0..<height * width {
            for w in 0..<wide {
                map[cell * wide + w] = clipped(
                    (0..<inputs).reduce(0) { $0 + input[cell * inputs + $1] * weights.expand[w * inputs + $1] })
            }
        }
        let (tall, broad) = ((height + stride - 1) / stride, (width + stride - 1) / stride)
        let top = max((tall - 1) * stride + kernel - height, 0) / 2
        let left = max((broad - 1) * stride + kernel - width, 0) / 2
        var result: [Float] = []
        for y in 0..<tall {
            for x in 0..<broad {
                let deep = (0..<wide).map { w in
                    var sum: Float = 0
                    for i in 0..<kernel {
                        for j in 0..<kernel {
                            let (row, column) = (y * stride + i - top, x * stride + j - left)
                            guard (0..<height).contains(row), (0..<width).contains(column) else { continue }
                            sum +=
                                map[(row * width + column) * wide + w]
                                * weights.depthwise[(w * kernel + i) * kernel + j]
                        }
                    }
                    return clipped(sum)
                }
                for o in 0..<outputs {
                    let sum = (0..<wide).reduce(Float(0)) { $0 + deep[$1] * weights.project[o * wide + $1] }
                    result.append(sum + (residual ? input[(y * width + x) * inputs + o] : 0))
                }
            }
        }
        return result
    }

    @Test(arguments: [(3, 1), (3, 2), (5, 1), (5, 2)])
    func `A block computed a few rows at a time equals its definition on whole maps, at every instruction set`(
        kernel: Int, stride: Int
    ) throws {
        var generator = SeededGenerator(state: 9)
        // The last is high enough to be cut into several tiles of rows.
        for (height, width, inputs, wide) in [
            (1, 1, 8, 16), (2, 7, 8, 24), (9, 5, 16, 48), (13, 14, 8, 40), (61, 24, 8, 96),
        ] {
            let weights = (
                expand: Self.random(wide * inputs, &generator),
                depthwise: Self.random(wide * kernel * kernel, &generator),
                project: Self.random(inputs * wide, &generator)
            )
            let input = Self.random(height * width * inputs, &generator)
            let expected = Self.reference(
                input: input, height: height, width: width, inputs: inputs, wide: wide, outputs: inputs, kernel: kernel,
                stride: stride, weights: weights, residual: stride == 1)
            let zeros = [Float](repeating: 0, count: wide)
            for level in [SACCADE_SIMD_SCALAR.rawValue] + Self.fastLevels {
                let level = saccade_simd_level(level)
                let expand = saccade_pointwise_create(level, Int32(inputs), Int32(wide), weights.expand, zeros)
                let depthwise = saccade_depthwise_create(
                    level, Int32(wide), Int32(kernel), Int32(stride), weights.depthwise, zeros)
                let project = saccade_pointwise_create(level, Int32(wide), Int32(inputs), weights.project, zeros)
                defer {
                    saccade_pointwise_destroy(expand)
                    saccade_depthwise_destroy(depthwise)
                    saccade_pointwise_destroy(project)
                }
                var block = saccade_block()
                block.source = SACCADE_ROWS_EXPAND
                block.expand = UnsafePointer(try #require(expand))
                block.depthwise = UnsafePointer(try #require(depthwise))
                block.project = UnsafePointer(try #require(project))
                block.residual = stride == 1 ? 1 : 0
                var output = [Float](repeating: .nan, count: expected.count)
                // NaN in the scratch shows whatever is read before it is written.
                var scratch = [Float](
                    repeating: .nan, count: saccade_block_scratch(&block, Int32(height), Int32(width)))
                saccade_block_apply(&block, input, Int32(height), Int32(width), &output, &scratch)
                #expect(
                    Self.difference(output, expected) < Self.tolerance, "\(height) x \(width), \(inputs) to \(wide)")
            }
        }
    }

    @Test func `Shapes that no kernel is made for are refused`() {
        let zeros = [Float](repeating: 0, count: 1000)
        let level = saccade_simd_detected()
        #expect(saccade_pointwise_create(level, 4, 12, zeros, zeros) == nil)
        #expect(saccade_pointwise_create(level, 0, 8, zeros, zeros) == nil)
        #expect(saccade_depthwise_create(level, 8, 4, 1, zeros, zeros) == nil)
        #expect(saccade_depthwise_create(level, 8, 3, 3, zeros, zeros) == nil)
        #expect(saccade_depthwise_create(level, 12, 3, 1, zeros, zeros) == nil)
    }
}
