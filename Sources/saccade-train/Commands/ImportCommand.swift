import Training
import ArgumentParser
import Foundation
import Models
import SystemPackage
import Terminal
import Threads

/// Makes an untrained model from pre-trained parts.
struct ImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Make an untrained model from a pre-trained backbone and text encoder.",
        discussion: """
            The backbone is a PyTorch checkpoint of EfficientNet-Lite (.pth); its pickle is read, never executed. The text \
            encoder is a sentence-transformers folder: config.json, model.safetensors, vocab.txt. The result is what \
            `saccade train fast --model` starts from.
            """)

    @Option(help: ArgumentHelp("The PyTorch checkpoint.", valueName: "file"), completion: .file(extensions: ["pth"]))
    var backbone: String

    @Option(help: "The backbone's architecture: efficientnet-lite0 or efficientnet-lite2.")
    var architecture = "efficientnet-lite2"

    @Option(help: "Side of the square frames in pixels.")
    var frameSize = 256

    @Option(help: ArgumentHelp("The text encoder's folder.", valueName: "dir"), completion: .directory)
    var text: String

    @Option(help: "The model's name.")
    var name = "untrained"

    @Option(help: ArgumentHelp("The model folder to write.", valueName: "dir"), completion: .directory)
    var output: String

    @OptionGroup(title: "Places") var places: PlaceOptions

    func run() async throws {
        guard let known = FastSlowConfiguration.BackboneConfiguration.Architecture(rawValue: architecture) else {
            throw ValidationError(
                "--architecture \(architecture): expected efficientnet-lite0 or efficientnet-lite2")
        }
        let command = self
        try await BlockingExecutor.shared.run {
            try ModelImport(
                name: command.name, backbone: .absolute(command.backbone),
                configuration: .init(architecture: known, frameSize: command.frameSize),
                text: .absolute(command.text)
            ).write(to: .absolute(command.output))
        }
        print("Wrote \(output). Train it with `saccade train fast --model \(output)`.")
    }
}
