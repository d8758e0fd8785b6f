import Differentiation
import Models
import Tensors
import Testing

@Suite struct SlowModelTests {
    private static let configuration = SlowConfiguration(
        width: 8, heads: 2, feedForward: 12, layers: [0, 1, 2],
        maps: [.init(side: 2, channels: 3), .init(side: 4, channels: 2), .init(side: 8, channels: 2)],
        vocabularySize: 9, maximumTokens: 6, frames: 4)

    /// Maps of a vision transformer: of one size, and that an odd one.
    private static let blockMaps = [FeatureMapSize](repeating: .init(side: 3, channels: 4), count: 3)

    private static let sentences: [[Int32]] = [[3, 4, 5], [6], [7, 8, 3, 4]]
    /// A picture, a clip of two frames and one of three.
    private static let frameCounts = [1, 2, 3]

    private func model<Scalar: TensorScalar>(
        _ directions: SlowConfiguration.Directions = .both, memoryWidth: Int = 8,
        maps: [FeatureMapSize] = configuration.maps, of type: Scalar.Type = Scalar.self
    ) throws -> SlowModel<Scalar> {
        var configuration = Self.configuration
        configuration.maps = maps
        configuration.memoryWidth = memoryWidth
        configuration.directions = directions
        return try SlowModel(configuration, ParameterSource(random: SplitMix64(seed: 4)))
    }

    private func maps<Scalar: TensorScalar>(
        frames: Int, seed: UInt64 = 8, of sizes: [FeatureMapSize] = configuration.maps
    ) -> [Variable<Scalar>] {
        var random = SplitMix64(seed: seed)
        return sizes.map { map in
            Variable(
                constant: Tensor(normal: [frames, map.positions, map.channels], deviation: 1, using: &random))
        }
    }

    private func cost(_ model: SlowModel<Double>) -> Variable<Double> {
        let memory = model.memory(
            maps: maps(frames: 6, of: model.configuration.maps), frameCounts: Self.frameCounts)
        var off = Dropout.off
        let costs = model.wordCosts(of: Self.sentences, memory: memory, dropout: &off)
        return costs.reduce(Variable(constant: Tensor([0], shape: []))) { $0 + $1.sum() }
    }

