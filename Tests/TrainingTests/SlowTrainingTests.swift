import Differentiation
import Models
import Tensors
import TestSupport
import Testing
import Training

@Suite(.ownThread) struct SlowTrainingTests {
    private func task(
        _ learning: TinyLearning, _ objective: SlowConfiguration.Objective = .captioning
    ) throws -> SlowTrainingTask {
        let pool = TrainingPool(
            [.init(features: learning.features)], batch: 4, seed: 2, encode: TinyLearning.encode)
        let hardness = FastHardness([
            try FastEmbeddings(
                model: TinyLearning.fastModel(), features: learning.features, framesInUse: 2,
                encode: TinyLearning.encode)
        ])
        return SlowTrainingTask(
            model: try TinyLearning.slowModel(objective), pool: pool, hardness: hardness,
            validation: learning.features, settings: .init(), encode: TinyLearning.encode)
    }

    private func settings(epochs: Int) -> TrainingRun.Settings {
        TrainingRun.Settings(epochs: epochs, learningRate: 0.01, seed: 3)
    }

    @Test(arguments: SlowConfiguration.Objective.allCases)
    func `Training finds the captions of what it was trained on`(objective: SlowConfiguration.Objective) throws {
        let folder = try TemporaryDirectory()
        let task = try task(try TinyLearning(in: folder.path), objective)
        let before = task.validate().figures.first { $0.name == "gallery_R@1" }?.value ?? 0
        let run = TrainingRun(name: "slow", settings: settings(epochs: 250), folder: folder.path) { _ in }
        _ = try run.train(task)
        let after = task.validate().figures.first { $0.name == "gallery_R@1" }?.value ?? 0
        #expect(after >= 60 && after > before, "R@1 of \(before) before and \(after) after")
    }

    @Test func `A model that saw sequences knows which of two things came first`() throws {
        let folder = try TemporaryDirectory()
        let learning = try TinyLearning(in: folder.path, framesOfOdd: 1)
        let pool = TrainingPool(
            [.init(features: learning.features)], batch: 8, seed: 2, encode: TinyLearning.encodeSequence)
        var settings = SlowTrainingTask.Settings()
        settings.sequences = 0.9
        settings.dropout = 0
        var configuration = TinyLearning.slowConfiguration
        configuration.maximumTokens = 9
        configuration.width = 16
        let model = try SlowModel(configuration, ParameterSource<Float>(random: SplitMix64(seed: 5)))
        let task = SlowTrainingTask(
            model: model, pool: pool, validation: learning.features, settings: settings,
            encode: TinyLearning.encodeSequence)
        _ = try TrainingRun(name: "slow", settings: self.settings(epochs: 400), folder: folder.path) { _ in }.train(
            task)
        let found = OrderEvaluation(
            model: model, features: learning.features, encode: TinyLearning.encodeSequence)
        #expect(found.sequences.asked == 8)
        #expect(found.sequences.right >= 7)
        // None of these captions has a word of order.
        #expect(found.captions.asked == 0)
    }

    @Test func `Phrases teach words without a sentence's beginning and end`() throws {
        let folder = try TemporaryDirectory()
        let learning = try TinyLearning(in: folder.path)
        let model = try TinyLearning.slowModel()
        var settings = SlowTrainingTask.Settings()
        (settings.phrases, settings.dropout, settings.unknownWords) = (1, 0, 0)
        let pool = TrainingPool(
            [.init(features: learning.features)], batch: 4, seed: 2, encode: TinyLearning.encode)
        let task = SlowTrainingTask(
            model: model, pool: pool, validation: learning.features, settings: settings, encode: TinyLearning.encode)
        var random = SplitMix64(seed: 1)
        let bias = try #require(task.parameters.first { $0.name == "words.bias" }).variable
        let gradient = gradients(of: task.loss(step: 0, random: &random), withRespectTo: [bias])[0]
        // Every word is pulled towards or away, and the special tokens only away: no phrase ends or begins with them.
        #expect(gradient.scalars[Int(SlowVocabulary.start)] > 0 && gradient.scalars[Int(SlowVocabulary.end)] > 0)
        #expect(gradient.scalars.contains { $0 < 0 })
    }

