import ArgumentParser

/// Makes and trains models.
struct TrainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Make a model from pre-trained parts, train it on captioned videos and pictures, pack it for use.",
        subcommands: [
            ImportCommand.self, TrainFastCommand.self, TrainSlowCommand.self, TrainDistillCommand.self,
            ExportCommand.self,
        ]
    )
}
