import Foundation
import Tensors
import Testing

/// Every operation's gradient against finite differences.
@Suite struct GradientTests {
    @Test(arguments: [
        ([2, 3], [2, 3]), ([2, 3, 4], [4]), ([2, 3, 4], [3, 4]), ([2, 3], []), ([4], [2, 3, 4]), ([2, 1, 4], [3, 1]),
        ([2, 3], [2, 1]), ([2, 3], [1, 3]),
    ])
    func `Sums, differences and products with broadcasting have the gradients of finite differences`(
        left: [Int], right: [Int]
    ) {
        let inputs = [normal(left), normal(right, seed: 2)]
        expectGradients(of: inputs) { $0[0] + $0[1] }
        expectGradients(of: inputs) { $0[0] - $0[1] }
        expectGradients(of: inputs) { $0[0] * $0[1] }
    }

    @Test func `A variable used twice has the gradient of both uses`() {
        expectGradients(of: [normal([3, 3])]) { ($0[0] * $0[0] + $0[0]).matmul($0[0]) }
    }

    @Test func `Scaling has the gradients of finite differences`() {
        expectGradients(of: [normal([5])]) { $0[0].scaled(by: -2.5) }
    }

    @Test func `Activations have the gradients of finite differences`() {
        let x = [normalWithoutZero([3, 5])]
        expectGradients(of: x) { $0[0].relu() }
        expectGradients(of: x) { $0[0].relu6() }
        expectGradients(of: x) { $0[0].scaled(by: 5).relu6() }
        expectGradients(of: x) { $0[0].gelu() }
        expectGradients(of: x) { $0[0].quickGELU() }
        expectGradients(of: x) { $0[0].tanhGELU() }
        expectGradients(of: x) { $0[0].swish() }
        expectGradients(of: x) { $0[0].tanh() }
        expectGradients(of: x) { $0[0].sigmoid() }
        expectGradients(of: x) { $0[0].exp() }
        expectGradients(of: [Tensor([0.3, 1, 2.5], shape: [3])]) { $0[0].log() }
    }

    @Test func `Dropout has the gradients of finite differences`() {
        expectGradients(of: [normal([40])]) { inputs in
            var random = SplitMix64(seed: 5)
            return inputs[0].dropout(rate: 0.4, using: &random)
        }
    }

    @Test func `A linear layer has the gradients of finite differences`() {
        expectGradients(of: [normal([2, 3, 4]), normal([5, 4], seed: 2), normal([5], seed: 3)]) {
            $0[0].linear(weight: $0[1], bias: $0[2])
        }
        expectGradients(of: [normal([3, 4]), normal([5, 4], seed: 2)]) { $0[0].linear(weight: $0[1]) }
    }

    @Test func `Rotating pairs has the gradients of finite differences`() {
        let angles = normal([5, 3], seed: 2)
        expectGradients(of: [normal([2, 5, 12])]) {
            $0[0].rotatingPairs(
                cosines: Tensor(angles.scalars.map(cos), shape: [5, 3]),
                sines: Tensor(angles.scalars.map(sin), shape: [5, 3]), heads: 2)
        }
    }

    @Test(arguments: [false, true])
    func `A linear layer of each head has the gradients of finite differences`(transposed: Bool) {
        // Two heads of three rows each.
        expectGradients(of: [normal([2, 4, transposed ? 6 : 10]), normal([6, 5], seed: 2)]) {
            $0[0].headwiseLinear(weight: $0[1], heads: 2, transposed: transposed)
        }
    }

    @Test(arguments: [false, true], [false, true])
    func `Matrix products have the gradients of finite differences`(transposeA: Bool, transposeB: Bool) {
        for leading in [[], [3], [2, 2]] {
            let a = normal(leading + (transposeA ? [4, 3] : [3, 4]))
            let b = normal(leading + (transposeB ? [5, 4] : [4, 5]), seed: 2)
            expectGradients(of: [a, b]) { $0[0].matmul($0[1], transposeA: transposeA, transposeB: transposeB) }
        }
    }

    @Test(arguments: AttentionMask.allCases)
    func `Attention has the gradients of finite differences`(mask: AttentionMask) {
        let inputs = [normal([2, 3, 4]), normal([2, 3, 4], seed: 2), normal([2, 3, 4], seed: 3)]
        expectGradients(of: inputs) {
            attention(query: $0[0], key: $0[1], value: $0[2], heads: 2, mask: mask)
        }
        expectGradients(of: inputs) {
            attention(query: $0[0], key: $0[1], value: $0[2], heads: 2, keyLengths: [2, 0], mask: mask)
        }
    }

