import ArgumentParser
import Models
import Settings

/// The parts of the installation that may be named.
struct PartOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The model's folder. (default: \(ModelFolder.shippedName), which comes with Saccade)", valueName: "dir"),
        completion: .directory
    )
    var model: String?

    @Option(
        help: ArgumentHelp("The decode worker. (default: saccade-decode of this installation)", valueName: "program"),
        completion: .file()
    )
    var decoder: String?

    /// As settings of the configuration.
    var arguments: [ConfigurationArgument] {
        [model.map { ConfigurationArgument("model", $0) }, decoder.map { ConfigurationArgument("decoder", $0) }]
            .compactMap { $0 }
    }
}
