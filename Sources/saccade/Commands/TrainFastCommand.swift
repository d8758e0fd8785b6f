import ArgumentParser
import Catalog
import Foundation
import Models
import Service
import SystemPackage
import Tensors
import Training

/// Trains the Fast model.
struct TrainFastCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fast",
        abstract: "Train the dual encoder that every search starts with.",
        discussion: """
            The backbone stays as it is: its features are computed once and kept. The run starts from --model, writes \
            checkpoints and a log below --output, goes on from them when it is started again with the same arguments, and \
            leaves a model folder in --output with the parameters that validated best.
            """
    )

    @Option(
        help: ArgumentHelp("Captioned items, as JSON lines; may be given several times.", valueName: "file"),
        completion: .file(extensions: ["jsonl"])
    )
    var data: [String]

    @Option(
        help: ArgumentHelp(
            "Items to validate with, never learned from; may be given several times.", valueName: "file"),
        completion: .file(extensions: ["jsonl"])
    )
    var validation: [String]

    @Option(help: ArgumentHelp("The model folder to write.", valueName: "dir"), completion: .directory)
    var output: String

    @Option(help: "The name of the new model.")
    var name = "saccade-small"

    @Option(help: "Passes over the data.")
    var epochs = 12

    @Option(help: "Items of a step.")
    var batch = 128

    @Option(help: "The heads' highest learning rate.")
    var learningRate = 1e-3

    @Option(help: "The text encoder's learning rate as a part of the heads'; 0 leaves it as it is.")
    var textLearningRate = 0.05

    @Option(help: "Seed of everything that is drawn at random.")
    var seed: UInt64 = 1

    @Flag(help: "Begin anew even if there is a checkpoint.")
    var restart = false

    @OptionGroup var dataOptions: DataOptions
    @OptionGroup var modelOptions: ModelOptions
    @OptionGroup(title: "Places") var places: PlaceOptions

    func validate() throws {
        if data.isEmpty || validation.isEmpty {
            throw ValidationError("give --data and --validation, each at least once")
        }
        if epochs < 1 || batch < 2 { throw ValidationError("--epochs must be at least 1 and --batch at least 2") }
        if !(learningRate > 0) || textLearningRate < 0 { throw ValidationError("learning rates can't be negative") }
    }

    func run() async throws {
        let command = self
        let decoder = try places.load().decoder
        try await BlockingExecutor.shared.run { try command.train(decoder: decoder) }
    }

    private func train(decoder: FilePath?) throws {
        let source = try modelOptions.folder()
        // The word vectors stay: most words of a query never occur in the data, and must keep their places among the others.
        let model = try RetrievalModel(directory: source) { name in
            name.hasPrefix(FastModel<Float>.textPrefix)
                ? textLearningRate > 0 && !name.contains("word_embeddings") : true
        }
        let features = { (path: String, mirrored: Bool) in
            try dataOptions.features(
                of: dataOptions.dataset(path), model: model, decoder: decoder, parts: [.pooled, .c5], mirrored: mirrored
            )
        }
        let sources = try data.map { path in
            let set = try features(path, true)
            // A video has more sentences and more frames to learn from than a picture.
            let moving = set.views[0].frames > set.count
            return TrainingPool.Source(features: set, repeats: moving ? 2 : 1)
        }
        let pool = TrainingPool(sources, batch: batch, seed: seed, encode: model.tokens(of:))
        var settings = FastTrainingTask.Settings()
        settings.textLearningRate = textLearningRate
        let task = FastTrainingTask(
            model: model.fast, pool: pool,
            validation: try validation.map { path in
                let set = try features(path, false)
                return (set.dataset.name, set)
            },
            framesInUse: model.framesPerClip, settings: settings, encode: model.tokens(of:))
        var run = TrainingRun.Settings(epochs: epochs, learningRate: learningRate, seed: seed)
        run.optimiser.beta2 = 0.98
        run.epochsBetweenValidations = 2
        let folder = FilePath.absolute(output)
        let log = TrainingLog()
        try TrainingRun(name: "fast", settings: run, folder: folder.appending("training"), report: log.show)
            .train(task, resume: !restart)
        try model.write(to: folder, name: name, precision: .half, copyingBackboneFrom: source)
        print("Wrote \(folder). Measure it with `saccade evaluate --model \(output) --data \(validation[0])`.")
    }
}
