import Glibc
package import Models
package import Tensors

/// Training of the Slow model: by captioning, L_CAP = −Σ h(x, y) as a mean over words (Miech et al., CVPR 2021, eq. 4), or by matching,
/// a binary cross-entropy over pairs with hard negatives (as in ALBEF: Li et al., NeurIPS 2021, §3.2).
package final class SlowTrainingTask: TrainingTask {
    package struct Settings: Sendable, Equatable, Codable {
        package var dropout = 0.1
        /// Part of the words that the model is given as unknown, so that it knows what to do with them.
        package var unknownWords = 0.02
        /// Part of the items that the model doesn't see, so that it knows what a sentence costs by itself.
        package var unseen = 0.05
        /// Part of the items that are shown before another one of the batch, and described as ``SequenceWords`` say: captions of short clips rarely
        /// speak of an order of time.
        package var sequences = 0.0
        /// Part of the captions in whose place the model is given a phrase that the item shows (``ConceptSet``), as the beginning of a sentence and
        /// as the end of one: what comes before and after it isn't learned.
        package var phrases = 0.0
        package var weightDecay = 0.05
        /// Captions of an item in a step: they share the clip's memory, which costs more than they do.
        package var captions = 3
        /// Items of the validation gallery that every sentence of it is scored against.
        package var validationItems = 128

        package init() {}
    }

    package let model: SlowModel<Float>
    private let pool: TrainingPool
    private let hardness: FastHardness?
    private let validation: FeatureSet
    private let validationCaptions: [[[Int32]]]
    private let sequenceWords: SequenceWords
    /// Nil when none are learned.
    private let phrases: ConceptPhrases?
    private let settings: Settings
    package let parameters: [TrainableParameter]

    /// - Parameters:
    ///   - pool: with captions in the Slow vocabulary.
    ///   - hardness: says which wrong pairs are hard; only matching needs it.
    ///   - validation: a set that nothing is learned from.
    ///   - encode: a caption in the Slow vocabulary.
    package init(
        model: SlowModel<Float>, pool: TrainingPool, hardness: FastHardness? = nil, validation: FeatureSet,
        settings: Settings, encode: (String) -> [Int32]
    ) {
        precondition(model.configuration.objective == .captioning || hardness != nil)
        self.model = model
        self.pool = pool
        self.hardness = hardness
        self.validation = validation
        self.settings = settings
        sequenceWords = SequenceWords(encode: encode)
        phrases = settings.phrases > 0 ? pool.phrases(encode: encode) : nil
        let items = min(settings.validationItems, validation.count)
        validationCaptions = validation.dataset.items.prefix(items).map { $0.captions.prefix(5).map(encode) }
        parameters = model.parameters.map { parameter in
            TrainableParameter(
                name: parameter.name, variable: parameter.variable,
                weightDecay: parameter.variable.shape.count > 1 ? settings.weightDecay : 0)
        }
    }

    package var stepsPerEpoch: Int { pool.stepsPerEpoch }
    package var identity: String { "\(settings)" }

    package func loss(step: Int, random: inout SplitMix64) -> Variable<Float> {
        let draws = pool.draws(step: step, random: &random)
        let followers = followers(of: draws, random: &random)
        let frames = pool.frames(
            draws, followedBy: followers, limit: model.configuration.frames, random: &random)
        var dropout = Dropout(rate: settings.dropout, random: random.split())
        switch model.configuration.objective {
        case .captioning:
            let own = draws.map { pool.captions($0, count: settings.captions, random: &random) }
            let captions = own.enumerated().map { index, captions in
                guard let follower = followers[index] else { return captions }
                return zip(captions, own[follower]).map { sequenceWords.joined($0, then: $1, random: &random) }
            }
            let owners = captions.enumerated().flatMap { [Int](repeating: $0, count: $1.count) }
            let chosen = zip(owners, captions.joined()).map { owner, caption in
                let phrase = followers[owner] == nil ? phrase(of: draws[owner], &random) : nil
                return (words: phrase ?? caption, isPhrase: phrase != nil)
            }
            let sentences = chosen.map { corrupted($0.words, &random) }
            let unseen = draws.indices.filter { _ in random.nextUniform() < settings.unseen }
            let memory = model.memory(maps: model.maps(of: frames, unseen: unseen), frameCounts: frames.frameCounts)
            let costs = model.wordCosts(
                of: sentences, memory: memory, memoryIndices: owners, dropout: &dropout,
                fragments: phrases.map { _ in chosen.map(\.isPhrase) })
            return costs.dropFirst().reduce(costs[0]) { $0 + $1 }.scaled(by: 1 / Float(costs.count)).mean()
        case .matching:
            let sentences = draws.map { corrupted(pool.caption($0), &random) }
            let memory = model.memory(maps: model.maps(of: frames), frameCounts: frames.frameCounts)
            return matchingLoss(draws, sentences, memory, &dropout, &random)
        }
    }

    /// Which draws are shown before which others, none before itself.
    private func followers(of draws: [TrainingPool.Draw], random: inout SplitMix64) -> [Int: Int] {
        guard settings.sequences > 0, model.configuration.objective == .captioning, model.configuration.frames > 1,
            draws.count > 1
        else { return [:] }
        var followers: [Int: Int] = [:]
        for index in draws.indices where random.nextUniform() < settings.sequences {
            followers[index] = (index + Int.random(in: 1..<draws.count, using: &random)) % draws.count
        }
        return followers
    }

    /// A phrase that the item shows, for some draws.
    private func phrase(of draw: TrainingPool.Draw, _ random: inout SplitMix64) -> [Int32]? {
        guard let phrases, random.nextUniform() < settings.phrases else { return nil }
        return phrases.random(source: draw.source, item: draw.item, random: &random)?.tokens
    }

    /// Some words made unknown.
    private func corrupted(_ sentence: [Int32], _ random: inout SplitMix64) -> [Int32] {
        sentence.map { random.nextUniform() < settings.unknownWords ? SlowVocabulary.unknown : $0 }
    }

    /// Each pair, its sentence with a hard wrong clip of the batch, and its clip with a hard wrong sentence.
    private func matchingLoss(
        _ draws: [TrainingPool.Draw], _ sentences: [[Int32]], _ memory: VisualMemory<Float>, _ dropout: inout Dropout,
        _ random: inout SplitMix64
    ) -> Variable<Float> {
        guard let hardness else { preconditionFailure("matching needs hard negatives") }
        let items = Array(draws.indices)
        let similarities = hardness.similarities(draws)
        let count = items.count
        let wrongClips = items.map { row in
            Self.drawn(items.map { $0 == row ? nil : similarities[row * count + $0] }, &random)
        }
        let wrongSentences = items.map { column in
            Self.drawn(items.map { $0 == column ? nil : similarities[$0 * count + column] }, &random)
        }
        let logits = model.matchLogits(
            of: sentences + sentences + wrongSentences.map { sentences[$0] }, memory: memory,
            memoryIndices: items + wrongClips + items, dropout: &dropout)
        // −log σ(z) for a pair and −log(1 − σ(z)) for a wrong one, as the two classes (z, 0).
        let zeros = Variable<Float>(constant: Tensor(zeros: [3 * count, 1]))
        let targets = (0..<3 * count).map { Int32($0 < count ? 0 : 1) }
        return concatenated([logits.reshaped([3 * count, 1]), zeros], axis: 1).crossEntropy(targets: targets).mean()
    }

    /// A place drawn with probability softmax(20 · similarity) among those that aren't nil.
    private static func drawn(_ similarities: [Float?], _ random: inout SplitMix64) -> Int {
        let weights = similarities.map { $0.map { exp(20 * Double($0)) } ?? 0 }
        var left = random.nextUniform() * weights.reduce(0, +)
        for (place, weight) in weights.enumerated() {
            left -= weight
            if left < 0, weight > 0 { return place }
        }
        return weights.lastIndex { $0 > 0 } ?? 0
    }

    /// Retrieval by the first caption of each item in a small gallery, and what a word of the validation captions costs.
    package func validate() -> (score: Double, figures: [(name: String, value: Double)]) {
        let everything = Array(validationCaptions.indices)
        let memories = SlowMemories(model: model, features: validation, items: everything)
        let table = memories.scores(of: validationCaptions.map { $0[0] }, against: everything)
        let metrics = RetrievalMetrics(
            ranks: table.enumerated().map { query, scores in RetrievalMetrics.rank(scores: scores) { $0 == query } })
        let figures = [
            ("gallery_R@1", metrics.recallAt1), ("gallery_R@5", metrics.recallAt5),
            ("gallery_R@10", metrics.recallAt10),
        ]
        guard model.configuration.objective == .captioning else {
            return ((metrics.recallAt1 + metrics.recallAt10) / 2, figures)
        }
        var (total, words) = (0.0, 0)
        for (item, captions) in validationCaptions.enumerated() {
            for (score, caption) in zip(memories.scores(of: captions, against: [item]), captions) {
                total -= Double(score[0]) * Double(caption.count + 1)
                words += caption.count + 1
            }
        }
        // The objective itself: recall in a gallery that is small enough to be scored often says too little.
        let cost = total / Double(words)
        return (-cost, [("word_cost", cost)] + figures)
    }
}

extension SlowModel<Float> {
    /// The maps that the memory is made of, coarse to fine.
    ///
    /// - Parameter unseen: clips whose maps are all zeros.
    package func maps(of frames: FrameBatch, unseen: [Int] = []) -> [Variable<Float>] {
        configuration.maps.indices.map { index in
            var map = frames.map(index)
            let size = map.count / max(1, map.shape[0])
            map.withUnsafeMutableBufferPointer { values in
                for clip in unseen {
                    let first = frames.frameCounts.prefix(clip).reduce(0, +)
                    values[(first * size)..<((first + frames.frameCounts[clip]) * size)].update(repeating: 0)
                }
            }
            return Variable(constant: map)
        }
    }
}
