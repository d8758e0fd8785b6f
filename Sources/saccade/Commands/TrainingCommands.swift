import ArgumentParser
import Basics
import Foundation
import Glibc
import SystemPackage
import Terminal

/// A command of `saccade-train`, which takes this process's place: the daemon's program links no training.
protocol TrainingProgramCommand: ParsableCommand {
    /// All that follows the command's name, options and help too.
    var arguments: [String] { get }
}

extension TrainingProgramCommand {
    func run() throws {
        try TrainingProgram.start([Self._commandName] + arguments)
    }
}

enum TrainingProgram {
    /// The commands that are its own.
    static let commands = [TrainCommand._commandName, CalibrateCommand._commandName, EvaluateCommand._commandName]

    /// Lets it take this process's place; returns only by throwing.
    static func start(_ arguments: [String]) throws(CommandFailure) -> Never {
        let program = try find()
        var pointers = unsafe (["saccade-train"] + arguments).map { unsafe strdup($0) } + [nil]
        defer { unsafe pointers.forEach { unsafe free($0) } }
        _ = unsafe program.withPlatformString { unsafe execv($0, &pointers) }
        throw CommandFailure(.unavailable, "\(program) can't be started: \(Errno(rawValue: errno)).")
    }

    /// Beside this program, or in `../libexec/saccade`.
    private static func find() throws(CommandFailure) -> FilePath {
        guard let path = InstalledProgram.path(of: "saccade-train") else {
            throw CommandFailure(
                .unavailable, "saccade-train is neither beside this program nor in ../libexec/saccade: install it.")
        }
        return path
    }
}

struct TrainCommand: TrainingProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Import pre-trained parts, train a model on captioned videos and pictures, export it for use.",
        discussion: "Its subcommands and options: `saccade train --help` and saccade-train(1)."
    )

    @Argument(parsing: .captureForPassthrough, completion: .file()) var arguments: [String] = []
}

struct CalibrateCommand: TrainingProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "calibrate",
        abstract: "Choose a model's rerank depth (K) and β, and fit probabilities to its scores, on validation items.",
        discussion: "Its options: `saccade calibrate --help` and saccade-train(1)."
    )

    @Argument(parsing: .captureForPassthrough, completion: .file()) var arguments: [String] = []
}

struct EvaluateCommand: TrainingProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Measure retrieval on captioned items: recall at 1, 5 and 10, median and mean rank.",
        discussion: "Its options: `saccade evaluate --help` and saccade-train(1)."
    )

    @Argument(parsing: .captureForPassthrough, completion: .file()) var arguments: [String] = []
}
