import Synchronization
import Tensors

/// What the weights of a tower lose when they are packed to 8 bits, and which of them stay as they are.
package struct Packing: Sendable, Equatable, Codable {
    /// Layers whose weights could be packed.
    package var layers: Int
    /// Those that stayed in floats, by their names in the tower's file.
    package var floatLayers: [String]
    /// The least cosine of an embedding to that of the floats, over what was tried.
    package var cosine: Double

    enum CodingKeys: String, CodingKey {
        case layers, cosine
        case floatLayers = "float_layers"
    }
}

/// A tower's layers in floats and in 8 bits side by side.
///
/// Layers come one after another in a forward pass, so that a pass with all of them in floats also shows what each would make of the same
/// inputs in 8 bits.
final class PackingTrial: Sendable {
    /// Layers whose outputs have a lesser cosine to those of the floats, on average over rows, stay in floats.
    static let leastLayerCosine = 0.999
    /// The least cosine of an embedding to that of the floats. More layers stay in floats until it is reached.
    static let leastCosine = 0.999

    /// What was chosen, and the names of the weights to pack.
    typealias Choice = (packing: Packing, packed: [String])

    private let layers = Mutex<[Layer]>([])

    /// Whether a layer can be packed: all can but the one that ends in the embedding.
    func tries(_ weightName: String) -> Bool { weightName != "projection.weight" }

    /// A layer of the tower, which computes with floats for now.
    func layer(_ weightName: String, weight: Tensor<Float>, bias: Tensor<Float>?) -> Layer {
        let layer = Layer(weightName, weight: weight, bias: bias)
        layers.withLock { $0.append(layer) }
        return layer
    }

    /// Chooses the layers that stay in floats.
    ///
    /// - Parameter embed: makes unit vectors of the same inputs each time.
    func choice(by embed: () throws -> [[Float]]) rethrows -> Choice {
        let exact = try embed()
        let worstFirst = layers.withLock { $0 }.map { ($0, cosine: $0.cosine) }.sorted { $0.cosine < $1.cosine }
        var floats = worstFirst.count { !($0.cosine >= Self.leastLayerCosine) }
        while true {
            for (place, layer) in worstFirst.enumerated() { layer.0.use(place < floats ? .floats : .packed) }
            let cosine = Self.leastCosine(exact, try embed())
            if cosine >= Self.leastCosine || floats == worstFirst.count {
                let names = worstFirst.map(\.0.weightName)
                let packing = Packing(
                    layers: names.count, floatLayers: names.prefix(floats).sorted(), cosine: min(cosine, 1))
                return (packing, Array(names.dropFirst(floats)))
            }
            floats = min(worstFirst.count, max(2 * floats, worstFirst.count / 8, 1))
        }
    }

    /// - Parameter ones, others: unit vectors, as many of each.
    private static func leastCosine(_ ones: [[Float]], _ others: [[Float]]) -> Double {
        zip(ones, others).map { one, other in zip(one, other).reduce(0) { $0 + Double($1.0) * Double($1.1) } }.min()
            ?? 1
    }

    /// One layer.
    final class Layer: FixedLinearMap {
        enum Weights {
            case floats, packed
            /// Floats, and a look at what 8 bits would have made of the inputs.
            case both
        }

        private struct State {
            var weights = Weights.both
            var cosines = 0.0
            var rows = 0
        }

        let weightName: String
        private let floats: Linear<Float>
        private let packed: QuantisedMatrix
        private let state = Mutex(State())

        fileprivate init(_ weightName: String, weight: Tensor<Float>, bias: Tensor<Float>?) {
            self.weightName = weightName
            floats = Linear(weight: Variable(constant: weight), bias: bias.map { Variable(constant: $0) })
            packed = PackedRows(rounding: weight).matrix(bias: bias)
        }

        /// The mean cosine of the rows that were seen with ``Weights/both``.
        fileprivate var cosine: Double { state.withLock { $0.rows == 0 ? 1 : $0.cosines / Double($0.rows) } }

        fileprivate func use(_ weights: Weights) { state.withLock { $0.weights = weights } }

        func callAsFunction(_ x: Tensor<Float>, then operation: UnaryOperation?) -> Tensor<Float> {
            let weights = state.withLock { $0.weights }
            if weights == .packed { return packed(x, then: operation) }
            let y = floats(Variable(constant: x))
            if weights == .both { compare(y.value, packed(x)) }
            return (operation.map { y.applying($0) } ?? y).value
        }

        private func compare(_ exact: Tensor<Float>, _ rounded: Tensor<Float>) {
            let width = packed.outputs
            exact.withUnsafeBufferPointer { exact in
                rounded.withUnsafeBufferPointer { rounded in
                    for start in stride(from: 0, to: exact.count, by: width) {
                        var (product, one, other) = (0.0, 0.0, 0.0)
                        for index in start..<start + width {
                            let (a, b) = (Double(exact[index]), Double(rounded[index]))
                            product += a * b
                            one += a * a
                            other += b * b
                        }
                        let lengths = (one * other).squareRoot()
                        // Rows of zeros are alike.
                        let cosine = lengths > 0 ? product / lengths : one == other ? 1 : 0
                        state.withLock {
                            $0.cosines += cosine
                            $0.rows += 1
                        }
                    }
                }
            }
        }
    }
}
