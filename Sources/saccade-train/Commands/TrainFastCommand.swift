import Settings
import ArgumentParser
import Models
import SystemPackage
import Terminal
import Threads
import Training

/// Trains the Fast model.
struct TrainFastCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fast",
        abstract: "Train the dual encoder with the contrastive loss.",
        discussion: """
            The backbone is frozen: its features are computed once and cached. The run starts from --model and writes \
            checkpoints and a log below --output; it resumes from the last checkpoint when it is started again with the same \
            arguments. The model folder in --output has the parameters with the best validation result.
            """
    )

    @OptionGroup(title: "Data and output") var training: TrainingOptions
    @OptionGroup(title: "Fast model") var fast: FastTrainingOptions
    @OptionGroup var dataOptions: DataOptions
    @OptionGroup var modelOptions: ModelOptions
    @OptionGroup(title: "Places") var places: PlaceOptions

    func run() async throws {
        let command = self
        let decoder = try places.load().decoder
        try await BlockingExecutor.shared.run { try command.train(decoder: decoder) }
    }

    private func train(decoder: FilePath?) throws {
        let source = try modelOptions.folder()
        let model = try FastSlowModel(directory: source, learning: fast.learns)
        let pool = TrainingPool(
            try training.sources(dataOptions, model: model, decoder: decoder), batch: fast.batch, seed: training.seed,
            encode: model.tokens(of:))
        let task = FastTrainingTask(
            model: model.fast, pool: pool,
            validation: try training.validationSets(dataOptions, model: model, decoder: decoder),
            framesInUse: model.framesPerClip, settings: fast.taskSettings, encode: model.tokens(of:))
        try training.train(task, name: "fast", settings: fast.runSettings(seed: training.seed))
        try model.write(
            to: training.folder, name: training.name, precision: .half,
            reranking: model.reranking)
        print(
            "Wrote \(training.folder). Measure it with `saccade evaluate --model \(training.output) "
                + "--data \(training.validation[0])`.")
    }
}

/// How the Fast model learns, with and without a teacher.
struct FastTrainingOptions: ParsableArguments {
    @Option(help: "Passes over the data.")
    var epochs = 8

    @Option(help: "Items per step.")
    var batch = 128

    @Option(help: "The heads' peak learning rate.")
    var learningRate = 1e-3

    @Option(help: "The text encoder's learning rate as a fraction of the heads'; 0 freezes it.")
    var textLearningRate = 0.05

    func validate() throws {
        if epochs < 1 || batch < 2 { throw ValidationError("--epochs must be at least 1 and --batch at least 2") }
        if !(learningRate > 0) || textLearningRate < 0 { throw ValidationError("learning rates can't be negative") }
    }

    /// The word vectors stay: most words of a query never occur in the data, and must keep their places among the others.
    func learns(_ name: String) -> Bool {
        name.hasPrefix(FastModel<Float>.textPrefix) ? textLearningRate > 0 && !name.contains("word_embeddings") : true
    }

    var taskSettings: FastTrainingTask.Settings {
        var settings = FastTrainingTask.Settings()
        settings.textLearningRate = textLearningRate
        return settings
    }

    func runSettings(seed: UInt64) -> TrainingRun.Settings {
        var run = TrainingRun.Settings(epochs: epochs, learningRate: learningRate, seed: seed)
        run.optimiser.beta2 = 0.98
        run.epochsBetweenValidations = 2
        return run
    }
}
