import Tensors

/// y = Wx + b over the last axis.
struct Linear<Scalar: TensorScalar>: Sendable {
    private enum Content: Sendable {
        /// [outputs, …], whose other axes are an input's, and [outputs]; no bias for a projection without one.
        case floats(weight: Variable<Scalar>, bias: Variable<Scalar>?)
        case fixed(any FixedLinearMap)
    }

    private let content: Content

    /// - Parameters:
    ///   - weight: [outputs, inputs].
    ///   - bias: [outputs]; nil for a projection without one.
    init(weight: Variable<Scalar>, bias: Variable<Scalar>?) { content = .floats(weight: weight, bias: bias) }

    /// A layer that isn't learned.
    init(_ map: some FixedLinearMap) { content = .fixed(map) }

    /// Takes `name.weight` and `name.bias`; new ones are drawn with deviation `gain`/√inputs, and zeros.
    ///
    /// - Throws: ``WeightsError`` when the source lacks a parameter.
    init(
        _ name: String, outputs: Int, inputs: Int, gain: Double = 1, hasBias: Bool = true,
        _ parameter: ParameterSource<Scalar>
    ) throws {
        try self.init(name, outputs: outputs, inputs: [inputs], gain: gain, hasBias: hasBias, parameter)
    }

    /// - Parameter inputs: the axes that an input has in the weight, one after another in use: a convolution's are channels, rows and columns.
    init(
        _ name: String, outputs: Int, inputs: [Int], gain: Double = 1, hasBias: Bool = true,
        _ parameter: ParameterSource<Scalar>
    ) throws {
        let shape = [outputs] + inputs
        if let map = try parameter.fixedMap(name, shape, hasBias: hasBias) {
            content = .fixed(map)
        } else {
            content = .floats(
                weight: try parameter(name + ".weight", shape, .fan(inputs.reduce(1, *), gain: gain)),
                bias: hasBias ? try parameter(name + ".bias", [outputs], .zeros) : nil)
        }
    }

    /// [..., inputs] → [..., outputs].
    ///
    /// - Parameter activation: what is made of the outputs.
    func callAsFunction(_ x: Variable<Scalar>, then activation: Activation? = nil) -> Variable<Scalar> {
        let operation = activation?.operation
        switch content {
        case .floats(let weight, let bias):
            let y = x.linear(weight: weight.reshaped([weight.shape[0], -1]), bias: bias)
            return operation.map { y.applying($0) } ?? y
        case .fixed(let map):
            precondition(!x.requiresGradient, "no gradient passes through weights that aren't learned")
            return Variable(constant: Tensor(converting: map(Tensor(converting: x.value), then: operation)))
        }
    }
}

extension Linear {
    /// What several maps make of the same inputs: in 8 bits these are rounded once for all of them.
    static func apply(_ maps: [Linear], to x: Variable<Scalar>) -> [Variable<Scalar>] {
        let matrices = maps.compactMap(\.matrix)
        guard matrices.count == maps.count else { return maps.map { $0(x) } }
        let rows = QuantisedRows(Tensor(converting: x.value))
        return matrices.map { Variable(constant: Tensor(converting: $0(rows))) }
    }

    private var matrix: QuantisedMatrix? {
        if case .fixed(let map) = content { map as? QuantisedMatrix } else { nil }
    }
}

/// A linear map that isn't computed from parameters: weights in 8 bits, or what an import tries.
protocol FixedLinearMap: Sendable {
    /// [..., inputs] → [..., outputs].
    ///
    /// - Parameter operation: what is made of each output.
    func callAsFunction(_ x: Tensor<Float>, then operation: UnaryOperation?) -> Tensor<Float>
}

extension QuantisedMatrix: FixedLinearMap {}
