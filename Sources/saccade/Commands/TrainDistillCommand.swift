import ArgumentParser
import Catalog
import Foundation
import Models
import Service
import SystemPackage
import Training

/// Trains the Fast model with the Slow one as its teacher.
struct TrainDistillCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "distill",
        abstract: "Train the dual encoder with a captioner as its teacher.",
        discussion: """
            The teacher scores a few clips for each caption once (its own, the teacher's Fast part's hardest wrong ones, and random \
            ones), and the scores are kept with the features. The student starts from --model's Fast part. The model that is \
            written has the student and the teacher's Slow part.
            """
    )

    @Option(
        help: ArgumentHelp("The folder of the model whose Slow part teaches. (default: --model)", valueName: "dir"),
        completion: .directory)
    var teacher: String?

    @Option(help: "Wrong clips of each caption that are hard; as many more are random.")
    var hard = 8

    @Option(help: "Captions of each item that the teacher scores.")
    var captions = 5

    @Option(help: "Temperature of the teacher's scores.")
    var temperature = 0.1

    @Option(help: "Temperature of the student's cosines beside them.")
    var studentTemperature = 0.05

    @Option(help: "Weight of the contrastive loss beside the teacher's.")
    var contrast = 1.0

    @OptionGroup(title: "Data and output") var training: TrainingOptions
    @OptionGroup(title: "Fast model") var fast: FastTrainingOptions
    @OptionGroup var dataOptions: DataOptions
    @OptionGroup var modelOptions: ModelOptions
    @OptionGroup(title: "Places") var places: PlaceOptions

    func validate() throws {
        if hard < 1 || captions < 1 { throw ValidationError("--hard and --captions must be at least 1") }
        if !(temperature > 0) || !(studentTemperature > 0) || !(contrast >= 0) {
            throw ValidationError("temperatures must be positive, and --contrast not negative")
        }
    }

    func run() async throws {
        let command = self
        let decoder = try places.load().decoder
        try await BlockingExecutor.shared.run { try command.train(decoder: decoder) }
    }

    private func train(decoder: FilePath?) throws {
        let source = try modelOptions.folder()
        let model = try RetrievalModel(directory: source, learning: fast.learns)
        let teaching = try RetrievalModel(directory: teacher.map { .absolute($0) } ?? source)
        guard let slow = teaching.slow else {
            throw ValidationError(
                "the teacher has no Slow part: train one with `saccade train slow`, and name it with --teacher")
        }
        guard teaching.backboneDigest == model.backboneDigest else {
            throw ValidationError("teacher and student have different backbones: import both from the same one")
        }
        let sources = try training.sources(dataOptions, model: model, decoder: decoder)
        let validation = try training.validationSets(dataOptions, model: model, decoder: decoder)
        let scores = try scores(of: teaching, slow, sources.map(\.features))
        var settings = fast.taskSettings
        settings.temperature = temperature
        settings.studentTemperature = studentTemperature
        settings.contrast = contrast
        let task = FastTrainingTask(
            model: model.fast,
            pool: TrainingPool(sources, batch: fast.batch, seed: training.seed, encode: model.tokens(of:)),
            teacher: scores, validation: validation, framesInUse: model.framesPerClip, settings: settings,
            encode: model.tokens(of:))
        try training.train(task, name: "distill", settings: fast.runSettings(seed: training.seed))
        try model.write(
            to: training.folder, name: training.name, precision: .half, copyingBackboneFrom: source, slow: slow,
            reranking: teaching.reranking ?? .untuned)
        print(
            "Wrote \(training.folder). Find its weights with `saccade calibrate --model \(training.output) "
                + "--data \(training.validation[0])`.")
    }

    /// The teacher's scores: those that were kept, or new ones.
    private func scores(
        of teaching: RetrievalModel, _ slow: SlowCaptioner, _ sources: [FeatureSet]
    ) throws -> TeacherScores {
        let origin = ([teaching.generation, "\(hard)", "\(captions)"] + sources.map(\.dataset.captionDigest))
            .joined(separator: "/")
        let path = dataOptions.cacheFolder.appending("teacher-\(teaching.generation)-\(hard)-\(captions).safetensors")
        if let kept = TeacherScores(path: path, origin: origin, sources: sources) { return kept }
        var bar = ProgressBar("Teacher's scores")
        defer { bar.finish() }
        let scores = TeacherScores(
            teacher: slow, sources: sources,
            embeddings: sources.map {
                FastEmbeddings(
                    model: teaching.fast, features: $0, framesInUse: teaching.framesPerClip,
                    encode: teaching.tokens(of:))
            }, captionsPerItem: captions, hard: hard, seed: 1, encode: teaching.slowTokens(of:)
        ) { done, all in
            bar.update(Double(done) / Double(all), "\(done) of \(all)")
        }
        try scores.write(to: path, origin: origin)
        return scores
    }
}
