package import Tensors

/// Where a forward pass drops activations: nowhere in use, at a rate and from a seed in training.
package struct Dropout: Sendable {
    package let rate: Double
    private var random: SplitMix64

    /// - Parameter rate: the part that is dropped, in 0..<1.
    package init(rate: Double, random: SplitMix64) {
        self.rate = rate
        self.random = random
    }

    /// Drops nothing.
    package static var off: Dropout { Dropout(rate: 0, random: SplitMix64(seed: 0)) }

    package mutating func callAsFunction<Scalar: TensorScalar>(_ x: Variable<Scalar>) -> Variable<Scalar> {
        rate > 0 ? x.dropout(rate: rate, using: &random) : x
    }
}