    @Test(arguments: [(8, configuration.maps), (5, configuration.maps), (8, blockMaps)])
    func `The gradient of every parameter agrees with finite differences`(
        memoryWidth: Int, maps: [FeatureMapSize]
    ) throws {
        let model: SlowModel<Double> = try model(memoryWidth: memoryWidth, maps: maps)
        let found = gradients(of: cost(model), withRespectTo: model.parameters.map(\.variable))
        var random = SplitMix64(seed: 5)
        let step = 1e-5
        for (parameter, gradient) in zip(model.parameters, found) {
            for _ in 0..<3 {
                let element = Int.random(in: 0..<gradient.count, using: &random)
                func moved(by distance: Double) -> Double {
                    parameter.variable.update { $0.withUnsafeMutableBufferPointer { $0[element] += distance } }
                    defer {
                        parameter.variable.update { $0.withUnsafeMutableBufferPointer { $0[element] -= distance } }
                    }
                    return cost(model).value.scalar
                }
                let difference = (moved(by: step) - moved(by: -step)) / (2 * step)
                #expect(
                    abs(gradient.scalars[element] - difference) <= 5e-6 * max(1, abs(difference)),
                    "\(parameter.name)[\(element)]: \(gradient.scalars[element]), difference \(difference)")
            }
        }
    }

    @Test func `A moving clip's tokens are means of four cells, of fewer at the end of an odd side`() throws {
        let model: SlowModel<Double> = try model(maps: Self.blockMaps)
        let maps: [Variable<Double>] = maps(frames: 1, of: Self.blockMaps)
        let memory = model.memory(maps: maps, frameCounts: [1])
        let twice = maps.map { concatenated([$0, $0], axis: 0) }
        let moving = model.memory(maps: twice, frameCounts: [2])
        for (map, tokens) in moving.maps {
            #expect(tokens.lengths == [8] && memory.maps[map]?.lengths == [9])
            let (still, pooled) = (try #require(memory.maps[map]).values.value.scalars, tokens.values.value.scalars)
            func mean(_ cells: [Int], _ column: Int) -> Double {
                cells.map { still[$0 * 8 + column] }.reduce(0, +) / Double(cells.count)
            }
            let cells = [[0, 1, 3, 4], [2, 5], [6, 7], [8]]
            // Frames differ from a still picture by their time, which is the same for all tokens of one.
            for token in 1..<4 {
                for column in 0..<8 {
                    let found = pooled[token * 8 + column] - pooled[column]
                    #expect(abs(found - (mean(cells[token], column) - mean(cells[0], column))) < 1e-12)
                }
            }
        }
    }

    @Test func `A fragment costs what its words do, without its special tokens`() throws {
        let model: SlowModel<Double> = try model()
        let memory = model.memory(maps: maps(frames: 1), frameCounts: [1])
        var off = Dropout.off
        let whole = model.wordCosts(of: [[3, 4, 5], [6]], memory: memory, memoryIndices: [0, 0], dropout: &off)
        let parts = model.wordCosts(
            of: [[3, 4, 5], [6]], memory: memory, memoryIndices: [0, 0], dropout: &off, fragments: [true, false])
        let (forward, backward) = (whole[0].value.scalars, whole[1].value.scalars)
        #expect(parts[0].value.scalars == Array(forward[0..<3] + forward[4...]))
        #expect(parts[1].value.scalars == Array(backward[1...]))
    }

    @Test func `A score is the mean log-likelihood of a word, and neighbours in the batch don't change it`() throws {
        let model: SlowModel<Double> = try model()
        let memory = model.memory(maps: maps(frames: 6), frameCounts: Self.frameCounts)
        let together = model.scores(of: Self.sentences, memory: memory)
        for (index, sentence) in Self.sentences.enumerated() {
            let alone = model.scores(of: [sentence], memory: memory, memoryIndices: [index])
            #expect(abs(alone[0] - together[index]) < 1e-12)
        }
        var off = Dropout.off
        let costs = model.wordCosts(of: Self.sentences, memory: memory, dropout: &off)
        let first = costs.map { $0.value.scalars[..<4].reduce(0, +) }.reduce(0, +)
        #expect(abs(together[0] + first / 8) < 1e-12)
    }

    @Test(arguments: [SlowConfiguration.Directions.both, .forward])
    func `The end counts by its weight, in the sum and in what it is divided by`(
        directions: SlowConfiguration.Directions
    ) throws {
        let model: SlowModel<Double> = try model(directions)
        let memory = model.memory(maps: maps(frames: 6), frameCounts: Self.frameCounts)
        var off = Dropout.off
        let costs = model.wordCosts(of: Self.sentences, memory: memory, dropout: &off).map(\.value.scalars)
        // Three words and their end, one word, four: the forward reader ends each with its last row, the backward one with its first.
        let rows = [0..<4, 4..<6, 6..<11]
        let weights = [0, 0.25, 1]
        let found = model.scores(of: Self.sentences, memory: memory, endWeights: weights)
        for (weight, scores) in zip(weights, found) {
            for (sentence, rows) in rows.enumerated() {
                let ends = costs[0][rows.upperBound - 1] + (costs.count > 1 ? costs[1][rows.lowerBound] : 0)
                let words = costs.map { $0[rows].reduce(0, +) }.reduce(0, +) - ends
                let expected = -(words + weight * ends) / (Double(costs.count) * (Double(rows.count - 1) + weight))
                #expect(abs(scores[sentence] - expected) < 1e-12)
            }
            #expect(model.scores(of: Self.sentences, memory: memory, endWeight: weight) == scores)
        }
        #expect(model.scores(of: Self.sentences, memory: memory) == found[2])
    }

    @Test func `A model that was trained to match has one score, whatever the end weighs`() throws {
        var configuration = Self.configuration
        configuration.objective = .matching
        let model: SlowModel<Double> = try SlowModel(configuration, ParameterSource(random: SplitMix64(seed: 4)))
        let memory = model.memory(maps: maps(frames: 6), frameCounts: Self.frameCounts)
        let found = model.scores(of: Self.sentences, memory: memory, endWeights: [0, 1])
        #expect(found[0] == found[1] && found[0].count == 3)
    }

    @Test(arguments: [8, 5])
    func `One sentence about a clip scores as among many: the order of the products doesn't matter`(
        memoryWidth: Int
    ) throws {
        let model: SlowModel<Double> = try model(memoryWidth: memoryWidth)
        let memory = model.memory(maps: maps(frames: 6), frameCounts: Self.frameCounts)
        for clip in Self.frameCounts.indices {
            let alone = model.scores(of: [Self.sentences[2]], memory: memory, memoryIndices: [clip])[0]
            let many = model.scores(
                of: [[Int32]](repeating: Self.sentences[2], count: 40), memory: memory,
                memoryIndices: [Int](repeating: clip, count: 40))
            #expect(many.allSatisfy { abs($0 - alone) < 1e-12 })
        }
    }

    @Test func `Every direction is a distribution over words`() throws {
        let model: SlowModel<Double> = try model()
        let memory = model.memory(maps: maps(frames: 1), frameCounts: [1])
        let next = model.nextWords(after: [[3, 4]], memory: memory, memoryIndices: [0])
        #expect(next.shape == [1, 9])
        #expect(abs(next.scalars.map { Double.exponential($0) }.reduce(0, +) - 1) < 1e-12)
        var off = Dropout.off
        // The chain of next words is the forward direction's likelihood.
        let forward = model.wordCosts(of: [[3, 4]], memory: memory, dropout: &off)[0].value.scalars
        #expect(abs(forward[2] + next.scalars[Int(SlowVocabulary.end)]) < 1e-12)
    }

    @Test func `Next words, sentence by sentence and side by side, are the forward direction's`() throws {
        let model: SlowModel<Float> = try model()
        let memory = model.memory(maps: maps(frames: 2), frameCounts: [2])
        var off = Dropout.off
        let sentences: [[Int32]] = [[3, 4, 5, 6], [4, 4, 8, 3], [7, 3, 3, 5], [8, 7, 6, 5], [5, 5, 5, 5]]
        let costs = model.wordCosts(
            of: sentences, memory: memory, memoryIndices: [0, 0, 0, 0, 0], dropout: &off)[0].value.scalars
        for length in 0..<4 {
            let next = model.nextWords(
                after: sentences.map { Array($0.prefix(length)) }, memory: memory, memoryIndices: [0, 0, 0, 0, 0]
            ).scalars
            for (row, sentence) in sentences.enumerated() {
                let found = next[row * 9 + Int(sentence[length])]
                #expect(abs(found + costs[row * 5 + length]) < 1e-4, "word \(length) of \(sentence)")
            }
        }
    }

    @Test func `A word's cost doesn't depend on the words that its direction hasn't read`() throws {
        let model: SlowModel<Double> = try model()
        let memory = model.memory(maps: maps(frames: 2), frameCounts: [2])
        var off = Dropout.off
        let one = model.wordCosts(of: [[3, 4, 5, 6]], memory: memory, dropout: &off).map(\.value.scalars)
        let other = model.wordCosts(of: [[3, 4, 7, 8]], memory: memory, dropout: &off).map(\.value.scalars)
        #expect(one[0][0] == other[0][0] && one[0][1] == other[0][1] && one[0][2] != other[0][2])
        let third = model.wordCosts(of: [[7, 8, 5, 6]], memory: memory, dropout: &off).map(\.value.scalars)
        #expect(one[1][4] == third[1][4] && one[1][3] == third[1][3] && one[1][2] != third[1][2])
    }

    @Test func `One reader alone is half of the model`() throws {
        let model: SlowModel<Float> = try model(.forward)
        #expect(!model.parameters.contains { $0.name.hasPrefix("backward") })
        var off = Dropout.off
        let memory = model.memory(maps: maps(frames: 1), frameCounts: [1])
        #expect(model.wordCosts(of: [[3]], memory: memory, dropout: &off).count == 1)
    }

    @Test func `Memories that are joined score as they do apart`() throws {
        let model: SlowModel<Float> = try model()
        let apart = Self.frameCounts.enumerated().map { index, count in
            model.memory(maps: maps(frames: count, seed: UInt64(20 + index)), frameCounts: [count]).detached
        }
        let joined = VisualMemory(joining: apart)
        let together = model.scores(of: Self.sentences, memory: joined)
        for (index, memory) in apart.enumerated() {
            let alone = model.scores(of: [Self.sentences[index]], memory: memory)[0]
            #expect(abs(alone - together[index]) < 1e-5)
        }
    }

    @Test func `Parameters that are written are found again under their names`() throws {
        let model: SlowModel<Float> = try model()
        let weights = WeightSet(
            Dictionary(uniqueKeysWithValues: model.parameters.map { ($0.name, $0.variable.value) }), source: "memory")
        let copy = try SlowModel<Float>(Self.configuration, ParameterSource(weights, trainable: false))
        #expect(copy.parameters.map(\.name) == model.parameters.map(\.name))
        #expect(copy.parameters.allSatisfy { !$0.variable.requiresGradient })
        let own = model.memory(maps: maps(frames: 6), frameCounts: Self.frameCounts)
        let others = copy.memory(maps: maps(frames: 6), frameCounts: Self.frameCounts)
        #expect(model.scores(of: Self.sentences, memory: own) == copy.scores(of: Self.sentences, memory: others))
    }

    @Test func `A configuration that can't be is refused with its key`() {
        var configuration = Self.configuration
        configuration.heads = 3
        #expect(throws: ModelError.self) { try configuration.validate() }
        configuration = Self.configuration
        configuration.maps[1] = .init(side: 6, channels: 2)
        #expect(throws: ModelError.self) { try configuration.validate() }
        configuration = Self.configuration
        configuration.maps.removeLast()
        #expect(throws: ModelError.self) { try configuration.validate() }
        configuration = Self.configuration
        configuration.memoryWidth = 9
        #expect(throws: ModelError.self) { try configuration.validate() }
        configuration = Self.configuration
        configuration.layers[0] = -1
        #expect(throws: ModelError.self) { try configuration.validate() }
    }
}

