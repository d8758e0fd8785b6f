import ArgumentParser
import Terminal

/// Writes the manual pages.
struct ManualCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "manual",
        abstract: "Write the manual page, or that of one command, in roff, to standard output.",
        discussion: "`saccade manual search | man -l -` shows it; `make install` installs all of them.",
        shouldDisplay: false
    )

    @Argument(help: ArgumentHelp("The command; without one, the page of the program.", valueName: "command"))
    var command: String?

    @Flag(help: "Print the names of the commands that have a page.")
    var list = false

    func validate() throws {
        guard command == nil || !list else { throw ValidationError("Give a command or --list, not both.") }
    }

    func run() throws {
        // Those of saccade-train have its page.
        let commands = try ManualPage.commands(of: Saccade.self).filter { !TrainingProgram.commands.contains($0) }
        if list {
            for name in commands { Terminal.output.line(name) }
            return
        }
        guard let command else {
            let others = commands.map { ".BR saccade\\-\($0) (1)" } + [".BR saccade\\-train (1)"]
            let page = try ManualPage.text(
                of: Saccade.self, ending: Self.ending + ".SH SEE ALSO\n" + others.joined(separator: ",\n") + "\n")
            Terminal.output.write(Array(page.utf8))
            return
        }
        guard commands.contains(command), let page = try ManualPage.text(of: Saccade.self, command: command) else {
            throw ValidationError(
                "There is no page of a command “\(command)”; `saccade manual --list` names those there are.")
        }
        Terminal.output.write(Array(page.utf8))
    }

    private static let ending = #"""
        .SH FILES
        .TP
        .I /etc/saccade/config.yaml
        the system-wide configuration
        .TP
        .I ~/.config/saccade/config.yaml
        the user's configuration
        .TP
        .I ~/.local/state/saccade
        the databases
        .SH ENVIRONMENT
        .TP
        .B SACCADE_SIMD
        limits the instruction set that the kernels use: scalar, avx2, avx512, avx512vnni, amx
        .TP
        .B SACCADE_THREADS
        the number of threads used for computation
        .TP
        .B NO_COLOR
        turns colours off

        """#
}
