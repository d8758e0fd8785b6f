/// One way of ranking that an evaluation measures.
package enum EvaluationMode: Hashable, Sendable {
    case fast
    /// The Slow model over every pair.
    case slow
    /// The Fast model's best, re-ranked; how many, 1 to 10,000.
    case reranked(Int)

    /// The modes of a model for which none are named.
    package static func usual(hasSlow: Bool) -> [EvaluationMode] {
        [.fast] + (hasSlow ? [8, 16, 32, 64, 128].map { .reranked($0) } : [])
    }

    /// - Parameter name: `fast`, `slow` or `fast+slow@K`; nil comes of anything else.
    package init?(name: some StringProtocol) {
        switch name {
        case "fast": self = .fast
        case "slow": self = .slow
        default:
            guard name.hasPrefix("fast+slow@"), let depth = Int(name.dropFirst("fast+slow@".count)),
                (1...10_000).contains(depth)
            else { return nil }
            self = .reranked(depth)
        }
    }

    package var name: String {
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
