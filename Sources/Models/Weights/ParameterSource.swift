package import Tensors

/// Where a model's parameters come from: drawn at random for a new model, or read for training or for use.
///
/// A model asks for each of its parameters once, by name and shape, while it is made; the names are those in its files, so
/// that there is one list of them.
package final class ParameterSource<Scalar: TensorScalar> {
    /// What a new parameter starts as.
    package enum Start {
        case zeros
        case ones
        /// Normal with this standard deviation.
        case normal(Double)
        /// Normal with deviation `gain`/√fanIn.
        case fan(Int, gain: Double = 1)
        case values(Tensor<Scalar>)
    }

    private enum Origin {
        case random(SplitMix64)
        case weights(WeightSet, trainable: Bool)
    }

    private var origin: Origin
    private var prefix = ""

    /// All that were asked for so far.
    package private(set) var parameters: [(name: String, variable: Variable<Scalar>)] = []

    /// New parameters, to be trained.
    package init(random: SplitMix64) { origin = .random(random) }

    /// - Parameter trainable: false makes them constants.
    package init(_ weights: WeightSet, trainable: Bool) { origin = .weights(weights, trainable: trainable) }

    /// The parameter `name` of the current scope.
    ///
    /// - Throws: ``WeightsError`` when the weights lack it or have another shape.
    package func callAsFunction(_ name: String, _ shape: [Int], _ start: Start) throws -> Variable<Scalar> {
        let name = prefix + name
        let variable: Variable<Scalar>
        switch origin {
        case .random(var random):
            variable = Variable(parameter: Self.tensor(shape, start, &random))
            origin = .random(random)
        case .weights(let weights, let trainable):
            let values = try weights.tensor(named: name, shape: shape)
            let tensor = (values as? Tensor<Scalar>) ?? Tensor(values.scalars.map { Scalar($0) }, shape: shape)
            variable = trainable ? Variable(parameter: tensor) : Variable(constant: tensor)
        }
        parameters.append((name, variable))
        return variable
    }

    /// Calls `body` with names that begin with `scope.`.
    package func scoped<Result>(_ scope: String, _ body: () throws -> Result) rethrows -> Result {
        let outer = prefix
        prefix += scope + "."
        defer { prefix = outer }
        return try body()
    }

    private static func tensor(_ shape: [Int], _ start: Start, _ random: inout SplitMix64) -> Tensor<Scalar> {
        switch start {
        case .zeros: Tensor(zeros: shape)
        case .ones: Tensor(repeating: 1, shape: shape)
        case .normal(let deviation): Tensor(normal: shape, deviation: deviation, using: &random)
        case .fan(let inputs, let gain):
            Tensor(normal: shape, deviation: gain / Double(inputs).squareRoot(), using: &random)
        case .values(let tensor): tensor.reshaped(shape)
        }
    }
}
