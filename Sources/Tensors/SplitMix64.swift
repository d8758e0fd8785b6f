import Glibc

/// A seeded source of random numbers whose whole state is one word, so that a checkpoint can hold it.
///
/// Source: G. Steele, D. Lea, C. Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014. Not for secrets.
package struct SplitMix64: RandomNumberGenerator, Sendable, Codable, Equatable {
    /// What a generator made with `SplitMix64(state:)` goes on from.
    package private(set) var state: UInt64

    package init(seed: UInt64) { state = seed }

    package init(state: UInt64) { self.state = state }

    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    /// Uniform in 0..<1, in steps of 2⁻⁵³.
    package mutating func nextUniform() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// Normal with mean 0 and variance 1 (Box-Muller).
    package mutating func nextNormal() -> Double {
        let radius = (-2 * log(1 - nextUniform())).squareRoot()
        return radius * cos(2 * .pi * nextUniform())
    }

    /// A generator whose sequence is independent of what this one yields next.
    package mutating func split() -> SplitMix64 { SplitMix64(seed: next()) }
}
