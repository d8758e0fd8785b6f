import ArgumentParser

/// Trains the Fast model.
struct TrainFastCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fast",
        abstract: "Train the dual encoder that every search starts with."
    )

    @Option(
        help: ArgumentHelp("Captioned items, as JSON lines; may be given several times.", valueName: "file"),
        completion: .file(extensions: ["jsonl"])
    )
    var data: [String]

    @Option(help: ArgumentHelp("The model folder to write.", valueName: "dir"), completion: .directory)
    var output: String

    @OptionGroup(title: "Places") var places: PlaceOptions

    func run() async throws {
        throw Failure(.software, "Training is not part of this build.")
    }
}
