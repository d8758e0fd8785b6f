import ArgumentParser
import Models
import SystemPackage

/// The model that a command works with.
struct ModelOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The model's folder. (default: $SACCADE_MODEL, else the one that comes with the program)", valueName: "dir"),
        completion: .directory)
    var model: String?

    func folder() throws -> FilePath {
        try model.map { .absolute($0) } ?? ModelFolder.shipped()
    }
}
