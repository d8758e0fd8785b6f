import API
import ArgumentParser
import Search

/// How the Fast model's best clips are re-ranked by the Slow one.
struct RerankOptions: ParsableArguments {
    @Flag(help: "Rank by the Fast model alone; don't re-rank.")
    var fast = false

    @Option(
        help: ArgumentHelp(
            "The rerank depth K: re-rank this many of the Fast model's best clips. (default: the model's)",
            valueName: "count"))
    var rerank: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "The weight β of the Fast score in the sum with the Slow score. (default: the model's)", valueName: "weight"
        ))
    var beta: Double?

    @Option(
        help: ArgumentHelp(
            "Answer after this time with the clips that are re-ranked by then.", valueName: "milliseconds"))
    var deadline: Double?

    @Option(
        help: ArgumentHelp(
            "Omit results whose probability of being about the query is lower than this, 0 to 1.",
            valueName: "probability"))
    var minProbability: Double?

    func validate() throws {
        guard !(fast && isDetailed) else {
            throw ValidationError(
                "--fast turns re-ranking off: it can't be combined with --rerank, --beta and --deadline.")
        }
    }

    /// Whether anything is said of how to re-rank.
    var isDetailed: Bool { rerank != nil || beta != nil || deadline != nil }

    var choice: API.Rerank {
        fast ? .off : .on(API.RerankOptions(depth: rerank, beta: beta, deadline: deadline))
    }
}
