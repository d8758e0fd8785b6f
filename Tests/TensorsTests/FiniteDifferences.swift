import Differentiation
import Tensors
import Testing

/// Compares the gradients of a function of tensors with central differences, in double precision.
///
/// The function's result is reduced to one number by a fixed random weighting, so that every element of it counts.
/// With a step of 1e-5 the differences' own error is about 1e-9 for values near 1: 1e-6 leaves room for curvature.
func expectGradients(
    of inputs: [Tensor<Double>], tolerance: Double = 1e-6, sourceLocation: SourceLocation = #_sourceLocation,
    _ function: ([Variable<Double>]) -> Variable<Double>
) {
    func weighted(_ output: Variable<Double>) -> Variable<Double> {
        var random = SplitMix64(seed: 99)
        return (output * Variable(constant: Tensor(normal: output.shape, deviation: 1, using: &random))).sum()
    }
    let variables = inputs.map { Variable(parameter: $0) }
    let found = gradients(of: weighted(function(variables)), withRespectTo: variables)
    func loss(_ tensors: [Tensor<Double>]) -> Double {
        weighted(function(tensors.map { Variable(constant: $0) })).value.scalar
    }
    let step = 1e-5
    for (index, input) in inputs.enumerated() {
        #expect(found[index].shape == input.shape, sourceLocation: sourceLocation)
        for element in 0..<input.count {
            var moved = inputs
            moved[index].withUnsafeMutableBufferPointer { $0[element] += step }
            let above = loss(moved)
            moved[index].withUnsafeMutableBufferPointer { $0[element] -= 2 * step }
            let difference = (above - loss(moved)) / (2 * step)
            let gradient = found[index].scalars[element]
            #expect(
                abs(gradient - difference) <= tolerance * max(1, abs(difference)),
                "input \(index), element \(element): gradient \(gradient), difference \(difference)",
                sourceLocation: sourceLocation)
        }
    }
}

/// Reproducible normal numbers.
func normal(_ shape: [Int], seed: UInt64 = 1) -> Tensor<Double> {
    var random = SplitMix64(seed: seed)
    return Tensor(normal: shape, deviation: 1, using: &random)
}

/// Reproducible normal numbers, kept away from 0 where a function has a corner.
func normalWithoutZero(_ shape: [Int], seed: UInt64 = 1) -> Tensor<Double> {
    Tensor(normal(shape, seed: seed).scalars.map { $0 + ($0 < 0 ? -0.1 : 0.1) }, shape: shape)
}
