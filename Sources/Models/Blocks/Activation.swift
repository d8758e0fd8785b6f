import Tensors

/// The function between the two products of a transformer's feed-forward, by its name in `config.json`.
package enum Activation: String, Sendable, Codable, CaseIterable {
    /// x · Φ(x).
    case gelu
    /// x · sigmoid(1.702 x): OpenAI's CLIP.
    case quickGELU = "quick_gelu"
    /// GELU by the hyperbolic tangent: SigLIP.
    case tanhGELU = "tanh_gelu"

    func callAsFunction<Scalar: TensorScalar>(_ x: Variable<Scalar>) -> Variable<Scalar> {
        switch self {
        case .gelu: x.gelu()
        case .quickGELU: x.quickGELU()
        case .tanhGELU: x.tanhGELU()
        }
    }
}
