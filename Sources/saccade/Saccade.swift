import ArgumentParser
import Basics
import Terminal
import Catalog

/// The command-line program: the daemon itself, and what people and scripts ask of it.
@main
struct Saccade: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "saccade",
        abstract: "Find moments in your own videos by describing them.",
        discussion: """
            A daemon watches folders, looks at every video in them, and answers questions over a local socket. `index` and \
            `search` with --state also work without it.

            Exit status: 0 when the command did its work, also when a search found nothing; 1 when some of it failed; \
            64 wrong usage; 65 unreadable data; 66 no such file; 69 no daemon, or a part of the installation is missing; \
            70 an error in Saccade; 75 the state is in use by another process; 77 not permitted; 78 a wrong configuration.
            """,
        version: ProgramVersion.text,
        subcommands: [
            ServeCommand.self, SearchCommand.self, StatusCommand.self, WatchCommand.self, IndexCommand.self,
            DescribeCommand.self, TrainCommand.self, CalibrateCommand.self, EvaluateCommand.self, ModelCommand.self,
            DoctorCommand.self, ManualCommand.self,
        ]
    )

    static func main() async {
        await CommandFailure.run(Self.self)
    }
}
