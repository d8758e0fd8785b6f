import API
import ArgumentParser
import Search

/// How the Fast model's best clips are re-ranked by the Slow one.
struct RerankOptions: ParsableArguments {
    @Flag(help: "Leave the order to the Fast model: don't re-rank.")
    var fast = false

    @Option(
        help: ArgumentHelp(
            "Re-rank this many of the Fast model's best. (default: what the model says)", valueName: "count"))
    var rerank: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "The weight of the Fast score beside the Slow one. (default: what the model says)", valueName: "weight"))
    var beta: Double?

    @Option(
        help: ArgumentHelp("Answer after this long with what is re-ranked by then.", valueName: "milliseconds"))
    var deadline: Double?

    @Option(
        help: ArgumentHelp(
            "Leave out what is less likely than this to show what the words say, 0 to 1.", valueName: "probability"))
    var minProbability: Double?

    func validate() throws {
        guard !(fast && isDetailed) else {
            throw ValidationError("--fast means no re-ranking: leave out --rerank, --beta and --deadline.")
        }
    }

    /// Whether anything is said of how to re-rank.
    var isDetailed: Bool { rerank != nil || beta != nil || deadline != nil }

    var choice: API.Rerank {
        fast ? .off : .on(API.RerankOptions(depth: rerank, beta: beta, deadline: deadline))
    }
}
