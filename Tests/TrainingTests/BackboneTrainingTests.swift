import Differentiation
import Models
import Tensors
import TestSupport
import Testing
import Training

/// Training of the backbone's last blocks with the Fast model.
@Suite(.ownThread) struct BackboneTrainingTests {
    /// One block after the first, from 8 × 8 cells of 5 channels to what ``TinyLearning/fastModel()`` takes.
    private let architecture = EfficientNetLiteArchitecture(
        stem: 8,
        stages: [
            .init(repeats: 1, kernel: 3, stride: 1, expansion: 1, inputs: 8, outputs: 5),
            .init(repeats: 1, kernel: 5, stride: 2, expansion: 2, inputs: 5, outputs: 3),
        ], head: 6)

    private func tail() throws -> BackboneTail<Float> {
        try BackboneTail(architecture, from: 1, ParameterSource(random: SplitMix64(seed: 8)))
    }

    private func task(
        _ folder: TemporaryDirectory, _ tail: BackboneTail<Float>, _ settings: FastTrainingTask.Settings
    ) throws -> FastTrainingTask {
        let set = try TinyLearning(
            in: folder.path, layout: FeatureLayout(pooledChannels: 0, maps: [.init(side: 8, channels: 5)])
        ).features
        return FastTrainingTask(
            model: try TinyLearning.fastModel(), tail: tail,
            pool: TrainingPool([.init(features: set)], batch: 4, seed: 2, encode: TinyLearning.encode),
            validation: [set], framesInUse: 2, settings: settings, encode: TinyLearning.encode)
    }

    @Test func `The blocks have gradients from their first step on, and the heads before it too`() throws {
        let folder = try TemporaryDirectory()
        var settings = FastTrainingTask.Settings()
        settings.backboneFirstStep = 2
        settings.crop = 0.5
        let task = try task(folder, tail(), settings)
        for step in 0..<4 {
            var random = SplitMix64(seed: UInt64(step))
            let found = gradients(
                of: try task.loss(step: step, random: &random), withRespectTo: task.parameters.map(\.variable))
            for (parameter, gradient) in zip(task.parameters, found) {
                let isFrozen = parameter.name.hasPrefix("backbone.") && step < 2
                #expect(gradient.scalars.contains { $0 != 0 } != isFrozen, "\(parameter.name)")
                #expect(parameter.firstStep == (parameter.name.hasPrefix("backbone.") ? 2 : 0))
            }
        }
        #expect(task.parameters.count { $0.name.hasPrefix("backbone.blocks.1.") } == 6)
        #expect(task.parameters.count { $0.name.hasPrefix("backbone.head.") } == 2)
    }

    @Test func `A run trains the blocks, and is the same bits when it is broken off`() throws {
        func run(_ stop: Int?) throws -> [[Float]] {
            let (folder, data) = (try TemporaryDirectory(), try TemporaryDirectory())
            var run = TrainingRun.Settings(epochs: 6, learningRate: 1e-2, seed: 3)
            run.averageDecay = 0.8
            var settings = FastTrainingTask.Settings()
            settings.backboneFirstStep = 1
            settings.crop = 0.5
            let before = try tail()
            let training = TrainingRun(name: "fast", settings: run, folder: folder.path) { _ in }
            if let stop { try training.train(try task(data, before, settings), stopAfter: stop) }
            let tail = try tail()
            try training.train(try task(data, tail, settings))
            for (old, new) in zip(try self.tail().parameters, tail.parameters) {
                #expect(old.variable.value != new.variable.value, "\(old.name)")
            }
            return tail.parameters.map(\.variable.value.scalars)
        }
        let whole = try run(nil)
        #expect(try run(3) == whole)
        #expect(try run(9) == whole)
    }

    @Test func `Validation embeds the frames through the blocks`() throws {
        let folder = try TemporaryDirectory()
        let tail = try tail()
        let set = try TinyLearning(
            items: 3, in: folder.path, layout: FeatureLayout(pooledChannels: 0, maps: [.init(side: 8, channels: 5)])
        ).features
        let model = try TinyLearning.fastModel()
        let found = try FastEmbeddings(
            model: model, vision: FastVisualInput(tail: tail), features: set, framesInUse: 2,
            encode: TinyLearning.encode)
        let store = set.views[0]
        let rows = set.evenFrames(item: 1, limit: 2)
        let (pooled, map) = tail(Variable(constant: store.map(0, rows)), side: 8)
        var off = Dropout.off
        let expected = model.visual(pooled: pooled, map: map, frameCounts: [rows.count], dropout: &off).value.scalars
        for (a, b) in zip(found.clip(1), expected) { #expect(abs(a - b) < 1e-5) }
    }

    @Test func `A crop is a window of the map, the same in each frame of a clip`() {
        // A cell's value says where it is.
        let places: [Float] = (0..<48).map { place in Float(place / 16 * 100 + place % 16) }
        let map = Tensor(places, shape: [3, 16, 1])
        let crops = MapCrops(side: 2, origins: [(row: 1, column: 2), (row: 0, column: 1)])
        let cut = crops.cut(map, side: 4, frameCounts: [2, 1])
        let expected: [Float] = [6, 7, 10, 11, 106, 107, 110, 111, 201, 202, 205, 206]
        #expect(cut == Tensor(expected, shape: [3, 4, 1]))
    }

    @Test func `Random crops have every even side from the smallest on, and lie within the map`() {
        var random = SplitMix64(seed: 1)
        var sides: Set<Int> = []
        for _ in 0..<200 {
            let crops = MapCrops(smallest: 0.7, ofSide: 16, step: 2, clips: 5, random: &random)
            sides.insert(crops.side)
            #expect(crops.origins.count == 5)
            #expect(
                crops.origins.allSatisfy { min($0.row, $0.column) >= 0 && max($0.row, $0.column) + crops.side <= 16 })
        }
        #expect(sides == [12, 14, 16])
        #expect(MapCrops(smallest: 1, ofSide: 7, step: 2, clips: 1, random: &random).side == 7)
    }
}
