package import ArgumentParser
package import Basics
internal import Foundation

/// Why a command gave up: one line on standard error that says what to do, and an exit status for scripts.
package struct CommandFailure: Error {
    /// The numbers of BSD's `sysexits.h`, where it has one for the case.
    package enum Status: Int32 {
        case partial = 1
        case data = 65
        case noInput = 66
        case unavailable = 69
        case software = 70
        case output = 74
        case inUse = 75
        case notPermitted = 77
        case configuration = 78
    }

    package var status: Status
    package var message: String

    package init(_ status: Status, _ message: String) {
        self.status = status
        self.message = message
    }

    /// Parses the program's arguments and runs the command that they name; ends the program when that fails.
    ///
    /// - Parameter helping: is given the words after `help`, and may answer them itself.
    package static func run(
        _ program: (some AsyncParsableCommand).Type, helping: ([String]) throws -> Void = { _ in }
    ) async {
        do {
            let arguments = CommandLine.arguments.dropFirst()
            if arguments.first == "help" {
                try helping(Array(arguments.dropFirst()))
                try checkCommand(arguments.dropFirst(), of: program)
            }
            var command = try await program.asyncParseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            exit(with: error, of: program)
        }
    }

    /// The parser answers `help` with a name that it doesn't know as it answers `help` alone.
    private static func checkCommand(_ words: ArraySlice<String>, of program: any ParsableCommand.Type) throws {
        var command = program
        for word in words where !word.hasPrefix("-") && word != "help" {
            guard let next = command.configuration.subcommands.first(where: { $0._commandName == word }) else {
                throw ValidationError("There is no command “\(word)”.")
            }
            command = next
        }
    }

    /// Ends the program as the error asks for.
    ///
    /// - Parameter program: parses the arguments, and so brings the texts of its own errors.
    private static func exit(with error: any Error, of program: any ParsableCommand.Type) -> Never {
        guard let failure = CommandFailure(error, program) else { program.exit(withError: error) }
        failure.exit()
    }

    func exit() -> Never {
        Terminal.error.line("saccade: \(message)")
        Foundation.exit(status.rawValue)
    }

    /// Nil for the parser's own errors, which bring their texts and statuses with them.
    private init?(_ error: any Error, _ program: any ParsableCommand.Type) {
        switch error {
        case let failure as CommandFailure:
            self = failure
        case let error as any ExplainedError:
            self.init(Status(error.category), error.description)
        case is ExitCode, is CleanExit, is ValidationError:
            return nil
        default:
            guard program.exitCode(for: error) == .failure else { return nil }
            self.init(.software, String(describing: error))
        }
    }
}

extension CommandFailure.Status {
    package init(_ category: ErrorCategory) {
        self =
            switch category {
            case .invalidInput: .data
            case .notFound: .noInput
            case .notPermitted: .notPermitted
            case .inUse: .inUse
            case .unavailable: .unavailable
            case .configuration: .configuration
            case .output: .output
            case .unexpected: .software
            }
    }
}
