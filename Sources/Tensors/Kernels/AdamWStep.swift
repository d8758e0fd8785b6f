import Glibc
import Threads

/// One step of AdamW: what is the same for all elements of a parameter.
///
/// Source: I. Loshchilov, F. Hutter, "Decoupled Weight Decay Regularization", ICLR 2019, as PyTorch computes it:
/// p ← p·(1 − η·λ); m ← β₁m + (1−β₁)g; v ← β₂v + (1−β₂)g²; p ← p − η/(1−β₁ᵗ) · m / (√v/√(1−β₂ᵗ) + ε).
package struct AdamWStep: Sendable {
    package var learningRate: Double
    package var beta1: Double
    package var beta2: Double
    package var epsilon: Double
    package var weightDecay: Double
    /// Gradients are multiplied by it first: what clipping by the global norm asks for.
    package var gradientScale: Double
    /// t, from 1.
    package var number: Int

    package init(
        learningRate: Double, beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8,
        weightDecay: Double = 0.01, gradientScale: Double = 1, number: Int
    ) {
        self.learningRate = learningRate
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.weightDecay = weightDecay
        self.gradientScale = gradientScale
        self.number = number
    }

    var correctedRate: Double { learningRate / (1 - pow(beta1, Double(number))) }

    var inverseRootCorrection: Double { 1 / (1 - pow(beta2, Double(number))).squareRoot() }

    /// Updates a parameter and its two moments in place.
    ///
    /// - Parameters: all of one shape; the moments begin as zeros.
    package func update<Scalar: TensorScalar>(
        _ parameter: inout Tensor<Scalar>, gradient: Tensor<Scalar>, firstMoment: inout Tensor<Scalar>,
        secondMoment: inout Tensor<Scalar>
    ) {
        precondition(
            parameter.shape == gradient.shape && firstMoment.count == gradient.count
                && secondMoment.count == gradient.count,
            "AdamW: a parameter of shape \(parameter.shape) with a gradient of shape \(gradient.shape)")
        parameter.withUnsafeMutableBufferPointer { p in
            firstMoment.withUnsafeMutableBufferPointer { m in
                secondMoment.withUnsafeMutableBufferPointer { v in
                    guard let p = p.baseAddress, let m = m.baseAddress, let v = v.baseAddress else { return }
                    parallelFor(gradient.count, grain: elementwiseGrain) { range in
                        let start = range.lowerBound
                        Scalar.adamW(
                            self,
                            AdamWBuffers(
                                parameter: p + start, gradient: gradient.pointer + start, firstMoment: m + start,
                                secondMoment: v + start),
                            count: range.count)
                    }
                }
            }
        }
    }
}

/// Where `adamW` reads and writes.
package struct AdamWBuffers<Scalar: TensorScalar> {
    var parameter: UnsafeMutablePointer<Scalar>
    var gradient: UnsafePointer<Scalar>
    var firstMoment: UnsafeMutablePointer<Scalar>
    var secondMoment: UnsafeMutablePointer<Scalar>
}

/// √Σ g² over all elements of all tensors.
package func globalNorm<Scalar: TensorScalar>(_ tensors: [Tensor<Scalar>]) -> Double {
    tensors.reduce(0) { $0 + sumOfSquares($1) }.squareRoot()
}

private func sumOfSquares<Scalar: TensorScalar>(_ tensor: Tensor<Scalar>) -> Double {
    // Blocks of a fixed size: the sum's bits don't depend on how many threads there are.
    let block = 65_536
    let blocks = (tensor.count + block - 1) / block
    return withUnsafeTemporaryAllocation(of: Double.self, capacity: max(1, blocks)) { partial in
        let sums = partial.baseAddress!
        parallelFor(blocks) { range in
            for i in range {
                let start = i * block
                (sums + i).initialize(
                    to: Scalar.sumOfSquares(tensor.pointer + start, count: min(block, tensor.count - start)))
            }
        }
        return (0..<blocks).reduce(0) { $0 + sums[$1] }
    }
}
