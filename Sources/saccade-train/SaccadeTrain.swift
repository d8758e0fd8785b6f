import ArgumentParser
import Basics
import Terminal

/// The program that `saccade train`, `calibrate` and `evaluate` start: what makes models and measures them, apart from what uses them.
@main
struct SaccadeTrain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        // As people call it.
        commandName: "saccade",
        abstract: "Train, calibrate and evaluate Saccade's models.",
        discussion: """
            `saccade train`, `saccade calibrate` and `saccade evaluate` start the program saccade-train, which isn't called \
            directly. Exit statuses are those of saccade(1).
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
        let page = try ManualPage.text(of: SaccadeTrain.self, name: "saccade-train", ending: Self.ending)
        Terminal.output.write(Array(page.utf8))
    }

    private static let ending = #"""
        .SH FILES
        .TP
        .I ~/.cache/saccade/features
        features of training data and teachers' scores, kept between runs
        .SH SEE ALSO
        .BR saccade (1)

        """#
}
