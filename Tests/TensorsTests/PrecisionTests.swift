import Differentiation
import Tensors
import Testing

/// Every operation in single precision, values and gradients, against the same graph in double precision, at sizes that
/// no vector divides and that several threads share.
@Suite struct PrecisionTests {
    /// Relative to the greatest value of each tensor: single precision keeps 7 digits, of which long sums and
    /// normalisations cost up to two.
    private let tolerance = 1e-4

    private func compare(
        _ inputs: [Tensor<Double>], sourceLocation: SourceLocation = #_sourceLocation, double: Graph<Double>,
        single: Graph<Float>
    ) {
        let exact = run(inputs, double)
        let found = run(inputs.map { Tensor<Float>(converting: $0) }, single)
        for (index, (one, other)) in zip(exact, found).enumerated() {
            let scale = max(1e-3, one.scalars.reduce(0) { max($0, abs($1)) })
            let worst = zip(one.scalars, other.scalars).reduce(0) { max($0, abs($1.0 - Double($1.1))) } / scale
            #expect(worst < tolerance, "tensor \(index) of \(one.shape)", sourceLocation: sourceLocation)
        }
    }

    private typealias Graph<Scalar: TensorScalar> = ([Variable<Scalar>]) -> Variable<Scalar>

    /// The result and the gradients of a weighted sum of it.
    private func run<Scalar: TensorScalar>(_ inputs: [Tensor<Scalar>], _ graph: Graph<Scalar>) -> [Tensor<Scalar>] {
        let variables = inputs.map { Variable(parameter: $0) }
        let output = graph(variables)
        let weights = Tensor<Scalar>(converting: normal(output.shape, seed: 77))
        let loss = (output * Variable(constant: weights)).sum()
        return [output.value] + gradients(of: loss, withRespectTo: variables)
    }

    private func activations<Scalar: TensorScalar>(_ x: [Variable<Scalar>]) -> Variable<Scalar> {
        let positive = (x[0] * x[0] + x[1].exp()).log()
        return (x[0].gelu() + x[1].swish()) * x[0].tanh() - x[1].sigmoid() * positive + x[0].relu().scaled(by: 0.3)
    }

    private func encoderLayer<Scalar: TensorScalar>(_ p: [Variable<Scalar>]) -> Variable<Scalar> {
        let x = p[0].linear(weight: p[1], bias: p[2]).layerNorm(gamma: p[3], beta: p[4], epsilon: 1e-5)
        let y = attention(query: x, key: x, value: x, heads: 3, keyLengths: [17, 0, 9], mask: .anticausal)
        let z = attention(query: y, key: x, value: p[0], heads: 5, memoryIndices: [2, 2, 0])
        return concatenated([y, z], axis: 1).maskedMean(lengths: [34, 20, 3]).l2Normalized()
    }

    private func scores<Scalar: TensorScalar>(_ p: [Variable<Scalar>]) -> Variable<Scalar> {
        let rows = p[0].gatherRows([5, 1, 5, 0, 36], shape: [5])
        let logits = rows.matmul(p[0], transposeB: true)
        let costs = logits.crossEntropy(targets: [1, 5, 30, 0, 36], weights: [1, 0.5, 0, 1, 2])
        let mean = logits.logSoftmax().transposed([1, 0]).softmax().sum(axis: 0)
        return concatenated([costs, mean], axis: 0)
    }

    private func pyramid<Scalar: TensorScalar>(_ p: [Variable<Scalar>]) -> Variable<Scalar> {
        let fine = fused(p[0], p[1].upsampled2x(), weights: p[2])
        return fine.depthwiseConvolution3x3(weight: p[3], bias: p[4]).transposed([0, 3, 1, 2]).sliced(axis: 2, 1..<5)
    }

    @Test func `Activations agree in float and in double`() {
        let inputs = [normalWithoutZero([37, 501]), normal([501], seed: 2)]
        compare(inputs, double: { activations([$0[0], $0[1].broadcast(to: [37, 501])]) }) {
            activations([$0[0], $0[1].broadcast(to: [37, 501])])
        }
    }

    @Test func `An encoder layer agrees in float and in double`() {
        let inputs = [
            normal([3, 17, 45]), normal([45, 45], seed: 2), normal([45], seed: 3), normal([45], seed: 4),
            normal([45], seed: 5),
        ]
        compare(inputs, double: encoderLayer, single: encoderLayer)
    }

    @Test func `Scores agree in float and in double`() {
        compare([normal([37, 19])], double: scores, single: scores)
    }

    @Test func `A pyramid of feature maps agrees in float and in double`() {
        let inputs = [
            normal([2, 6, 10, 33]), normal([2, 3, 5, 33], seed: 2), Tensor([0.4, 1.1], shape: [2]),
            normal([3, 3, 33], seed: 3), normal([33], seed: 4),
        ]
        compare(inputs, double: pyramid, single: pyramid)
    }

    @Test func `Dropout is the same in float and in double`() {
        var (one, other) = (SplitMix64(seed: 4), SplitMix64(seed: 4))
        compare([normal([70_001])], double: { $0[0].dropout(rate: 0.25, using: &one) }) {
            $0[0].dropout(rate: 0.25, using: &other)
        }
    }

    @Test func `Dropout drops its share and keeps the mean`() {
        var random = SplitMix64(seed: 4)
        let dropped = Variable<Float>(constant: Tensor(repeating: 1, shape: [100_000])).dropout(
            rate: 0.3, using: &random)
        let zeros = dropped.value.scalars.filter { $0 == 0 }.count
        // Four standard deviations of a binomial.
        #expect(abs(zeros - 30_000) < 580)
        #expect(abs(dropped.mean().value.scalar - 1) < 0.01)
    }

    @Test func `Logits of any size are safe`() {
        let logits = Variable<Float>(constant: Tensor([1e30, -1e30, 0, -.infinity, 300, 299], shape: [2, 3]))
        #expect(logits.softmax().value.scalars[0] == 1)
        let costs = logits.crossEntropy(targets: [0, 2]).value.scalars
        #expect(costs[0] == 0 && abs(costs[1] - 1.313_26) < 1e-4)
    }
}
