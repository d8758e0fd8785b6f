import ArgumentParser
import Models
import Tensors
import Training

/// How the Fast model learns, with and without a teacher.
struct FastTrainingOptions: ParsableArguments {
    @Option(help: "Passes over the data.")
    var epochs = 8

    @Option(help: "Items per step.")
    var batch = 128

    @Option(help: "Frames per clip and step, drawn at random.")
    var frames = 4

    @Option(help: "The heads' peak learning rate.")
    var learningRate = 1e-3

    @Option(help: "The text encoder's learning rate as a fraction of the heads'; 0 freezes it.")
    var textLearningRate = 0.05

    @Option(help: "How many of the backbone's last blocks learn, and its head with them; 0 freezes all of it.")
    var backboneBlocks = 0

    @Option(help: "The peak learning rate of the backbone's blocks.")
    var backboneLearningRate = 1e-4

    @Option(help: "The fraction of the steps in which the backbone's blocks don't learn yet.")
    var backboneWarmUp = 0.2

    @Option(
        help:
            "With --backbone-blocks: the smallest random crop, its side as a fraction of the picture's; 1 crops nothing."
    )
    var crop = 1.0

    @Option(
        help: "Part of the captions in whose place a short phrase is learned that several of the item's captions say.")
    var phrases = 0.0

    @Option(
        help: ArgumentHelp(
            "Validate and write an exponential moving average of the weights with this decay per step, such as 0.99.",
            valueName: "decay"))
    var average: Double?

    @Option(
        help: ArgumentHelp(
            "The part that the weights the run began with have in those that are written, so that less of what was known before is "
                + "lost.", valueName: "part"))
    var startWeight = 0.0

    func validate() throws {
        if epochs < 1 || batch < 2 || frames < 1 {
            throw ValidationError("--epochs and --frames must be at least 1 and --batch at least 2")
        }
        if !(learningRate > 0) || textLearningRate < 0 || !(backboneLearningRate > 0) {
            throw ValidationError("learning rates can't be negative")
        }
        if backboneBlocks < 0 { throw ValidationError("--backbone-blocks can't be negative") }
        if !(0..<1).contains(backboneWarmUp) {
            throw ValidationError("--backbone-warm-up must be at least 0 and below 1")
        }
        if !(crop > 0 && crop <= 1) { throw ValidationError("--crop must be above 0 and at most 1") }
        if crop < 1 && backboneBlocks == 0 { throw ValidationError("--crop needs --backbone-blocks") }
        if !(0..<1).contains(phrases) { throw ValidationError("--phrases must be at least 0 and below 1") }
        if !(0..<1).contains(startWeight) { throw ValidationError("--start-weight must be at least 0 and below 1") }
        if let average, !(average > 0 && average < 1) {
            throw ValidationError("--average must lie between 0 and 1")
        }
    }

    /// The word vectors stay: most words of a query never occur in the data, and must keep their places among the others.
    func learns(_ name: String) -> Bool {
        name.hasPrefix(FastModel<Float>.textPrefix) ? textLearningRate > 0 && !name.contains("word_embeddings") : true
    }

    /// The backbone's blocks that learn; nil when it is frozen.
    func tail(of model: any RerankableModel) throws -> BackboneTail<Float>? {
        guard backboneBlocks > 0 else { return nil }
        guard let model = model as? FastSlowModel else {
            throw ValidationError(
                "--backbone-blocks: the image tower of an imported model stays as it is; leave the option out, and the text "
                    + "tower learns")
        }
        let all = model.configuration.backbone.network.blocks.count
        if backboneBlocks >= all {
            throw ValidationError(
                "--backbone-blocks \(backboneBlocks): the backbone has \(all), and its first one stays frozen")
        }
        return try model.tail(blocks: backboneBlocks)
    }

    /// - Throws: `ValidationError` when no parameter of a model would learn.
    private func require(_ task: FastTrainingTask) throws {
        if task.parameters.isEmpty {
            throw ValidationError(
                "--text-learning-rate 0: nothing would learn; of an imported model it is the text tower that does")
        }
    }

    /// - Parameter stepsPerEpoch: of the run's data.
    func taskSettings(stepsPerEpoch: Int) -> FastTrainingTask.Settings {
        var settings = FastTrainingTask.Settings()
        settings.frames = frames
        settings.textLearningRate = textLearningRate
        settings.backboneLearningRate = backboneLearningRate / learningRate
        settings.backboneFirstStep = Int(backboneWarmUp * Double(epochs * stepsPerEpoch))
        settings.crop = crop
        settings.phrases = phrases
        return settings
    }

    /// Trains, and mixes the weights that the run began with into those that it ended with.
    ///
    /// Source: Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022 (WiSE-FT).
    func train(_ task: FastTrainingTask, name: String, _ training: TrainingOptions) throws {
        try require(task)
        let start = startWeight > 0 ? task.parameters.map(\.variable.value) : []
        try training.train(task, name: name, settings: runSettings(seed: training.seed))
        for (parameter, value) in zip(task.parameters, start) {
            parameter.variable.update { $0.approach(value, by: Float(startWeight)) }
        }
    }

    private func runSettings(seed: UInt64) -> TrainingRun.Settings {
        var run = TrainingRun.Settings(epochs: epochs, learningRate: learningRate, seed: seed)
        run.optimiser.beta2 = 0.98
        run.epochsBetweenValidations = 2
        run.averageDecay = average
        return run
    }
}
