import Differentiation
import Foundation
import Tensors
import Testing

/// The inverted residual beside finite differences, and beside PyTorch on the numbers of `Fixtures/make_inverted_residual.py`.
@Suite struct InvertedResidualTests {
    private typealias Sizes = (height: Int, width: Int, inputs: Int, wide: Int, outputs: Int)

    private func parameters(_ sizes: Sizes, kernel: Int, images: Int) -> [Tensor<Double>] {
        [
            normal([images, sizes.height * sizes.width, sizes.inputs], seed: 1),
            normal([sizes.wide, sizes.inputs], seed: 2), normal([sizes.wide], seed: 3),
            normal([sizes.wide, kernel, kernel], seed: 4).scaled(by: 0.4), normal([sizes.wide], seed: 5),
            normal([sizes.outputs, sizes.wide], seed: 6), normal([sizes.outputs], seed: 7),
        ]
    }

    private func block<Scalar: TensorScalar>(
        _ p: [Variable<Scalar>], height: Int, width: Int, stride: Int, adds: Bool
    ) -> Variable<Scalar> {
        invertedResidual(
            p[0], height: height, width: width, stride: stride, adds: adds, expand: .init(weight: p[1], bias: p[2]),
            depthwise: .init(weight: p[3], bias: p[4]), project: .init(weight: p[5], bias: p[6]))
    }

    @Test(arguments: [(3, 1), (3, 2), (5, 1), (5, 2)])
    func `An inverted residual has the gradients of finite differences`(kernel: Int, stride: Int) {
        for (height, width) in [(1, 1), (2, 3), (5, 4)] {
            for adds in [false, true] where !adds || stride == 1 {
                let sizes = (height, width, inputs: 3, wide: 4, outputs: adds ? 3 : 2)
                // A corner of ReLU6 within a step of a value would spoil a difference: none of these seeds has one.
                expectGradients(of: parameters(sizes, kernel: kernel, images: 2)) {
                    block($0, height: height, width: width, stride: stride, adds: adds)
                }
            }
        }
    }

    @Test
    func `A pooled convolution has the gradients of finite differences, and is the operations that it is made of`() {
        let inputs = [normal([3, 6, 4]), normal([5, 4], seed: 2).scaled(by: 3), normal([5], seed: 3)]
        expectGradients(of: inputs) { pooledConvolution($0[0], .init(weight: $0[1], bias: $0[2])) }
        let variables = inputs.map { Variable(constant: $0) }
        let found = pooledConvolution(variables[0], .init(weight: variables[1], bias: variables[2])).value.scalars
        let expected = variables[0].linear(weight: variables[1], bias: variables[2]).relu6().mean(axis: 1).value.scalars
        #expect(zip(found, expected).allSatisfy { abs($0 - $1) < 1e-12 })
    }

    /// Single precision keeps 7 digits; sums of up to a few hundred products, in another order than PyTorch's, cost two.
    private let tolerance: Float = 1e-4

    private struct Case: Decodable {
        var height: Int
        var width: Int
        var stride: Int
        var adds: Bool
        var shapes: [[Int]]
        /// The input and the six parameters; the weights of the result in the loss.
        var inputs: [[Float]]
        var weights: [Float]
        var output: [Float]
        var gradients: [[Float]]
    }

    private func cases() throws -> [Case] {
        let path = URL(filePath: #filePath).deletingLastPathComponent().appending(
            path: "Fixtures/inverted-residual.json")
        return try JSONDecoder().decode([Case].self, from: Data(contentsOf: path))
    }

    @Test func `Results and gradients equal PyTorch's`() throws {
        let cases = try cases()
        #expect(cases.count == 6)
        for (number, one) in cases.enumerated() {
            let variables = zip(one.inputs, one.shapes).map { Variable(parameter: Tensor($0, shape: $1)) }
            let output = block(
                variables, height: one.height, width: one.width, stride: one.stride, adds: one.adds)
            let weights = Variable(constant: Tensor(one.weights, shape: output.shape))
            let found = gradients(of: (output * weights).sum(), withRespectTo: variables)
            let pairs = [(output.value.scalars, one.output)] + zip(found.map(\.scalars), one.gradients)
            for (index, (found, expected)) in pairs.enumerated() {
                let scale = expected.map(abs).max() ?? 0
                #expect(found.count == expected.count && scale > 0)
                let off = zip(found, expected).map { abs($0 - $1) }.max() ?? 0
                #expect(off < tolerance * scale, "case \(number), tensor \(index)")
            }
        }
    }

    @Test func `A batch's gradients don't depend on which of its images are computed together`() {
        let sizes = (height: 9, width: 7, inputs: 8, wide: 24, outputs: 8)
        let inputs = parameters(sizes, kernel: 5, images: 13).map { Tensor<Float>(converting: $0) }
        func run(_ images: Range<Int>) -> [Tensor<Float>] {
            let part = Variable(constant: inputs[0]).sliced(axis: 0, images).value
            let variables = ([part] + inputs.dropFirst()).map { Variable(parameter: $0) }
            let output = block(variables, height: 9, width: 7, stride: 1, adds: true)
            return [output.value] + gradients(of: (output * output).sum(), withRespectTo: variables)
        }
        let all = run(0..<13)
        let alone = (0..<13).map { run($0..<$0 + 1) }
        for (index, whole) in all.enumerated() {
            let expected: [Float] =
                index < 2
                ? alone.flatMap { $0[index].scalars }
                : (0..<whole.count).map { element in alone.reduce(0) { $0 + $1[index].scalars[element] } }
            let scale = expected.map(abs).max() ?? 0
            let off = zip(whole.scalars, expected).map { abs($0 - $1) }.max() ?? 0
            #expect(off < tolerance * scale, "tensor \(index)")
        }
        #expect(run(0..<13) == all)
    }
}
