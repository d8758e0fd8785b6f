package import CKernels
import Threads

/// The weights of a linear map in 8 bits, laid out for the processor: y = Wx + b, activations quantised a row at a time as they come.
///
/// Integers are summed exactly, so every instruction set gives the same sums; only the last multiplication by the scales is rounded.
/// Source: symmetric weights with a scale an output channel and dynamic activations, as in Jacob et al., "Quantization and Training of
/// Neural Networks for Efficient Integer-Arithmetic-Only Inference", CVPR 2018, and Krishnamoorthi, arXiv 1806.08342, section 3.
package final class QuantisedMatrix: @unchecked Sendable {
    // Sendable: the memory is written in `init` only.
    private let pointer: UnsafeMutablePointer<saccade_quantised>
    private let kernel: saccade_quantised_kernel

    package let inputs: Int
    package let outputs: Int

    /// The most inputs that a sum of 32 bits holds.
    package static var mostInputs: Int { Int(SACCADE_QUANTISED_MOST_INPUTS) }

    /// Weight = integer × its row's scale.
    ///
    /// - Parameters:
    ///   - integers: [outputs, inputs], row-major; at most ``mostInputs`` inputs.
    ///   - scales: one an output.
    ///   - bias: [outputs], or nil.
    package init(
        integers: [Int8], scales: [Float], bias: Tensor<Float>?,
        kernel: saccade_quantised_kernel = saccade_quantised_detected()
    ) {
        precondition(
            !scales.isEmpty && integers.count.isMultiple(of: scales.count),
            "\(integers.count) integers with \(scales.count) scales")
        let (outputs, inputs) = (scales.count, integers.count / scales.count)
        precondition(1...Self.mostInputs ~= inputs, "a product in 8 bits can't have \(inputs) inputs")
        precondition(bias.map { $0.count == scales.count } ?? true, "a bias of shape \(bias?.shape ?? [])")
        let packed = bias.withPointer { bias in
            saccade_quantised_create(Int32(inputs), Int32(outputs), integers, scales, bias)
        }
        guard let packed else { fatalError("no memory for \(integers.count) weights") }
        pointer = packed
        self.kernel = kernel
        self.inputs = inputs
        self.outputs = outputs
    }

    /// Rounds weights to 8 bits: scale = the row's largest magnitude / 127.
    ///
    /// - Parameters:
    ///   - weight: [outputs, inputs], finite numbers.
    ///   - bias: [outputs], or nil.
    package convenience init(
        rounding weight: Tensor<Float>, bias: Tensor<Float>?,
        kernel: saccade_quantised_kernel = saccade_quantised_detected()
    ) {
        precondition(weight.rank == 2 && weight.count > 0, "a matrix of shape \(weight.shape)")
        let (outputs, inputs) = (weight.shape[0], weight.shape[1])
        var scales = [Float](repeating: 0, count: outputs)
        let integers = weight.withUnsafeBufferPointer { weight in
            [Int8](unsafeUninitializedCapacity: weight.count) { integers, count in
                for row in 0..<outputs {
                    let values = UnsafeBufferPointer(rebasing: weight[row * inputs..<(row + 1) * inputs])
                    let largest = values.reduce(0) { max($0, abs($1)) }
                    scales[row] = largest / 127
                    let factor = largest > 0 ? 127 / largest : 0
                    for (column, value) in values.enumerated() {
                        let integer = (value * factor).rounded(.toNearestOrEven)
                        integers.initializeElement(
                            at: row * inputs + column, to: Int8(min(max(integer, -127), 127)))
                    }
                }
                count = weight.count
            }
        }
        self.init(integers: integers, scales: scales, bias: bias, kernel: kernel)
    }

    deinit { saccade_quantised_destroy(pointer) }

    /// [..., inputs] → [..., outputs], on the thread pool. A row with a number that isn't finite becomes NaN.
    package func callAsFunction(_ x: Tensor<Float>) -> Tensor<Float> {
        precondition(x.shape.last == inputs, "a product of \(inputs) inputs can't take the shape \(x.shape)")
        let rows = x.count / inputs
        let block = Int(SACCADE_QUANTISED_ROWS)
        let blocks = (rows + block - 1) / block
        return Tensor(uninitialized: x.shape.dropLast() + [outputs]) { output in
            let size = saccade_quantised_size(Int32(rows), Int32(inputs))
            let bytes = TensorBuffer<Float>(count: (size + 3) / 4 + rows)
            defer { withExtendedLifetime(bytes) {} }
            let scales = bytes.pointer
            let integers = UnsafeMutableRawPointer(scales + rows).assumingMemoryBound(to: UInt8.self)
            parallelFor(blocks, grain: max(1, 65_536 / (block * inputs))) { range in
                let first = range.lowerBound * block
                let count = min(range.upperBound * block, rows) - first
                let offset = saccade_quantised_size(Int32(first), Int32(inputs))
                saccade_quantise_rows(
                    kernel, x.pointer + first * inputs, Int32(count), Int32(inputs), integers + offset, scales + first)
            }
            let panels = Int(saccade_quantised_panels(Int32(outputs)))
            // 20 µs of work are some ten million multiplications.
            let each = rows * inputs * Int(SACCADE_QUANTISED_COLUMNS)
            parallelFor(panels, grain: max(1, 8_000_000 / max(1, each))) { range in
                saccade_quantised_apply(
                    kernel, pointer, integers, scales, Int32(rows), Int32(range.lowerBound), Int32(range.upperBound),
                    nil, output)
            }
        }
    }
}

extension Tensor<Float>? {
    fileprivate func withPointer<Result>(_ body: (UnsafePointer<Float>?) -> Result) -> Result {
        guard let self else { return body(nil) }
        return self.withUnsafeBufferPointer { body($0.baseAddress) }
    }
}
