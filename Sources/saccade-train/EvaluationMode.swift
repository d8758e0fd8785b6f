import ArgumentParser

/// One way of ranking that `saccade evaluate` measures.
enum EvaluationMode: Hashable, Sendable {
    case fast
    /// The Slow model over every pair.
    case slow
    /// The Fast model's best, re-ranked.
    case reranked(Int)

    static let depths = [8, 16, 32, 64, 128]

    /// - Throws: `ValidationError` that lists the modes.
    init(_ text: some StringProtocol) throws {
        switch text {
        case "fast": self = .fast
        case "slow": self = .slow
        default:
            guard text.hasPrefix("fast+slow@"), let depth = Int(text.dropFirst("fast+slow@".count)),
                (1...10_000).contains(depth)
            else {
                throw ValidationError(
                    "--mode \(text): expected fast, slow or fast+slow@K, such as fast+slow@32")
            }
            self = .reranked(depth)
        }
    }

    var name: String {
        switch self {
        case .fast: "fast"
        case .slow: "slow"
        case .reranked(let depth): "fast+slow@\(depth)"
        }
    }

    /// From the cheapest to the most expensive.
    var cost: Int {
        switch self {
        case .fast: 0
        case .reranked(let depth): depth
        case .slow: .max
        }
    }
}