/// The same model in PyTorch: `Fixtures/make_slow.py`.
@Suite struct SlowModelReferenceTests {
    private static let configuration = SlowConfiguration(
        width: 16, heads: 4, feedForward: 24, layers: [0, 1, 2],
        maps: [.init(side: 2, channels: 5), .init(side: 4, channels: 3), .init(side: 8, channels: 2)],
        vocabularySize: 13, maximumTokens: 9, frames: 4)
    private static let sentences: [[Int32]] = [[3, 4, 5, 2], [6], [7, 8, 3, 4, 9, 12], [10, 11]]

    private let file: SafetensorsFile
    private let model: SlowModel<Float>
    private let memory: VisualMemory<Float>

    init() throws {
        let file = try SafetensorsFile(fixture("slow-tiny.safetensors"))
        let weights = try WeightSet(file)
        model = try SlowModel(Self.configuration, ParameterSource(weights.scoped("parameter/"), trainable: true))
        let maps = try ["c5", "c4", "c3"].map { Variable(constant: try file.tensor(named: "map/" + $0)) }
        memory = model.memory(maps: maps, frameCounts: [1, 2, 3, 4])
        self.file = file
    }

    @Test func `Loss and scores are PyTorch's`() throws {
        var off = Dropout.off
        let costs = model.wordCosts(of: Self.sentences, memory: memory, dropout: &off)
        let loss = (costs[0] + costs[1]).scaled(by: 0.5).mean().value.scalar
        let expected = try file.tensor(named: "loss").scalars[0]
        #expect(abs(loss - expected) < 1e-4 * expected)
        let scores = model.scores(of: Self.sentences, memory: memory)
        for (score, expected) in zip(scores, try file.tensor(named: "scores").scalars) {
            #expect(abs(score - expected) < 1e-4 * abs(expected))
        }
    }

