import ArgumentParser
import Foundation
import Ingest
import Service
import SystemPackage

/// Where the daemon and its databases are; every command takes these.
struct PlaceOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Where the databases live. (default: $STATE_DIRECTORY, else $XDG_STATE_HOME/saccade, else ~/.local/state/saccade)",
            valueName: "dir"
        ),
        completion: .directory
    )
    var state: String?

    @Option(
        help: ArgumentHelp(
            "The daemon's socket. (default: saccade.sock in --state when that is given, else in $RUNTIME_DIRECTORY, "
                + "$XDG_RUNTIME_DIR or the state directory)",
            valueName: "path"
        ),
        completion: .file()
    )
    var socket: String?

    @Option(help: ArgumentHelp("The configuration file to read.", valueName: "file"), completion: .file())
    var config: String?

    /// The configuration that the file, the environment and these options give.
    func load(_ more: [ConfigurationArgument] = []) throws(ConfigurationError) -> Configuration {
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

    func client() throws(ConfigurationError) -> ServiceClient {
        ServiceClient(socket: socketToAsk(try load()))
    }

    /// The configuration's socket; the system's service where this user has none and named no place.
    func socketToAsk(_ configuration: Configuration) -> FilePath {
        let files = FileManager.default
        guard configuration.leavesPlaceOpen, !files.fileExists(atPath: configuration.socket.string),
            files.fileExists(atPath: Self.systemSocket.string)
        else { return configuration.socket }
        return Self.systemSocket
    }

    /// Where `packaging/systemd/saccade.socket` listens.
    private static let systemSocket: FilePath = "/run/saccade/saccade.sock"
}

extension FilePath {
    /// The working directory.
    static var current: FilePath { FilePath(FileManager.default.currentDirectoryPath) }

    /// The path from the root of the file system, with `~`, `.` and `..` resolved.
    static func absolute(_ text: String) -> FilePath {
        let expanded = text == "~" || text.hasPrefix("~/") ? NSString(string: text).expandingTildeInPath : text
        let path = current.pushing(FilePath(expanded))
        // From a symbolic link `..` goes up where the link leads.
        let goesUp = path.components.contains { $0.kind == .parentDirectory }
        return goesUp ? (try? LinuxFileSystem.resolved(path)) ?? path.lexicallyNormalized() : path.lexicallyNormalized()
    }

    /// The path as the index has it: of a directory the one that symbolic links lead to, of a file that of its directory.
    static func resolved(_ text: String) -> FilePath {
        let path = absolute(text)
        guard let resolved = try? LinuxFileSystem.resolved(path) else { return path }
        let attributes = try? LinuxFileSystem().attributes(of: resolved, followsLinks: false)
        if attributes?.kind == .directory { return resolved }
        guard let name = path.lastComponent, let parent = try? LinuxFileSystem.resolved(path.removingLastComponent())
        else { return path }
        return parent.appending(name)
    }
}