    @Test func `A narrower memory that holds all that the layers read scores the same`() throws {
        let folder = try TemporaryDirectory()
        let learning = try TinyLearning(in: folder.path)
        let model = try TinyLearning.slowModel()
        // Layers that read only four directions of the tokens' eight.
        var random = SplitMix64(seed: 4)
        let basis = Variable(constant: Tensor<Float>(normal: [4, 8], deviation: 0.5, using: &random))
        var tensors: [String: Tensor<Float>] = [:]
        for (name, variable) in model.parameters {
            let isRead = name.hasSuffix("cross.key.weight") || name.hasSuffix("cross.value.weight")
            tensors[name] =
                isRead ? variable.detached.matmul(basis, transposeB: true).matmul(basis).value : variable.value
        }
        let wide = try SlowModel<Float>(
            model.configuration, ParameterSource(WeightSet(tensors, source: "tiny"), trainable: false))
        let items = Array(0..<learning.features.count)
        func scores(_ model: SlowModel<Float>) -> [Float] {
            SlowMemories(model: model, features: learning.features, items: items)
                .scores(of: [[3, 4, 5], [9, 3]], against: items).flatMap { $0 }
        }
        let narrow = try wide.narrowed(to: 4, tokens: wide.sampleTokens(of: [learning.features]))
        #expect(narrow.configuration.memoryWidth == 4)
        for (one, other) in zip(scores(wide), scores(narrow)) { #expect(abs(one - other) < 1e-4) }
        // Narrowed again, from four numbers a token to three, it is another model, but not a wild one.
        let narrower = try narrow.narrowed(to: 3, tokens: narrow.sampleTokens(of: [learning.features]))
        for (one, other) in zip(scores(wide), scores(narrower)) { #expect(one != other && abs(one - other) < 0.2) }
    }

    @Test func `A run that is broken off goes on to the same bits`() throws {
        let (whole, broken) = (try TemporaryDirectory(), try TemporaryDirectory())
        let reference = try task(try TinyLearning(in: whole.path))
        try TrainingRun(name: "slow", settings: settings(epochs: 3), folder: whole.path) { _ in }.train(reference)
        let run = TrainingRun(name: "slow", settings: settings(epochs: 3), folder: broken.path) { _ in }
        let stopped = try run.train(try task(try TinyLearning(in: broken.path)), stopAfter: 3)
        #expect(stopped == nil)
        let resumed = try task(try TinyLearning(in: broken.path))
        try run.train(resumed)
        for (one, other) in zip(reference.parameters, resumed.parameters) {
            #expect(one.variable.value == other.variable.value, "\(one.name)")
        }
    }

    @Test func `A run with other settings is not resumed`() throws {
        let folder = try TemporaryDirectory()
        let learning = try TinyLearning(in: folder.path)
        let run = TrainingRun(name: "slow", settings: settings(epochs: 3), folder: folder.path) { _ in }
        try run.train(try task(learning), stopAfter: 3)
        var other = SlowTrainingTask.Settings()
        other.sequences = 0.5
        let pool = TrainingPool(
            [.init(features: learning.features)], batch: 4, seed: 2, encode: TinyLearning.encode)
        let task = SlowTrainingTask(
            model: try TinyLearning.slowModel(), pool: pool, validation: learning.features, settings: other,
            encode: TinyLearning.encode)
        let failure = #expect(throws: DatasetError.self) { try run.train(task) }
        #expect(failure?.message.contains("other settings") == true)
    }

    @Test func `A description has the words of what was learned, and no special ones`() throws {
        let folder = try TemporaryDirectory()
        let learning = try TinyLearning(in: folder.path)
        let captioner = try TinyLearning.captioner()
        let pool = TrainingPool([.init(features: learning.features)], batch: 4, seed: 2, encode: TinyLearning.encode)
        let task = SlowTrainingTask(
            model: captioner.model, pool: pool, validation: learning.features, settings: .init(),
            encode: TinyLearning.encode)
        _ = try TrainingRun(name: "slow", settings: settings(epochs: 80), folder: folder.path) { _ in }.train(task)
        let frames = FrameBatch(clips: [(learning.features.views[0], [0])])
        let memory = captioner.model.memory(maps: captioner.model.maps(of: frames), frameCounts: [1]).detached
        let found = captioner.describe(memory, beams: 3)
        let words = found.sentence.split(separator: " ")
        #expect(!words.isEmpty && Set(words).isSubset(of: ["w0", "w1", "w2"]), "\(found)")
        #expect(found.score < 0 && found.score > -1.5)
        #expect(found == captioner.describe(memory, beams: 3))
    }
}