    /// Within 1e-3 of each gradient's largest element: single precision against double.
    @Test func `Gradients of every parameter are PyTorch's`() throws {
        var off = Dropout.off
        let costs = model.wordCosts(of: Self.sentences, memory: memory, dropout: &off)
        let found = gradients(
            of: (costs[0] + costs[1]).scaled(by: 0.5).mean(), withRespectTo: model.parameters.map(\.variable))
        for (parameter, gradient) in zip(model.parameters, found) {
            let expected = try file.tensor(named: "gradient/" + parameter.name, shape: gradient.shape).scalars
            let scale = max(expected.map(abs).max() ?? 0, 1e-5)
            let worst = zip(gradient.scalars, expected).map { abs($0 - $1) }.max() ?? 0
            #expect(worst <= 1e-3 * scale, "\(parameter.name): \(worst) of \(scale)")
        }
    }
}

@Suite struct SlowVocabularyTests {
    private let pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "dog", "##s", "runs"]

    @Test func `Pieces that occur often enough are kept, the special ones always`() throws {
        let collected = SlowVocabulary.collected(
            from: [[2, 4, 5, 6, 3], [2, 4, 5, 7, 3]], minimum: 2, tokenizerVocabulary: pieces)
        #expect(collected == ["[CLS]", "[SEP]", "[UNK]", "a", "dog"])
    }

    @Test func `A sentence loses its ends, and what isn't kept is unknown`() throws {
        let vocabulary = try SlowVocabulary(
            pieces: ["[CLS]", "[SEP]", "[UNK]", "a", "dog"], tokenizerVocabulary: pieces)
        #expect(vocabulary.encode([2, 4, 5, 6, 7, 3]) == [3, 4, SlowVocabulary.unknown, SlowVocabulary.unknown])
    }

    @Test func `A list that doesn't fit the tokenizer is refused`() {
        for bad in [["a"], ["[CLS]", "[SEP]", "[UNK]", "cat"], ["[CLS]", "[SEP]", "[UNK]", "a", "a"]] {
            #expect(throws: ModelError.self) { try SlowVocabulary(pieces: bad, tokenizerVocabulary: pieces) }
        }
    }
}
