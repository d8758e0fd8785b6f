package import Models
package import Tensors

/// Training of the Fast model, with the backbone's last blocks or without, by contrast, and by a Slow teacher where one is given.
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
        /// Captions of a step that the teacher teaches, at most; each brings as many other clips as the teacher has scored.
        package var taughtCaptions = Int.max
        /// The learning rate of the backbone's blocks as a part of the heads'.
        package var backboneLearningRate = 0.1
        /// The step with which they begin to learn.
        package var backboneFirstStep = 0
        /// The smallest window of a frame's map that a step sees, its side as a part of the map's; 1 always takes all of it.
        package var crop = 1.0
        /// Part of the captions in whose place a step has a phrase that the item shows (``ConceptSet``). Other items that show it are no negatives.
        package var phrases = 0.0

        package init() {}
    }

    private let model: any FastHeads
    private let vision: FastVisualInput
    private let pool: TrainingPool
    private let teacher: TeacherScores?
    /// Nil when none are learned.
    private let phrases: ConceptPhrases?
    private let validation: [FeatureSet]
    private let encode: (String) -> [Int32]
    private let framesInUse: Int
    private let settings: Settings
    package let parameters: [TrainableParameter]

    /// - Parameters:
    ///   - tail: the backbone's last blocks, to learn too; the features are then the input of the first of them.
    ///   - pool: with captions in the text tokenizer's ids.
    ///   - teacher: of the same pool; nil trains by contrast alone.
    ///   - validation: sets that nothing is learned from; the best checkpoint is the one with the best mean of R@1 and R@10.
    package init(
        model: any FastHeads, tail: BackboneTail<Float>? = nil, pool: TrainingPool, teacher: TeacherScores? = nil,
        validation: [FeatureSet],
        framesInUse: Int, settings: Settings, encode: @escaping (String) -> [Int32]
    ) {
        self.model = model
        vision = FastVisualInput(tail: tail)
        self.pool = pool
        self.teacher = teacher
        phrases = settings.phrases > 0 ? pool.phrases(encode: encode) : nil
        self.validation = validation
        self.encode = encode
        self.framesInUse = framesInUse
        self.settings = settings
        let heads = model.headParameters.map { parameter in
            TrainableParameter(
                name: parameter.name, variable: parameter.variable,
                weightDecay: parameter.variable.shape.count > 1 ? settings.weightDecay : 0)
        }
        let text = model.textParameters.filter(\.variable.requiresGradient).map { parameter in
            TrainableParameter(
                name: FastModel<Float>.textPrefix + parameter.name, variable: parameter.variable,
                learningRateScale: settings.textLearningRate,
                weightDecay: parameter.variable.shape.count > 1 ? 0.01 : 0)
        }
        let blocks = (tail?.parameters ?? []).map { parameter in
            TrainableParameter(
                name: "backbone." + parameter.name, variable: parameter.variable,
                learningRateScale: settings.backboneLearningRate,
                weightDecay: parameter.variable.shape.count > 1 ? 0.01 : 0, firstStep: settings.backboneFirstStep)
        }
        parameters = heads + text + blocks
    }

    package var stepsPerEpoch: Int { pool.stepsPerEpoch }
    package var identity: String {
        "\(settings), backbone from block \(vision.tail.map { "\($0.firstBlock)" } ?? "none")"
    }

    package func loss(step: Int, random: inout SplitMix64) throws -> Variable<Float> {
        let draws = pool.draws(step: step, random: &random)
        var dropout = Dropout(rate: settings.dropout, random: random.split())
        var textDropout = Dropout(rate: settings.textDropout, random: random.split())
        let vision = step < settings.backboneFirstStep ? vision.detached : vision
        let clips = embed(draws, vision, &dropout, &random)
        let shown = draws.map { phrase(of: $0, &random) }
        let sentences = try model.sentences(
            zip(draws, shown).map { $1?.tokens ?? pool.caption($0) }, dropout: &textDropout)
        let contrast = contrastiveLoss(
            model.logits(sentences: sentences, clips: clips), groups: Array(draws.indices),
            neither: shown.enumerated().flatMap { row, phrase in
                guard let phrase, let phrases else { return [(sentence: Int, clip: Int)]() }
                return draws.indices.filter {
                    phrases.mayShow(phrase.concept, source: draws[$0].source, item: draws[$0].item)
                }.map { (sentence: row, clip: $0) }
            })
        guard let teacher else { return contrast }
        // The teacher has scored some captions of each item; contrast teaches by all.
        var taught = draws.indices.filter { shown[$0] == nil && draws[$0].caption < teacher.captionsPerItem }
        if taught.count > settings.taughtCaptions {
            taught = taught.shuffled(using: &random).prefix(settings.taughtCaptions).sorted()
        }
        guard !taught.isEmpty else { return contrast.scaled(by: Float(settings.contrast)) }
        let candidates = taught.map { place in
            teacher.candidates(source: draws[place].source, item: draws[place].item, caption: draws[place].caption)
        }
        let others = candidates.flatMap { candidate in
            candidate.clips.dropFirst().map { TrainingPool.Draw(source: $0.source, item: $0.item, caption: 0) }
        }
        let wrong = embed(others, vision, &dropout, &random)
        let rows = taught.map { Int32($0) }
        let (count, dimensions) = (taught.count, clips.shape[1])
        let all = concatenated(
            [clips.gatherRows(rows).reshaped([count, 1, dimensions]), wrong.reshaped([count, -1, dimensions])],
            axis: 1)
        let student = all.matmul(sentences.gatherRows(rows).reshaped([count, dimensions, 1])).reshaped([
            count, all.shape[1],
        ])
        .scaled(by: 1 / Float(settings.studentTemperature))
        return distillationLoss(
            student: student, teacher: candidates.map(\.scores), temperature: settings.temperature)
            + contrast.scaled(by: Float(settings.contrast))
    }

    /// A phrase that the item shows, for some draws.
    private func phrase(of draw: TrainingPool.Draw, _ random: inout SplitMix64) -> ConceptPhrases.Phrase? {
        guard let phrases, random.nextUniform() < settings.phrases else { return nil }
        return phrases.random(source: draw.source, item: draw.item, random: &random)
    }

    private func embed(
        _ draws: [TrainingPool.Draw], _ vision: FastVisualInput, _ dropout: inout Dropout, _ random: inout SplitMix64
    ) -> Variable<Float> {
        let frames = pool.frames(draws, limit: settings.frames, random: &random)
        var crops: MapCrops?
        if let tail = vision.tail, settings.crop < 1 {
            crops = MapCrops(
                smallest: settings.crop, ofSide: frames.mapSide(0), step: tail.stride, clips: draws.count,
                random: &random)
        }
        let (pooled, map) = vision(frames, crops: crops)
        return model.clips(pooled: pooled, map: map, frameCounts: frames.frameCounts, dropout: &dropout)
    }

    package func validate() throws -> (score: Double, figures: [(name: String, value: Double)]) {
        var figures: [(name: String, value: Double)] = []
        var score = 0.0
        for features in validation {
            let name = features.dataset.name
            let metrics = try FastEmbeddings(
                model: model, vision: vision, features: features, framesInUse: framesInUse, encode: encode
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
