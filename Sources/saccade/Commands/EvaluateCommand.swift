import ArgumentParser
import Catalog
import Foundation
import Models
import Service
import Training

/// Measures retrieval.
struct EvaluateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Measure how well a model finds captioned items: recall at 1, 5 and 10, median and mean rank.",
        discussion: """
            Every caption is a query for its item among all items (text to video), and every item one for any of its \
            captions (video to text). A rank is 1 + the number of strictly better items + half of the ties.
            """
    )

    @Option(
        help: ArgumentHelp("Captioned items: JSON lines, VATEX or Karpathy JSON.", valueName: "file"),
        completion: .file(extensions: ["jsonl", "json"])
    )
    var data: String

    @Option(help: ArgumentHelp("What to measure, separated by commas: fast.", valueName: "modes"))
    var mode = "fast"

    @Flag(help: "Print one JSON object.")
    var json = false

    @OptionGroup var dataOptions: DataOptions
    @OptionGroup var modelOptions: ModelOptions
    @OptionGroup(title: "Places") var places: PlaceOptions

    func validate() throws {
        for name in mode.split(separator: ",") where name != "fast" {
            throw ValidationError("--mode \(name) isn't known; the modes are: fast")
        }
    }

    func run() async throws {
        let command = self
        let decoder = try places.load().decoder
        let report = try await BlockingExecutor.shared.run {
            let model = try RetrievalModel(directory: command.modelOptions.folder())
            let dataset = try command.dataOptions.dataset(command.data)
            let features = try command.dataOptions.features(
                of: dataset, model: model, decoder: decoder)
            return EvaluationReport(model: model, features: features)
        }
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            print(String(decoding: try encoder.encode(report), as: UTF8.self))
        } else {
            print(report.table)
        }
    }
}
