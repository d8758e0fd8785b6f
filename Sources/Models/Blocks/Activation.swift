import Tensors

/// The function between the two products of a transformer's feed-forward, by its name in `config.json`.
package enum Activation: String, Sendable, Codable, CaseIterable {
    /// x · Φ(x).
    case gelu
    /// x · sigmoid(1.702 x): OpenAI's CLIP.
    case quickGELU = "quick_gelu"
    /// GELU by the hyperbolic tangent: SigLIP.
    case tanhGELU = "tanh_gelu"

    var operation: UnaryOperation {
        switch self {
        case .gelu: .gelu
        case .quickGELU: .quickGELU
        case .tanhGELU: .tanhGELU
        }
    }
}