    @Test func `Attention over shared memories has the gradients of finite differences`() {
        let memory = [normal([2, 5, 4], seed: 2), normal([2, 5, 4], seed: 3)]
        expectGradients(of: [normal([3, 2, 4])] + memory) {
            attention(
                query: $0[0], key: $0[1], value: $0[2], heads: 2, keyLengths: [5, 3], memoryIndices: [1, 0, 1])
        }
        expectGradients(of: [normal([3, 2, 4]), normal([1, 5, 4], seed: 2), normal([1, 5, 4], seed: 3)]) {
            attention(query: $0[0], key: $0[1], value: $0[2], heads: 1)
        }
    }

    @Test func `Normalisation has the gradients of finite differences`() {
        expectGradients(of: [normal([2, 3, 5]), normal([5], seed: 2), normal([5], seed: 3)]) {
            $0[0].layerNorm(gamma: $0[1], beta: $0[2], epsilon: 1e-5)
        }
        expectGradients(of: [normal([3, 4])]) { $0[0].l2Normalized() }
    }

    @Test func `Softmax has the gradients of finite differences`() {
        expectGradients(of: [normal([3, 5])]) { $0[0].softmax() }
        expectGradients(of: [normal([3, 5])]) { $0[0].logSoftmax() }
    }

    @Test func `Cross-entropy has the gradients of finite differences`() {
        expectGradients(of: [normal([3, 5])]) { $0[0].crossEntropy(targets: [4, 0, 2]) }
        expectGradients(of: [normal([3, 5])]) { $0[0].crossEntropy(targets: [4, 0, 2], weights: [1, 0, 0.5]) }
    }

    @Test func `Reductions have the gradients of finite differences`() {
        for axis in -1..<3 { expectGradients(of: [normal([2, 3, 4])]) { $0[0].sum(axis: axis) } }
        expectGradients(of: [normal([2, 3, 4])]) { $0[0].mean(axis: 1) }
        expectGradients(of: [normal([2, 3])]) { $0[0].mean() }
        expectGradients(of: [normal([3, 4, 2])]) { $0[0].maskedMean(lengths: [4, 2, 0]) }
    }

    @Test func `Changes of shape have the gradients of finite differences`() {
        expectGradients(of: [normal([2, 6])]) { $0[0].reshaped([3, -1]) }
        for axes in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            expectGradients(of: [normal([2, 3, 4])]) { $0[0].transposed(axes) }
        }
        for axis in 0..<3 {
            expectGradients(of: [normal([3, 3, 3])]) { $0[0].sliced(axis: axis, 1..<3) }
            expectGradients(of: [normal([2, 2, 2]), normal([2, 2, 2], seed: 2)]) {
                concatenated([$0[0], $0[1], $0[0]], axis: axis)
            }
        }
    }

    @Test func `Embeddings have the gradients of finite differences`() {
        expectGradients(of: [normal([4, 3])]) { $0[0].gatherRows([3, 0, 3, 1], shape: [2, 2]) }
        expectGradients(of: [normal([4, 3, 2])]) { $0[0].gatherRows([2, 2, 0]) }
    }

    @Test func `Feature maps have the gradients of finite differences`() {
        for size in [[2, 3, 4, 2], [1, 1, 1, 3], [1, 2, 1, 2]] {
            expectGradients(of: [normal(size), normal([3, 3, size[3]], seed: 2), normal([size[3]], seed: 3)]) {
                $0[0].depthwiseConvolution3x3(weight: $0[1], bias: $0[2])
            }
        }
        expectGradients(of: [normal([1, 3, 2, 2]), normal([3, 3, 2], seed: 2)]) {
            $0[0].depthwiseConvolution3x3(weight: $0[1])
        }
        expectGradients(of: [normal([2, 2, 3, 2])]) { $0[0].upsampled2x() }
        expectGradients(of: [normal([2, 4, 6, 3])]) { $0[0].averagePooled2x() }
        for weights in [[0.7, 1.3], [-0.2, 0.5]] {
            expectGradients(of: [normal([2, 3]), normal([2, 3], seed: 2), Tensor(weights, shape: [2])]) {
                fused($0[0], $0[1], weights: $0[2])
            }
        }
    }
}
