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
        let name = Self._commandName
        let program = try TrainingProgram.find()
        var pointers = unsafe (["saccade-train", name] + arguments).map { unsafe strdup($0) } + [nil]
        defer { unsafe pointers.forEach { unsafe free($0) } }
        _ = unsafe program.withPlatformString { unsafe execv($0, &pointers) }
        throw CommandFailure(.unavailable, "\(program) can't be run: \(Errno(rawValue: errno)).")
    }
}

enum TrainingProgram {
    /// Beside this program, or in `../libexec/saccade`.
    static func find() throws -> FilePath {
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
        abstract: "Make a model from pre-trained parts, train it on captioned videos and pictures, pack it for use.",
        discussion: "See `saccade train --help` and saccade-train(1)."
    )

    @Argument(parsing: .captureForPassthrough) var arguments: [String] = []
}

struct CalibrateCommand: TrainingProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "calibrate",
        abstract: "Find a model's K and β, and what its scores say about being right, on validation items.",
        discussion: "See `saccade calibrate --help` and saccade-train(1)."
    )

    @Argument(parsing: .captureForPassthrough) var arguments: [String] = []
}

struct EvaluateCommand: TrainingProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Measure how well a model finds captioned items: recall at 1, 5 and 10, median and mean rank.",
        discussion: "See `saccade evaluate --help` and saccade-train(1)."
    )

    @Argument(parsing: .captureForPassthrough) var arguments: [String] = []
}
