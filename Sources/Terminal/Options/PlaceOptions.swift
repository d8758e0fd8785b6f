package import ArgumentParser
package import Client
import Foundation
package import Settings
package import SystemPackage

/// Where the daemon and its databases are; every command takes these.
package struct PlaceOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Where the databases live. (default: $STATE_DIRECTORY, else $XDG_STATE_HOME/saccade, else ~/.local/state/saccade)",
            valueName: "dir"
        ),
        completion: .directory
    )
    package var state: String?

    @Option(
        help: ArgumentHelp(
            "The daemon's socket. (default: saccade.sock in --state when that is given, else in $RUNTIME_DIRECTORY, "
                + "$XDG_RUNTIME_DIR or the state directory)",
            valueName: "path"
        ),
        completion: .file()
    )
    package var socket: String?

    @Option(help: ArgumentHelp("The configuration file to read.", valueName: "file"), completion: .file())
    package var config: String?

    package init() {}

    /// The configuration that the file, the environment and these options give.
    package func load(_ more: [ConfigurationArgument] = []) throws(ConfigurationError) -> Configuration {
        var arguments = more
        if let state { arguments.append(ConfigurationArgument("state", state)) }
        if let socket { arguments.append(ConfigurationArgument("socket", socket)) }
        return try Configuration.load(
            file: config.map { FilePath($0) },
            environment: ProcessInfo.processInfo.environment,
            arguments: arguments,
            currentDirectory: .current
        )
    }

    package func client() throws(ConfigurationError) -> ServiceClient {
        ServiceClient(socket: socketToAsk(try load()))
    }

    /// The configuration's socket; the system's service where this user has none and named no place.
    package func socketToAsk(_ configuration: Configuration) -> FilePath {
        let files = FileManager.default
        guard configuration.leavesPlaceOpen, !files.fileExists(atPath: configuration.socket.string),
            files.fileExists(atPath: Self.systemSocket.string)
        else { return configuration.socket }
        return Self.systemSocket
    }

    /// Where `packaging/systemd/saccade.socket` listens.
    private static let systemSocket: FilePath = "/run/saccade/saccade.sock"
}
