extension [Float] {
    /// The same direction with the length 1; zero stays zero. Two of them have their cosine as dot product.
    package var normalised: [Float] {
        let length = reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
        return length > 0 ? map { Float(Double($0) / length) } : self
    }
}

/// What an embedding's length can be: 1 of a model whose embeddings are unit vectors, else what a querybank makes of it.
package enum EmbeddingLength {
    package static let range: ClosedRange<Double> = 0.5...2

    /// Whether a vector can be an embedding, rounding aside.
    package static func admits(_ vector: [Float]) -> Bool {
        let length = vector.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
        return (0.99 * range.lowerBound...1.01 * range.upperBound).contains(length)
    }
}
