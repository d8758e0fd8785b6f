import ArgumentParser

/// Measures retrieval.
struct EvaluateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Measure how well a model finds captioned items: recall at 1, 5 and 10, median and mean rank."
    )

    @Option(
        help: ArgumentHelp("Captioned items: JSON lines, VATEX or Karpathy JSON.", valueName: "file"),
        completion: .file(extensions: ["jsonl", "json"])
    )
    var data: String

    @Option(help: ArgumentHelp("What to measure, separated by commas: fast.", valueName: "modes"))
    var mode = "fast"

    @Flag(help: "Print one JSON object.")
    var json = false

    @OptionGroup(title: "Places") var places: PlaceOptions

    func run() async throws {
        throw Failure(.software, "Evaluation is not part of this build.")
    }
}
