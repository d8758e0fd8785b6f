package import ArgumentParser
import Models
package import SystemPackage

/// The model that a command works with.
package struct ModelOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The model's folder. (default: $SACCADE_MODEL, else the one that comes with the program)", valueName: "dir"),
        completion: .directory)
    package var model: String?

    package init() {}

    package func folder() throws -> FilePath {
        try model.map { .absolute($0) } ?? ModelFolder.shipped()
    }
}
