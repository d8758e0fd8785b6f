import CKernels
import Tensors
import Testing

/// Products in 8 bits: every kernel that this processor has against the scalar one, and that one against its definition.
@Suite struct QuantisedMatrixTests {
    static let kernels: [saccade_quantised_kernel] = [
        SACCADE_QUANTISED_SCALAR, SACCADE_QUANTISED_AVX2, SACCADE_QUANTISED_AVXVNNI, SACCADE_QUANTISED_AVX512VNNI,
        SACCADE_QUANTISED_AMX,
    ].filter { saccade_quantised_supports($0) != 0 }

    private func numbers(_ shape: [Int], seed: UInt64, deviation: Double = 1) -> Tensor<Float> {
        var random = SplitMix64(seed: seed)
        return Tensor(normal: shape, deviation: deviation, using: &random)
    }

    /// What `saccade_quantise_rows` does to one row, in doubles where that decides nothing.
    private func rounded(_ row: ArraySlice<Float>) -> (integers: [Int], scale: Float) {
        let largest = row.reduce(0) { max($0, abs($1)) }
        let factor = largest > 0 ? 127 / largest : 0
        return (row.map { Int(($0 * factor).rounded(.toNearestOrEven)) }, largest / 127)
    }

    @Test(arguments: kernels)
    func `A product is that of the rounded numbers, for all sizes`(kernel: saccade_quantised_kernel) {
        var random = SplitMix64(seed: 11)
        for trial in 0..<60 {
            let rows = 1 + Int(random.next() % 70)
            let inputs = 1 + Int(random.next() % 140)
            let outputs = 1 + Int(random.next() % 70)
            let x = numbers([rows, inputs], seed: random.next()).scalars
            // The extremes together give the largest sums: bytes multiplied in 16 bits would saturate.
            let integers = (0..<inputs * outputs).map { _ in
                trial % 3 == 0 ? [Int8.min, 127][Int(random.next() % 2)] : Int8(truncatingIfNeeded: random.next())
            }
            let scales = (0..<outputs).map { _ in Float(random.next() % 1_000) / 1_000 }
            let bias = trial % 2 == 0 ? numbers([outputs], seed: random.next()) : nil
            let matrix = QuantisedMatrix(integers: integers, scales: scales, bias: bias, kernel: kernel)
            let found = matrix(Tensor(x, shape: [rows, 1, inputs]))
            #expect(found.shape == [rows, 1, outputs])
            for row in 0..<rows {
                let (bytes, scale) = rounded(x[row * inputs..<(row + 1) * inputs])
                for output in 0..<outputs {
                    let sum = (0..<inputs).reduce(0) { $0 + bytes[$1] * Int(integers[output * inputs + $1]) }
                    let expected = Double(sum) * Double(scale * scales[output]) + Double(bias?.scalars[output] ?? 0)
                    let difference = abs(Double(found.scalars[row * outputs + output]) - expected)
                    #expect(difference <= 1e-5 * max(1, abs(expected)), "\(rows)×\(inputs)×\(outputs)")
                    guard difference.isFinite else { return }
                }
            }
        }
    }

    @Test func `The largest sum fits`() {
        let inputs = QuantisedMatrix.mostInputs
        let x = Tensor<Float>(repeating: 2, shape: [1, inputs])
        for kernel in Self.kernels {
            let matrix = QuantisedMatrix(
                integers: [Int8](repeating: -128, count: inputs), scales: [1], bias: nil, kernel: kernel)
            let expected = -128 * 127 * Float(inputs) * (2 / 127)
            #expect(abs(matrix(x).scalar / expected - 1) < 1e-6)
        }
    }

    @Test(arguments: kernels, UnaryOperation.allCases.filter { $0 != .logarithm })
    func `A function of the outputs is computed as by itself`(
        kernel: saccade_quantised_kernel, operation: UnaryOperation
    ) {
        // More rows than are computed together, and panels that aren't full.
        let (rows, inputs, outputs) = (205, 9, 71)
        let matrix = QuantisedMatrix(
            integers: (0..<inputs * outputs).map { Int8(truncatingIfNeeded: $0 * 37) },
            scales: [Float](repeating: 0.01, count: outputs), bias: numbers([outputs], seed: 4), kernel: kernel)
        let x = numbers([rows, inputs], seed: 5)
        let plain = Variable(constant: matrix(x)).applying(operation).value
        let found = matrix(x, then: operation)
        #expect(found.shape == [rows, outputs])
        for (one, other) in zip(found.scalars, plain.scalars) { #expect(abs(one - other) <= 1e-6 * max(1, abs(other))) }
    }

    @Test(arguments: kernels)
    func `Rows of zeros, of tiny numbers and of none keep to themselves`(kernel: saccade_quantised_kernel) {
        let inputs = 21
        func row(_ value: Float) -> [Float] { [Float](repeating: value, count: inputs) }
        var broken = row(1)
        broken[20] = .nan
        var endless = row(1)
        endless[3] = -.infinity
        let x = row(0) + row(.leastNonzeroMagnitude) + broken + endless + row(0.5)
        let matrix = QuantisedMatrix(
            integers: [Int8](repeating: 3, count: inputs), scales: [0.5], bias: Tensor([0.25], shape: [1]),
            kernel: kernel)
        let found = matrix(Tensor(x, shape: [5, inputs])).scalars
        #expect(abs(found[0] - 0.25) < 1e-6 && abs(found[1] - 0.25) < 1e-6)
        #expect(found[2].isNaN && found[3].isNaN)
        #expect(abs(found[4] - (0.25 + 0.5 * 1.5 * Float(inputs))) < 1e-4)
    }
}
