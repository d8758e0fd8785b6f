import Tensors

/// Each vector of the last axis with mean 0 and variance 1, then scaled and moved.
///
/// Source: Ba, Kiros and Hinton, "Layer normalization", arXiv 1607.06450.
struct LayerNorm<Scalar: TensorScalar>: Sendable {
    /// [width].
    let gain: Variable<Scalar>
    /// [width].
    let bias: Variable<Scalar>
    /// What is added to the variance.
    let epsilon: Scalar

    init(gain: Variable<Scalar>, bias: Variable<Scalar>, epsilon: Scalar) {
        self.gain = gain
        self.bias = bias
        self.epsilon = epsilon
    }

    /// Takes `name.weight` and `name.bias`; a new one begins with ones and zeros.
    ///
    /// - Throws: ``WeightsError`` when the source lacks a parameter.
    init(_ name: String, width: Int, epsilon: Scalar = 1e-5, _ parameter: ParameterSource<Scalar>) throws {
        gain = try parameter(name + ".weight", [width], .ones)
        bias = try parameter(name + ".bias", [width], .zeros)
        self.epsilon = epsilon
    }

    func callAsFunction(_ x: Variable<Scalar>) -> Variable<Scalar> {
        x.layerNorm(gamma: gain, beta: bias, epsilon: epsilon)
    }
}
