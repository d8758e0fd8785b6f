import ArgumentParser
import Foundation
import Models
import SystemPackage
import Terminal
import Threads

/// Quantises a model for use.
struct ExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write a model with its weights quantised for use.")

    @Option(help: "The precision of the weights: int8, or half for further training.")
    var precision = WeightPrecision.int8.rawValue

    @Option(help: ArgumentHelp("The model folder to write.", valueName: "dir"), completion: .directory)
    var output: String

    @OptionGroup var modelOptions: ModelOptions
    @OptionGroup(title: "Places") var places: PlaceOptions

    func run() async throws {
        guard let precision = WeightPrecision(rawValue: precision) else {
            throw ValidationError("--precision \(precision): expected int8 or half")
        }
        let source = try modelOptions.folder()
        let target = FilePath.absolute(output)
        guard source != target else {
            throw ValidationError("--output must differ from the model's own folder")
        }
        try await BlockingExecutor.shared.run {
            let model = try ModelFolder(source).rerankable()
            try model.write(
                to: target, name: model.name, precision: precision, slow: nil, reranking: model.reranking)
        }
        print("Wrote \(output).")
    }
}
