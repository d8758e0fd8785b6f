import ArgumentParser
import Basics
import Daemon
import Foundation
import Models
import Settings
import Terminal

/// The daemon.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Run the daemon: watch folders, index what is in them, answer queries.",
        discussion: """
            Runs in the foreground and logs to standard error. SIGTERM and SIGINT stop it after the current clip; SIGHUP \
            reloads the configuration. Under systemd it uses the socket that is passed to it, and reports when it is ready.

              saccade serve --root ~/Videos
              saccade serve --state /srv/saccade --log-level debug
            """
    )

    @Option(
        name: .customLong("root"),
        help: ArgumentHelp(
            "A folder to watch, besides those added with `saccade watch add`; may be given several times.",
            valueName: "dir"
        ),
        completion: .directory
    )
    var roots: [String] = []

    @Option(
        help: ArgumentHelp(
            "The least severe message to log: trace, debug, info, notice, warning, error, critical.", valueName: "level"
        )
    )
    var logLevel: String?

    @OptionGroup(title: "Parts") var parts: PartOptions
    @OptionGroup(title: "Places") var places: PlaceOptions

    func run() async throws {
        let places = places
        let arguments = arguments
        let configuration = try places.load(arguments)
        let program = SaccadeDaemon.Program(
            version: ProgramVersion.text,
            environment: ProcessInfo.processInfo.environment,
            reload: { try places.load(arguments) },
            loadModel: { try InstalledModel.load($0, precision: FeaturePrecision(configuration.ingest.rerankFeatures)) }
        )
        try await SaccadeDaemon(configuration: configuration, program: program).run()
    }

    private var arguments: [ConfigurationArgument] {
        var arguments = parts.arguments
        if !roots.isEmpty { arguments.append(ConfigurationArgument("roots", values: roots)) }
        if let logLevel { arguments.append(ConfigurationArgument("log_level", logLevel)) }
        return arguments
    }
}
