extension [Float] {
    /// The same direction with the length 1; zero stays zero. Two of them have their cosine as dot product.
    package var normalised: [Float] {
        let length = reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
        return length > 0 ? map { Float(Double($0) / length) } : self
    }
}
