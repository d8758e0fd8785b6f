import Tensors

/// y = Wx + b over the last axis.
struct Linear<Scalar: TensorScalar>: Sendable {
    /// [outputs, inputs].
    let weight: Variable<Scalar>
    /// [outputs]; nil for a projection without one.
    let bias: Variable<Scalar>?

    init(weight: Variable<Scalar>, bias: Variable<Scalar>?) {
        self.weight = weight
        self.bias = bias
    }

    /// Takes `name.weight` and `name.bias`; new ones are drawn with deviation `gain`/√inputs, and zeros.
    ///
    /// - Throws: ``WeightsError`` when the source lacks a parameter.
    init(
        _ name: String, outputs: Int, inputs: Int, gain: Double = 1, hasBias: Bool = true,
        _ parameter: ParameterSource<Scalar>
    ) throws {
        weight = try parameter(name + ".weight", [outputs, inputs], .fan(inputs, gain: gain))
        bias = hasBias ? try parameter(name + ".bias", [outputs], .zeros) : nil
    }

    /// [..., inputs] → [..., outputs].
    func callAsFunction(_ x: Variable<Scalar>) -> Variable<Scalar> { x.linear(weight: weight, bias: bias) }
}
