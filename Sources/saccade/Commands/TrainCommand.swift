import ArgumentParser

/// Trains models.
struct TrainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Train a model on captioned videos and pictures.",
        subcommands: [TrainFastCommand.self, TrainSlowCommand.self, TrainDistillCommand.self]
    )
}
