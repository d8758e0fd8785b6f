import ArgumentParser
import Basics
import Terminal

/// The program that `saccade train`, `calibrate` and `evaluate` start: what makes models and measures them, apart from what uses them.
@main
struct SaccadeTrain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "saccade-train",
        abstract: "Make, train, calibrate and measure Saccade's models.",
        discussion: """
            `saccade train`, `saccade calibrate` and `saccade evaluate` start this program. Exit statuses are those of saccade.
            """,
        version: ProgramVersion.text,
        subcommands: [TrainCommand.self, CalibrateCommand.self, EvaluateCommand.self, ManualCommand.self]
    )

    static func main() async {
        await CommandFailure.run(Self.self)
    }
}

/// Writes the manual page.
struct ManualCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "manual",
        abstract: "Write the manual page, in roff, to standard output.",
        shouldDisplay: false
    )

    func run() throws {
        Terminal.output.write(Array(try ManualPage.text(of: SaccadeTrain.self).utf8))
    }
}
