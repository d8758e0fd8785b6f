import ArgumentParser

/// Makes and trains models.
struct TrainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Import pre-trained parts, train a model on captioned videos and pictures, export it for use.",
        subcommands: [
            ImportCommand.self, TrainFastCommand.self, TrainSlowCommand.self, TrainDistillCommand.self,
            TrainQuerybankCommand.self,
            ExportCommand.self,
        ]
    )
}
