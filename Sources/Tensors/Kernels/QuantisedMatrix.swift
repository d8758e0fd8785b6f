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

    /// [outputs, inputs]: the numbers that the integers stand for.
    package var weight: Tensor<Float> {
        let (columns, groups) = (Int(SACCADE_QUANTISED_COLUMNS), Int(saccade_quantised_pitch(Int32(inputs))) / 4)
        return Tensor(uninitialized: [outputs, inputs]) { numbers in
            for output in 0..<outputs {
                let (panel, column) = output.quotientAndRemainder(dividingBy: columns)
                let scale = pointer.pointee.scales[output]
                for input in 0..<inputs {
                    let group = (panel * groups + input / 4) * columns + column
                    numbers[output * inputs + input] = Float(pointer.pointee.weights[group * 4 + input % 4]) * scale
                }
            }
        }
    }

    deinit { saccade_quantised_destroy(pointer) }

    /// [..., inputs] → [..., outputs], on the thread pool. A row with a number that isn't finite becomes NaN.
    ///
    /// - Parameter operation: what is made of each output, while it is in the cache.
    package func callAsFunction(_ x: Tensor<Float>, then operation: UnaryOperation? = nil) -> Tensor<Float> {
        self(QuantisedRows(x, kernel: kernel), then: operation)
    }

    /// The same of activations that several products share.
    package func callAsFunction(_ x: QuantisedRows, then operation: UnaryOperation? = nil) -> Tensor<Float> {
        precondition(x.shape.last == inputs, "a product of \(inputs) inputs can't take the shape \(x.shape)")
        let rows = x.rows
        defer { withExtendedLifetime(x) {} }
        return Tensor(uninitialized: x.shape.dropLast() + [outputs]) { output in
            // 20 µs of work are some ten million multiplications.
            let each = rows * inputs * Int(SACCADE_QUANTISED_COLUMNS)
            parallelFor(Int(saccade_quantised_panels(Int32(outputs))), grain: max(1, 8_000_000 / max(1, each))) {
                for first in stride(from: 0, to: rows, by: Self.rowsTogether) {
                    let count = min(Self.rowsTogether, rows - first)
                    let output = output + first * outputs
                    saccade_quantised_apply(
                        kernel, pointer, x.bytes + first * x.pitch, x.scales + first, Int32(count),
                        Int32($0.lowerBound), Int32($0.upperBound), output)
                    if let operation { apply(operation, to: output, rows: count, panels: $0) }
                }
            }
        }
    }

    /// What a thread computes of so many rows stays in its cache.
    private static let rowsTogether = Int(SACCADE_QUANTISED_ROWS)

    private func apply(
        _ operation: UnaryOperation, to output: UnsafeMutablePointer<Float>, rows: Int, panels: Range<Int>
    ) {
        let first = panels.lowerBound * Int(SACCADE_QUANTISED_COLUMNS)
        let count = min(outputs, panels.upperBound * Int(SACCADE_QUANTISED_COLUMNS)) - first
        for row in 0..<rows {
            let part = output + row * outputs + first
            Float.apply(operation, part, part, count: count)
        }
    }
}

/// Rows of activations in 8 bits, each with a scale of its own.
package final class QuantisedRows: @unchecked Sendable {
    // Sendable: the memory is written in `init` only.

    /// [..., inputs], of what was quantised.
    package let shape: [Int]
    fileprivate let rows: Int
    /// Bytes from row to row.
    fileprivate let pitch: Int
    private let memory: TensorBuffer<Float>

    /// - Parameter x: [..., inputs].
    package init(_ x: Tensor<Float>, kernel: saccade_quantised_kernel = saccade_quantised_detected()) {
        let inputs = x.shape.last ?? 1
        shape = x.shape
        rows = x.count / inputs
        pitch = Int(saccade_quantised_pitch(Int32(inputs)))
        memory = TensorBuffer(count: rows + saccade_quantised_size(Int32(rows), Int32(inputs)) / 4)
        let (bytes, scales, pitch) = (bytes, scales, pitch)
        parallelFor(rows, grain: max(1, 65_536 / inputs)) { range in
            saccade_quantise_rows(
                kernel, x.pointer + range.lowerBound * inputs, Int32(range.count), Int32(inputs),
                bytes + range.lowerBound * pitch, scales + range.lowerBound)
        }
    }

    fileprivate var scales: UnsafeMutablePointer<Float> { memory.pointer }
    fileprivate var bytes: UnsafeMutablePointer<UInt8> {
        UnsafeMutableRawPointer(memory.pointer + rows).assumingMemoryBound(to: UInt8.self)
    }
}

extension Tensor<Float>? {
    fileprivate func withPointer<Result>(_ body: (UnsafePointer<Float>?) -> Result) -> Result {
        guard let self else { return body(nil) }
        return self.withUnsafeBufferPointer { body($0.baseAddress) }
    }
}
