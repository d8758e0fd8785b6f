package import Models
package import Tensors

/// Training of the Fast model by contrast, and by a Slow teacher where one is given.
package final class FastTrainingTask: TrainingTask {
    package struct Settings: Sendable, Equatable, Codable {
        package var dropout = 0.2
        package var textDropout = 0.1
        package var weightDecay = 0.05
        /// The text encoder's learning rate as a part of the heads'.
        package var textLearningRate = 0.05
        /// Frames of a clip that a step sees.
        package var frames = 4
        /// τ and τ′: temperatures of the teacher's scores and of the student's cosines beside them.
        package var temperature = 0.1
        package var studentTemperature = 0.05
        /// α of H(p, q) + α·L_NCE, where there is a teacher.
        package var contrast = 1.0

        package init() {}
    }

    package let model: FastModel<Float>
    private let pool: TrainingPool
    private let teacher: TeacherScores?
    private let validation: [FeatureSet]
    private let encode: (String) -> [Int32]
    private let framesInUse: Int
    private let settings: Settings
    package let parameters: [TrainableParameter]

    /// - Parameters:
    ///   - pool: with captions in the text tokenizer's ids.
    ///   - teacher: of the same pool; nil trains by contrast alone.
    ///   - validation: sets that nothing is learned from; the best checkpoint is the one with the best mean of R@1 and R@10.
    package init(
        model: FastModel<Float>, pool: TrainingPool, teacher: TeacherScores? = nil, validation: [FeatureSet],
        framesInUse: Int, settings: Settings, encode: @escaping (String) -> [Int32]
    ) {
        self.model = model
        self.pool = pool
        self.teacher = teacher
        self.validation = validation
        self.encode = encode
        self.framesInUse = framesInUse
        self.settings = settings
        let heads = model.headParameters.map { parameter in
            TrainableParameter(
                name: parameter.name, variable: parameter.variable,
                weightDecay: parameter.variable.shape.count > 1 ? settings.weightDecay : 0)
        }
        let text = model.text.parameters.filter(\.variable.requiresGradient).map { parameter in
            TrainableParameter(
                name: FastModel<Float>.textPrefix + parameter.name, variable: parameter.variable,
                learningRateScale: settings.textLearningRate,
                weightDecay: parameter.variable.shape.count > 1 ? 0.01 : 0)
        }
        parameters = heads + text
    }

    package var stepsPerEpoch: Int { pool.stepsPerEpoch }

    package func loss(step: Int, random: inout SplitMix64) -> Variable<Float> {
        let draws = pool.draws(step: step, random: &random)
        var dropout = Dropout(rate: settings.dropout, random: random.split())
        var textDropout = Dropout(rate: settings.textDropout, random: random.split())
        let clips = embed(draws, &dropout, &random)
        let sentences = model.embed(TokenBatch(draws.map(pool.caption)), dropout: &textDropout)
        let contrast = contrastiveLoss(model.logits(sentences: sentences, clips: clips), groups: Array(draws.indices))
        guard let teacher else { return contrast }
        // The teacher has scored some captions of each item; contrast teaches by all.
        let taught = draws.indices.filter { draws[$0].caption < teacher.captionsPerItem }
        guard !taught.isEmpty else { return contrast.scaled(by: Float(settings.contrast)) }
        let candidates = taught.map { place in
            teacher.candidates(source: draws[place].source, item: draws[place].item, caption: draws[place].caption)
        }
        let others = candidates.flatMap { candidate in
            candidate.clips.dropFirst().map { TrainingPool.Draw(source: $0.source, item: $0.item, caption: 0) }
        }
        let wrong = embed(others, &dropout, &random)
        let rows = taught.map { Int32($0) }
        let (count, dimensions) = (taught.count, clips.shape[1])
        let all = concatenated(
            [clips.gatherRows(rows).reshaped([count, 1, dimensions]), wrong.reshaped([count, -1, dimensions])],
            axis: 1)
        let student = model.similarities(sentences: sentences.gatherRows(rows), candidates: all)
            .scaled(by: 1 / Float(settings.studentTemperature))
        return distillationLoss(
            student: student, teacher: candidates.map(\.scores), temperature: settings.temperature)
            + contrast.scaled(by: Float(settings.contrast))
    }

    private func embed(
        _ draws: [TrainingPool.Draw], _ dropout: inout Dropout, _ random: inout SplitMix64
    ) -> Variable<Float> {
        let frames = pool.frames(draws, limit: settings.frames, random: &random)
        return model.visual(
            pooled: Variable(constant: frames.pooled), map: Variable(constant: frames.map(0)),
            frameCounts: frames.frameCounts, dropout: &dropout)
    }

    package func validate() -> (score: Double, figures: [(name: String, value: Double)]) {
        var figures: [(name: String, value: Double)] = []
        var score = 0.0
        for features in validation {
            let name = features.dataset.name
            let metrics = FastEmbeddings(
                model: model, features: features, framesInUse: framesInUse, encode: encode
            ).table.textToVideo
            figures += [
                (name + "_R@1", metrics.recallAt1), (name + "_R@5", metrics.recallAt5),
                (name + "_R@10", metrics.recallAt10),
            ]
            score += (metrics.recallAt1 + metrics.recallAt10) / 2
        }
        return (score / Double(max(1, validation.count)), figures)
    }
}
