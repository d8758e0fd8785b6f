import Settings
import ArgumentParser
import Foundation
import Models
import SystemPackage
import Terminal
import Threads
import Training

/// Trains the Fast model with the Slow one as its teacher.
struct TrainDistillCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "distill",
        abstract: "Train the dual encoder with the contrastive loss plus distillation from a captioner.",
        discussion: """
            The teacher scores a few clips for each caption once: its own, hard negatives mined by the teacher's Fast part, and \
            random negatives. The scores are cached with the features. The student starts from --model's Fast part. The model \
            that is written has the student and the teacher's Slow part; none when the backbone's blocks learned too. Of an \
            imported model the text tower learns and the image tower stays as it is.

            A teacher overfits the items that it was trained on, and its scores of them add little to the captions. \
            With --teacher given N times, the K-th teacher scores the K-th of N parts of the items (cross-fitting): train it \
            with `saccade train slow --leaving-out K/N`. The first teacher's Fast part mines the hard negatives. The model that \
            is written then has no Slow part unless --model has one: train one with all items.
            """
    )

    @Option(
        help: ArgumentHelp(
            "The folder of a model whose Slow part is the teacher; may be given several times. (default: --model)",
            valueName: "dir"),
        completion: .directory)
    var teacher: [String] = []

    @Option(help: "Hard negatives per caption; as many random negatives are added.")
    var hard = 8

    @Option(help: "Captions per item that the teacher scores.")
    var captions = 5

    @Option(help: "Temperature of the teacher's scores.")
    var temperature = 0.1

    @Option(help: "Temperature of the student's cosines in the distillation loss.")
    var studentTemperature = 0.05

    @Option(help: "Weight of the contrastive loss beside the distillation loss.")
    var contrast = 1.0

    @Option(
        help: ArgumentHelp(
            "With --backbone-blocks: captions of a step that are distilled, because each brings twice --hard other clips.",
            valueName: "captions"))
    var taught = 16

    @OptionGroup(title: "Data and output") var training: TrainingOptions
    @OptionGroup(title: "Fast model") var fast: FastTrainingOptions
    @OptionGroup var dataOptions: DataOptions
    @OptionGroup var modelOptions: ModelOptions
    @OptionGroup(title: "Places") var places: PlaceOptions

    func validate() throws {
        if hard < 1 || captions < 1 || taught < 1 {
            throw ValidationError("--hard, --captions and --taught must be at least 1")
        }
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
        let model = try ModelFolder(source).rerankable(learning: fast.learns)
        let teachers = try teachers(of: model, source)
        var dataOptions = dataOptions
        dataOptions.maps = teachers.compactMap(\.slow).reduce(dataOptions.maps) {
            max($0, $1.model.configuration.maps.count)
        }
        let tail = try fast.tail(of: model)
        let choice = tail.map { FeatureChoice.input(ofBlock: $0.firstBlock) }
        let scores = try scores(
            of: teachers, try training.sources(dataOptions, model: model, decoder: decoder).map(\.features))
        let pool = TrainingPool(
            try training.sources(dataOptions, model: model, decoder: decoder, keeping: choice), batch: fast.batch,
            seed: training.seed, encode: model.tokens(of:))
        let validation = try training.validationSets(dataOptions, model: model, decoder: decoder, keeping: choice)
        var settings = fast.taskSettings(stepsPerEpoch: pool.stepsPerEpoch)
        if tail != nil { settings.taughtCaptions = taught }
        settings.temperature = temperature
        settings.studentTemperature = studentTemperature
        settings.contrast = contrast
        let task = FastTrainingTask(
            model: model.heads, tail: tail, pool: pool, teacher: scores, validation: validation,
            framesInUse: model.framesPerClip, settings: settings, encode: model.tokens(of:))
        try fast.train(task, name: "distill", training)
        try training.write(
            model, slow: teachers.count == 1 && tail == nil ? teachers[0].slow : nil,
            reranking: teachers.count == 1 ? teachers[0].reranking ?? .untuned : model.reranking, tail: tail)
        training.adviseOnQuerybank(of: model)
        let next =
            tail == nil
            ? "Calibrate it: `saccade calibrate --model \(training.output) --data \(training.validation[0])`."
            : "It has no Slow part, because the backbone changed: train one with `saccade train slow`."
        print("Wrote \(training.folder). \(next)")
    }

    /// The models that teach, each with a Slow part on the student's backbone.
    private func teachers(of student: any RerankableModel, _ source: FilePath) throws -> [any RerankableModel] {
        let folders = teacher.isEmpty ? [source] : teacher.map { .absolute($0) }
        return try folders.map { folder in
            let teacher = try ModelFolder(folder).rerankable()
            if teacher.slow == nil {
                throw ValidationError(
                    "\(folder) has no Slow part: train one with `saccade train slow`, and name it with --teacher")
            }
            if try teacher.featureDigest() != student.featureDigest() {
                throw ValidationError(
                    "\(folder) and the student have different backbones: import both from the same one")
            }
            return teacher
        }
    }

    /// The teachers' scores: those that were kept, or new ones.
    private func scores(of teachers: [any RerankableModel], _ sources: [FeatureSet]) throws -> TeacherScores {
        let origin =
            (teachers.map { $0.modelDigest } + ["\(hard)", "\(captions)"] + sources.map(\.dataset.captionDigest))
            .joined(separator: "/")
        let names = teachers.map { String($0.modelDigest.prefix(8)) } + ["\(hard)", "\(captions)"]
        let path = dataOptions.cacheFolder.appending("teacher-\(names.joined(separator: "-")).safetensors")
        if let kept = TeacherScores(path: path, origin: origin, sources: sources) { return kept }
        var bar = ProgressBar("Teacher's scores")
        defer { bar.finish() }
        let miner = teachers[0]
        let smallest = sources.reduce(0) { $0 + $1.count / teachers.count }
        if smallest < 2 {
            throw ValidationError("\(teachers.count) teachers are too many for this data: each needs two items")
        }
        let captioners = teachers.compactMap(\.slow)
        let scores = TeacherScores(
            teachers: captioners, sources: sources,
            embeddings: try sources.map { try FastEmbeddings(miner, of: $0, captions: captions) },
            captionsPerItem: captions, hard: hard, seed: 1,
            encode: { caption, index in captioners[index].tokens(of: caption) }
        ) { done, all in
            bar.update(Double(done) / Double(all), "\(done) of \(all)")
        }
        try scores.write(to: path, origin: origin)
        return scores
    }
}
