import API
import ArgumentParser
import Search

/// How the Fast model's best clips are read again by the Slow one.
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
        if let rerank, !(1...SearchLimits.rerank).contains(rerank) {
            throw ValidationError("--rerank must be from 1 to \(SearchLimits.rerank).")
        }
        let heaviest = API.RerankOptions.maximumBeta
        if let beta, !(-heaviest...heaviest).contains(beta) {
            throw ValidationError("--beta must be from -\(Int(heaviest)) to \(Int(heaviest)).")
        }
        if let deadline, !(0...API.RerankOptions.maximumDeadline).contains(deadline) {
            throw ValidationError(
                "--deadline must be from 0 to \(Int(API.RerankOptions.maximumDeadline)) milliseconds.")
        }
        if let minProbability, !(0...1).contains(minProbability) {
            throw ValidationError("--min-probability must be from 0 to 1.")
        }
    }

    /// Whether anything is said of how to re-rank.
    var isDetailed: Bool { rerank != nil || beta != nil || deadline != nil }

    var choice: API.Rerank {
        fast ? .off : .on(API.RerankOptions(k: rerank, beta: beta, deadline: deadline))
    }
}
