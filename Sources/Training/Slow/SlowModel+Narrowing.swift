package import Models
package import Tensors

extension SlowModel<Float> {
    /// The same model with narrower visual tokens, which is to be trained on: what is stored of a clip shrinks by as much.
    ///
    /// Reduced-rank regression (Izenman, J. Multivariate Analysis 5, 1975): of all products y = W·x of tokens x with the weights of the layers' keys and values,
    /// one below another, V holds the first principal directions. Tokens become Vᵀ·W·x, and the layers' weights V. Each layer's keys and values count as much
    /// as any other's.
    ///
    /// - Parameters:
    ///   - memoryWidth: the width of the new tokens, less than now.
    ///   - tokens: visual tokens of this model, [any, memory width now].
    ///   - seed: of the iteration's start, and of a rotation of the new tokens: without one, their first numbers would be the largest by far, and a token's
    ///     numbers share a scale where they are stored.
    /// - Throws: ``ModelError`` when the new configuration can't be.
    package func narrowed(to memoryWidth: Int, tokens: Tensor<Float>, seed: UInt64 = 1) throws -> SlowModel<Float> {
        precondition(memoryWidth < configuration.memoryWidth && tokens.shape.last == configuration.memoryWidth)
        let reading = Set(
            parameters.lazy.map(\.name).filter {
                $0.hasSuffix("cross.key.weight") || $0.hasSuffix("cross.value.weight")
            })
        let x = Variable(constant: tokens)
        let covariance = x.matmul(x, transposeA: true).scaled(by: 1 / Float(max(1, tokens.shape[0])))
        // Each weight W, scaled so that the mean square of its products is 1.
        var (scaled, scales): ([Variable<Float>], [Float]) = ([], [])
        for (name, variable) in parameters where reading.contains(name) {
            let w = Variable(constant: variable.value)
            let power = zip(w.matmul(covariance).value.scalars, w.value.scalars).reduce(0) { $0 + $1.0 * $1.1 }
            scales.append(max(power / Float(w.shape[0]), .leastNormalMagnitude).squareRoot())
            scaled.append(w.scaled(by: 1 / scales[scales.count - 1]))
        }
        let stack = concatenated(scaled, axis: 0)
        let directions = Self.principalDirections(memoryWidth, of: stack, covariance: covariance, seed: seed)
        let reduction = directions.matmul(stack)
        func reduced(_ variable: Variable<Float>) -> Tensor<Float> {
            Variable(constant: variable.value).matmul(reduction, transposeB: true).value
        }
        var tensors: [String: Tensor<Float>] = [:]
        var row = 0
        for (name, variable) in parameters {
            if reading.contains(name) {
                let rows = row..<(row + variable.shape[0])
                tensors[name] =
                    directions.transposed([1, 0]).sliced(axis: 0, rows).scaled(by: scales[row / variable.shape[0]])
                    .value
                row = rows.upperBound
            } else if name == "memory.times" {
                tensors[name] = reduced(variable)
            } else if name.hasPrefix("memory."), name.hasSuffix(".positions") {
                tensors[name] = reduced(variable)
                let projection = name.dropLast("positions".count) + "projection."
                if !parameters.contains(where: { $0.name == projection + "weight" }) {
                    tensors[projection + "weight"] = reduction.value
                    tensors[projection + "bias"] = Tensor(zeros: [memoryWidth])
                }
            } else if name.hasPrefix("memory."), name.hasSuffix(".projection.weight") {
                tensors[name] = reduction.matmul(Variable(constant: variable.value)).value
            } else if name.hasPrefix("memory."), name.hasSuffix(".projection.bias") {
                tensors[name] = reduced(variable.detached.reshaped([1, -1])).reshaped([memoryWidth])
            } else {
                tensors[name] = variable.value
            }
        }
        var configuration = configuration
        configuration.memoryWidth = memoryWidth
        return try SlowModel(
            configuration, ParameterSource(WeightSet(tensors, source: "a narrowed model"), trainable: true))
    }

    /// The first principal directions of y = W·x, turned at random among themselves: [count, outputs], orthonormal.
    ///
    /// Source: subspace iteration (Golub and Van Loan, Matrix Computations, §8.2.4).
    ///
    /// - Parameters:
    ///   - weight: W, [outputs, inputs].
    ///   - covariance: of x, [inputs, inputs].
    private static func principalDirections(
        _ count: Int, of weight: Variable<Float>, covariance: Variable<Float>, seed: UInt64
    ) -> Variable<Float> {
        var random = SplitMix64(seed: seed)
        var directions = Tensor<Float>(normal: [count, weight.shape[0]], deviation: 1, using: &random)
        orthonormalise(&directions)
        for _ in 0..<40 {
            directions =
                Variable(constant: directions).matmul(weight).matmul(covariance).matmul(weight, transposeB: true).value
            orthonormalise(&directions)
        }
        var rotation = Tensor<Float>(normal: [count, count], deviation: 1, using: &random)
        orthonormalise(&rotation)
        return Variable(constant: rotation).matmul(Variable(constant: directions))
    }

    /// Makes the rows orthonormal, by Gram and Schmidt's method, twice for each row against rounding.
    private static func orthonormalise(_ matrix: inout Tensor<Float>) {
        let (rows, columns) = (matrix.shape[0], matrix.shape[1])
        matrix.withUnsafeMutableBufferPointer { values in
            for row in 0..<rows {
                let own = row * columns
                for _ in 0..<2 {
                    for other in 0..<row {
                        var product: Float = 0
                        for column in 0..<columns { product += values[own + column] * values[other * columns + column] }
                        for column in 0..<columns { values[own + column] -= product * values[other * columns + column] }
                    }
                }
                var square: Float = 0
                for column in 0..<columns { square += values[own + column] * values[own + column] }
                let scale = 1 / max(square, .leastNormalMagnitude).squareRoot()
                for column in 0..<columns { values[own + column] *= scale }
            }
        }
    }

    /// Visual tokens of some clips, of every map that is read: [any, memory width].
    ///
    /// - Parameter clips: how many clips, spread evenly over the sets.
    package func sampleTokens(of sets: [FeatureSet], clips: Int = 256) -> Tensor<Float> {
        var parts: [Variable<Float>] = []
        for set in sets {
            for item in evenlySpread(max(1, clips / sets.count), of: set.count) {
                let frames = FrameBatch(clips: [(set.views[0], set.evenFrames(item: item, limit: configuration.frames))]
                )
                let memory = memory(maps: maps(of: frames), frameCounts: frames.frameCounts).detached
                parts += memory.maps.sorted { $0.key < $1.key }.map {
                    $0.value.values.reshaped([-1, configuration.memoryWidth])
                }
            }
        }
        return concatenated(parts, axis: 0).value
    }
}
