import Glibc

/// The reference: plain loops throughout.
extension Double: TensorScalar {
    package static func exponential(_ x: Double) -> Double { exp(x) }
    package static func logarithm(_ x: Double) -> Double { log(x) }
    package static func hyperbolicTangent(_ x: Double) -> Double { tanh(x) }
    package static func errorFunction(_ x: Double) -> Double { erf(x) }
}
