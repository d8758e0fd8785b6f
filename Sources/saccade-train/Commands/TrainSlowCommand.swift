import Settings
import DecodeProtocol
import ArgumentParser
import Models
import SystemPackage
import Tensors
import Terminal
import Threads
import Training

extension SlowConfiguration.Directions: ExpressibleByArgument {}
extension SlowConfiguration.Objective: ExpressibleByArgument {}

extension Fold: ExpressibleByArgument {
    /// `K/N`, counted from 1.
    init?(argument: String) {
        let parts = argument.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
        guard parts.count == 2, let index = parts[0], let count = parts[1], count > 1, (1...count).contains(index)
        else { return nil }
        self.init(index: index - 1, of: count)
    }
}

/// Trains the Slow model.
struct TrainSlowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "slow",
        abstract: "Train the captioner that re-ranks the best clips.",
        discussion: """
            If --model has a Slow part, its training continues; otherwise, or with --new, a Slow part is randomly initialised, with a \
            vocabulary from the captions. The Fast part is frozen, and can be an imported model: its maps are those of its \
            image tower's patches after all, two thirds and one third of the blocks. Checkpoints, a log and a plot are written below --output; \
            the same command resumes from the last checkpoint.
            """
    )

    @Option(help: "Passes over the data.")
    var epochs = 12

    @Option(help: "Items per step.")
    var batch = 64

    @Option(help: "Captions per item and step.")
    var captions = 3

    @Option(help: "The peak learning rate.")
    var learningRate = 1e-3

    @Option(help: "The dropout rate.")
    var dropout = 0.1

    @Flag(help: "Start from a randomly initialised Slow part even if the model has one.")
    var new = false

    @Option(
        help: ArgumentHelp(
            "New Slow part: the feature map that each layer attends to, from 0, the coarsest, to 2.", valueName: "maps")
    )
    var layers = "0,0,1"

    @Option(help: "New Slow part: the width of its embeddings and layers.")
    var width = 256

    @Option(
        help: ArgumentHelp(
            "The width of the visual tokens that are stored of a clip; the model's own wider ones are narrowed to their principal directions first. (default: the model's, or --width of a new Slow part)",
            valueName: "width"))
    var memoryWidth: Int?

    @Option(help: "New Slow part: its reading directions, both or forward.")
    var directions = SlowConfiguration.Directions.both

    @Option(help: "New Slow part: its objective, captioning or matching.")
    var objective = SlowConfiguration.Objective.captioning

    @Option(
        help: ArgumentHelp(
            "New Slow part of an imported model: the word pieces to choose from, as the vocab.txt of an uncased BERT. (default: "
                + "those of \(ModelFolder.shippedName))", valueName: "file"), completion: .file(extensions: ["txt"]))
    var vocabulary: String?

    @Option(help: "New Slow part: word pieces that are rarer than this in the captions are unknown.")
    var minimumCount = 3

    @Option(
        help:
            "Part of the items that are shown before another one and described as “A, then B”: teaches the order of time."
    )
    var sequences = 0.0

    @Option(
        help: "Part of the captions in whose place a short phrase is learned that several of the item's captions say.")
    var phrases = 0.0

    @Option(
        help: ArgumentHelp(
            "Train on all items but the K-th of N parts, so that this teacher can score that part.",
            valueName: "k/n"))
    var leavingOut: Fold?

    @OptionGroup(title: "Data and output") var training: TrainingOptions
    @OptionGroup var dataOptions: DataOptions
    @OptionGroup var modelOptions: ModelOptions
    @OptionGroup(title: "Places") var places: PlaceOptions

    func validate() throws {
        if epochs < 1 || batch < 2 || captions < 1 {
            throw ValidationError("--epochs and --captions must be at least 1, and --batch at least 2")
        }
        if !(learningRate > 0) { throw ValidationError("--learning-rate must be positive") }
        if !(0..<1).contains(dropout) { throw ValidationError("--dropout must be at least 0 and below 1") }
        if !(0..<1).contains(sequences) { throw ValidationError("--sequences must be at least 0 and below 1") }
        if !(0..<1).contains(phrases) { throw ValidationError("--phrases must be at least 0 and below 1") }
        if let memoryWidth, memoryWidth < 1 { throw ValidationError("--memory-width must be at least 1") }
        _ = try maps()
    }

    /// The map that each layer reads.
    private func maps() throws -> [Int] {
        let maps = layers.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
        guard maps.allSatisfy({ $0.map((0...2).contains) ?? false }) else {
            throw ValidationError("--layers \(layers): expected the numbers 0, 1 or 2, separated by commas")
        }
        return maps.compactMap { $0 }
    }

    func run() async throws {
        let command = self
        let decoder = try places.load().decoder
        try await BlockingExecutor.shared.run { try command.train(decoder: decoder) }
    }

    private func train(decoder: FilePath?) throws {
        let source = try modelOptions.folder()
        let model = try ModelFolder(source).rerankable()
        var dataOptions = dataOptions
        let maps = try maps()
        dataOptions.maps = max(dataOptions.maps, 1 + (maps.max() ?? 0))
        let sources = try training.sources(dataOptions, model: model, decoder: decoder)
        let validation = try training.validationSets(dataOptions, model: model, decoder: decoder)
        let captioner = try start(from: model, maps, sets: sources.map(\.features))
        let slow = captioner.model
        let encode = captioner.tokens(of:)
        var settings = SlowTrainingTask.Settings()
        settings.dropout = dropout
        settings.captions = captions
        settings.sequences = sequences
        settings.phrases = phrases
        let hardness =
            slow.configuration.objective == .captioning
            ? nil
            : try FastHardness(sources.map { try FastEmbeddings(model, of: $0.features) })
        let pool = TrainingPool(sources, leavingOut: leavingOut, batch: batch, seed: training.seed, encode: encode)
        if pool.isEmpty {
            throw ValidationError("--leaving-out leaves no item to learn from: add items, or use fewer parts")
        }
        let task = SlowTrainingTask(
            model: slow, pool: pool, hardness: hardness, validation: validation[0], settings: settings, encode: encode)
        var run = TrainingRun.Settings(epochs: epochs, learningRate: learningRate, seed: training.seed)
        run.optimiser.beta2 = 0.98
        run.epochsBetweenValidations = 3
        // Part of the name, so that a checkpoint of another part isn't resumed.
        let part = leavingOut.map { " without \($0.index + 1)/\($0.count)" } ?? ""
        try training.train(task, name: "slow" + part, settings: run)
        try training.write(model, slow: captioner, reranking: .untuned)
        print(
            "Wrote \(training.folder). Calibrate it: `saccade calibrate --model \(training.output) "
                + "--data \(training.validation[0])`.")
    }

    /// The model's own Slow part, or a new one.
    private func start(
        from model: any RerankableModel, _ layers: [Int], sets: [FeatureSet]
    ) throws -> SlowCaptioner {
        if !new, let configuration = model.slow?.model.configuration {
            let captioner = try SlowCaptioner(
                folder: model.folder, configuration: configuration, tokenizer: model.wordPieces, trainable: true)
            guard let memoryWidth, memoryWidth != configuration.memoryWidth else { return captioner }
            guard memoryWidth < configuration.memoryWidth else {
                throw ValidationError(
                    "--memory-width \(memoryWidth): the model's tokens are \(configuration.memoryWidth) wide, and can only be narrowed: "
                        + "use --new for a new Slow part")
            }
            let slow = captioner.model
            return SlowCaptioner(
                model: try slow.narrowed(to: memoryWidth, tokens: slow.sampleTokens(of: sets)),
                vocabulary: captioner.vocabulary,
                tokenizer: try model.wordPieces ?? captioner.vocabulary.tokenizer)
        }
        if let memoryWidth, memoryWidth > width {
            throw ValidationError("--memory-width must be at most --width of a new Slow part, \(width)")
        }
        if vocabulary != nil, model.wordPieces != nil {
            throw ValidationError("--vocabulary: the model \(model.name) has word pieces; its Slow part takes those")
        }
        let tokenizer =
            try model.wordPieces
            ?? WordPieceTokenizer(
                vocabularyFile: vocabulary.map { .absolute($0) }
                    ?? ModelFolder(ModelFolder.shipped(environment: [:])).vocabulary)
        let pieces = tokenizer.pieces
        let sentences = sets.lazy.flatMap(\.dataset.items).flatMap(\.captions)
        let words = SlowVocabulary.collected(
            from: sentences.map { tokenizer.encode($0, limit: 512) }, minimum: minimumCount,
            tokenizerVocabulary: pieces)
        // Without word pieces of the model's the vocabulary is its own tokenizer, with ids of its own.
        let vocabulary = try SlowVocabulary(pieces: words, tokenizerVocabulary: model.wordPieces?.pieces)
        let maps = model.mapSizes.prefix(1 + (layers.max() ?? 0))
        let configuration = SlowConfiguration(
            width: width, memoryWidth: memoryWidth, heads: max(1, width / 32), feedForward: 4 * width, layers: layers,
            directions: directions, objective: objective, maps: Array(maps), vocabularySize: vocabulary.count,
            frames: min(4, model.framesPerClip))
        let slow = try SlowModel(
            configuration, ParameterSource<Float>(random: SplitMix64(seed: training.seed)),
            wordVectors: model.wordVectors(for: vocabulary, width: width))
        return SlowCaptioner(
            model: slow, vocabulary: vocabulary, tokenizer: try model.wordPieces ?? vocabulary.tokenizer)
    }
}
