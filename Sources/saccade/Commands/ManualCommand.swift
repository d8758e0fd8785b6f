import ArgumentParser
import Terminal

/// Writes the manual page.
struct ManualCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "manual",
        abstract: "Write the manual page, in roff, to standard output.",
        discussion: "`saccade manual | man -l -` shows it; `make install` installs it.",
        shouldDisplay: false
    )

    func run() throws {
        Terminal.output.write(Array(try ManualPage.text(of: Saccade.self, ending: Self.ending).utf8))
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
        .SH SEE ALSO
        .BR saccade\-train (1)

        """#
}
