import Terminal
import ArgumentParser
import Foundation
import Models
import SystemPackage
import Tensors
import Training

/// What every training command takes: its data and where the model goes.
struct TrainingOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Captioned items to train on, as JSON lines; may be given several times.", valueName: "file"),
        completion: .file(extensions: ["jsonl"])
    )
    var data: [String]

    @Option(
        help: ArgumentHelp(
            "Captioned items for validation, not trained on; may be given several times.", valueName: "file"),
        completion: .file(extensions: ["jsonl"])
    )
    var validation: [String]

    @Option(help: ArgumentHelp("The model folder to write.", valueName: "dir"), completion: .directory)
    var output: String

    @Option(help: "The name of the new model.")
    var name = ModelFolder.shippedName

    @Option(help: "The seed of the random number generator.")
    var seed: UInt64 = 1

    @Flag(help: "Start over even if there is a checkpoint.")
    var restart = false

    func validate() throws {
        if data.isEmpty || validation.isEmpty {
            throw ValidationError("give --data and --validation, each at least once")
        }
    }

    var folder: FilePath { .absolute(output) }

    /// The training features of every data set, as they are and mirrored.
    func sources(
        _ options: DataOptions, model: any RerankableModel, decoder: FilePath?, keeping choice: FeatureChoice? = nil
    ) throws -> [TrainingPool.Source] {
        try data.map { path in
            let set = try options.features(
                of: options.dataset(path), model: model, decoder: decoder, mirrored: true, keeping: choice)
            // A video has more sentences and more frames to learn from than a picture.
            let moving = set.views[0].frames > set.count
            return TrainingPool.Source(features: set, repeats: moving ? 2 : 1)
        }
    }

    func validationSets(
        _ options: DataOptions, model: any RerankableModel, decoder: FilePath?, keeping choice: FeatureChoice? = nil
    ) throws -> [FeatureSet] {
        try validation.map {
            try options.features(of: options.dataset($0), model: model, decoder: decoder, keeping: choice)
        }
    }

    /// Says that a bank is of the embeddings that a model had.
    func adviseOnQuerybank(of model: any RerankableModel) {
        guard model.querybank != nil else { return }
        print(
            "The querybank was left out, because the embeddings have changed: make another with `saccade train querybank`."
        )
    }

    /// Writes what was trained, as precisely as further training needs it.
    ///
    /// - Parameters:
    ///   - slow: takes the place of the model's own Slow part.
    ///   - tail: what the backbone's last blocks became.
    func write(
        _ model: any RerankableModel, slow: SlowCaptioner? = nil, reranking: Reranking?,
        tail: BackboneTail<Float>? = nil
    ) throws {
        if let tail, let model = model as? FastSlowModel {
            try model.write(
                to: folder, name: name, precision: .half, slow: slow, reranking: reranking, tail: tail)
        } else {
            try model.write(to: folder, name: name, precision: .half, slow: slow, reranking: reranking)
        }
    }

    /// Trains, with a log, checkpoints and a plot below the output folder.
    func train(_ task: some TrainingTask, name: String, settings: TrainingRun.Settings) throws {
        let log = TrainingLog()
        let folder = folder.appending("training")
        try TrainingRun(name: name, settings: settings, folder: folder, report: log.show).train(task, resume: !restart)
        try TrainingLog.plot(folder.appending("log.jsonl").string, to: folder.appending("plot.svg").string)
    }
}
