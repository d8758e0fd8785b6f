package import Models
package import Tensors

/// Training of the Slow model by captioning: L_CAP = −Σ h(x, y), as a mean over words (Miech et al., CVPR 2021, eq. 4).
package final class SlowTrainingTask: TrainingTask {
    package struct Settings: Sendable, Equatable, Codable {
        package var dropout = 0.1
        /// Part of the words that the model is given as unknown, so that it knows what to do with them.
        package var unknownWords = 0.02
        package var weightDecay = 0.05
        /// Items of the validation gallery that every sentence of it is scored against.
        package var validationItems = 128

        package init() {}
    }

    package let model: SlowModel<Float>
    private let pool: TrainingPool
    private let validation: FeatureSet
    private let validationCaptions: [[[Int32]]]
    private let settings: Settings
    package let parameters: [TrainableParameter]

    /// - Parameters:
    ///   - pool: with captions in the Slow vocabulary.
    ///   - validation: a set that nothing is learned from.
    ///   - encode: a caption in the Slow vocabulary.
    package init(
        model: SlowModel<Float>, pool: TrainingPool, validation: FeatureSet, settings: Settings,
        encode: (String) -> [Int32]
    ) {
        self.model = model
        self.pool = pool
        self.validation = validation
        self.settings = settings
        let items = min(settings.validationItems, validation.count)
        validationCaptions = validation.dataset.items.prefix(items).map { $0.captions.map(encode) }
        parameters = model.parameters.map { parameter in
            TrainableParameter(
                name: parameter.name, variable: parameter.variable,
                weightDecay: parameter.variable.shape.count > 1 ? settings.weightDecay : 0)
        }
    }

    package var stepsPerEpoch: Int { pool.stepsPerEpoch }

    package func loss(step: Int, random: inout SplitMix64) -> Variable<Float> {
        let draws = pool.draws(step: step, random: &random)
        let frames = pool.frames(draws, limit: model.configuration.frames, random: &random)
        var dropout = Dropout(rate: settings.dropout, random: random.split())
        let sentences = draws.map { draw in
            pool.caption(draw).map { word in
                random.nextUniform() < settings.unknownWords ? SlowVocabulary.unknown : word
            }
        }
        let memory = model.memory(maps: model.maps(of: frames), frameCounts: frames.frameCounts)
        let costs = model.wordCosts(of: sentences, memory: memory, dropout: &dropout)
        return costs.dropFirst().reduce(costs[0]) { $0 + $1 }.scaled(by: 1 / Float(costs.count)).mean()
    }

    /// The cost of a word of the validation sentences, and the retrieval of the first of each item in a small gallery.
    package func validate() -> (score: Double, figures: [(name: String, value: Double)]) {
        let memories = SlowMemories(
            model: model, features: validation, items: Array(validationCaptions.indices))
        var total: Float = 0
        var words = 0
        for (item, captions) in validationCaptions.enumerated() {
            let scores = memories.scores(of: captions, against: [item])
            for (score, caption) in zip(scores, captions) {
                total -= score[0] * Float(caption.count + 1)
                words += caption.count + 1
            }
        }
        let cost = Double(total) / Double(words)
        let everything = Array(validationCaptions.indices)
        let table = memories.scores(of: validationCaptions.map { $0[0] }, against: everything)
        let ranks = table.enumerated().map { query, scores in
            RetrievalMetrics.rank(scores: scores) { $0 == query }
        }
        let metrics = RetrievalMetrics(ranks: ranks)
        return (
            metrics.recallAt1 / 100 - cost,
            [("word_cost", cost), ("gallery_R@1", metrics.recallAt1), ("gallery_R@5", metrics.recallAt5)]
        )
    }
}

extension SlowModel<Float> {
    /// The maps that the memory is made of.
    package func maps(of frames: FrameBatch) -> [SlowConfiguration.Level: Variable<Float>] {
        var maps: [SlowConfiguration.Level: Variable<Float>] = [:]
        for level in configuration.levels {
            let part: FeatureLayout.Part =
                switch level {
                case .c5: .c5
                case .c4: .c4
                case .c3: .c3
                }
            maps[level] = Variable(constant: frames.map(part))
        }
        return maps
    }
}
