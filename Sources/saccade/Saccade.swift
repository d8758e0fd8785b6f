import ArgumentParser
import Basics
import Terminal

/// The command-line program: the daemon itself, and what people and scripts ask of it.
@main
struct Saccade: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "saccade",
        abstract: "Find moments in your own videos by describing them.",
        discussion: """
            A daemon watches folders, indexes the videos and pictures in them, and answers queries over a local socket. \
            `index` and `search` with --state also work without it.

            Exit status: 0 success, also when a search found nothing; 1 some of the work failed; 64 wrong usage; \
            65 unreadable data; 66 no such file; 69 no daemon, or a part of the installation is missing; 70 internal error; \
            74 output could not be written; 75 the state is in use by another process; 77 permission denied; \
            78 invalid configuration.
            """,
        version: ProgramVersion.text,
        subcommands: [
            ServeCommand.self, SearchCommand.self, OpenCommand.self, CutCommand.self, StatusCommand.self,
            WatchCommand.self, PauseCommand.self, ResumeCommand.self, SavedCommand.self, IndexCommand.self,
            DescribeCommand.self, TrainCommand.self,
            CalibrateCommand.self,
            EvaluateCommand.self,
            ModelCommand.self,
            DuplicatesCommand.self, BackupCommand.self, RestoreCommand.self, VerifyCommand.self, FleetCommand.self,
            MCPCommand.self,
            DoctorCommand.self, ManualCommand.self,
        ]
    )

    static func main() async {
        await CommandFailure.run(Self.self) { words in
            // The commands of saccade-train bring their own help.
            guard let command = words.first, TrainingProgram.commands.contains(command) else { return }
            try TrainingProgram.start(["help"] + words)
        }
    }
}
