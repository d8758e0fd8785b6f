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
        case file(SafetensorsFile, PackingTrial?, trainable: ((String) -> Bool)?)
        case nothing
    }

    private var origin: Origin
    private var prefix = ""

    /// All that were asked for so far.
    package private(set) var parameters: [(name: String, variable: Variable<Scalar>)] = []

    /// The shapes of all that were asked for so far.
    package private(set) var shapes: [(name: String, shape: [Int])] = []

    /// New parameters, to be trained.
    package init(random: SplitMix64) { origin = .random(random) }

    /// - Parameter trainable: false makes them constants.
    package init(_ weights: WeightSet, trainable: Bool) { origin = .weights(weights, trainable: trainable) }

    /// The parameters of a file, each read when it is asked for, so that what isn't asked for takes no memory.
    ///
    /// - Parameters:
    ///   - trial: gets the layers that compute with floats, to find out what they would lose; nil in use.
    ///   - trainable: by a parameter's name; the others are constants. Nil in use: layers whose weights the file keeps in 8 bits compute with
    ///     them then, which no gradient passes through.
    init(_ file: SafetensorsFile, trial: PackingTrial? = nil, trainable: ((String) -> Bool)? = nil) {
        origin = .file(file, trial, trainable: trainable)
    }

    /// No parameters: what a model that is made of it asks for is in ``shapes``.
    package static func listing() -> ParameterSource { ParameterSource(.nothing) }

    private init(_ origin: Origin) { self.origin = origin }

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
            let tensor = Tensor<Scalar>(converting: try weights.tensor(named: name, shape: shape))
            variable = trainable ? Variable(parameter: tensor) : Variable(constant: tensor)
        case .file(let file, _, trainable: let trainable):
            let tensor = Tensor<Scalar>(converting: try file.tensor(named: name, shape: shape))
            variable = trainable?(name) == true ? Variable(parameter: tensor) : Variable(constant: tensor)
        case .nothing:
            variable = Variable(constant: Tensor(0))
        }
        parameters.append((name, variable))
        shapes.append((name, shape))
        return variable
    }

    /// The layer `name` of the current scope where it isn't computed from floats.
    ///
    /// - Parameter shape: of its weight: outputs, and the axes of an input.
    /// - Returns: nil when `name.weight` and `name.bias` are parameters like others.
    /// - Throws: ``WeightsError`` when the file lacks a parameter or has it in another shape.
    func fixedMap(_ name: String, _ shape: [Int], hasBias: Bool) throws -> (any FixedLinearMap)? {
        guard case .file(let file, let trial, trainable: let trainable) = origin, trainable == nil else { return nil }
        let weightName = prefix + name + ".weight"
        func bias() throws -> Tensor<Float>? {
            shapes.append((weightName, shape))
            return hasBias ? Tensor(converting: try self(name + ".bias", [shape[0]], .zeros).value) : nil
        }
        if let rows = try file.packedRows(named: weightName, shape: shape) { return rows.matrix(bias: try bias()) }
        guard let trial, trial.tries(weightName) else { return nil }
        return trial.layer(weightName, weight: try file.tensor(named: weightName, shape: shape), bias: try bias())
    }

    /// A table of the current scope that is only looked up, a row at a time: it stays in the file.
    ///
    /// - Returns: nil when the parameters come from no file.
    /// - Throws: ``WeightsError`` when the file lacks it or has it in another shape.
    func rows(_ name: String, _ shape: [Int]) throws -> StoredRows? {
        shapes.append((prefix + name, shape))
        guard case .file(let file, _, trainable: _) = origin else { return nil }
        return try file.storedRows(named: prefix + name, shape: shape)
    }

    /// Checks that a file has no tensors but those that were asked for.
    ///
    /// - Returns: how many numbers they have.
    /// - Throws: ``WeightsError`` with the names of others.
    func requireNoMore(in file: SafetensorsFile) throws -> Int {
        let known = Set(shapes.map(\.name))
        let others = file.names.filter { !known.contains($0) }
        guard others.isEmpty else { throw WeightsError.unexpected(tensors: others, source: file.source) }
        return shapes.reduce(0) { $0 + $1.shape.reduce(1, *) }
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
