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
            The backbone is frozen: its features are computed once and cached. Of an imported model the text tower learns and \
            the image tower is the frozen backbone. With --backbone-blocks its last blocks learn too, \
            and what the first of them is given is cached instead; the model that is written then has no Slow part, because \
            one reads the features of the backbone that it was trained on. The run starts from --model and writes \
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
        let model = try ModelFolder(source).rerankable(learning: fast.learns)
        let tail = try fast.tail(of: model)
        let choice = tail.map { FeatureChoice.input(ofBlock: $0.firstBlock) }
        let pool = TrainingPool(
            try training.sources(dataOptions, model: model, decoder: decoder, keeping: choice), batch: fast.batch,
            seed: training.seed, encode: model.tokens(of:))
        let task = FastTrainingTask(
            model: model.heads, tail: tail, pool: pool,
            validation: try training.validationSets(dataOptions, model: model, decoder: decoder, keeping: choice),
            framesInUse: model.framesPerClip, settings: fast.taskSettings(stepsPerEpoch: pool.stepsPerEpoch),
            encode: model.tokens(of:))
        try fast.train(task, name: "fast", training)
        try training.write(model, reranking: model.reranking, tail: tail)
        training.adviseOnQuerybank(of: model)
        if tail != nil && model.slow != nil {
            print(
                "The Slow part was left out, because it reads the backbone as it was: train another with `saccade train slow`."
            )
        }
        print(
            "Wrote \(training.folder). Measure it with `saccade evaluate --model \(training.output) "
                + "--data \(training.validation[0])`.")
    }
}
