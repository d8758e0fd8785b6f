package import Tensors

/// The Slow model: a captioner that says how likely it would have been to write a sentence about a clip.
///
/// h(x, y) = Σ log p(y^l | y^{<l}, x) + Σ log p(y^l | y^{>l}, x) (Miech et al., CVPR 2021, eq. 3): two stacks of layers that share
/// the memory, the word vectors and the tied output layer. The sentence stands between its two special tokens, each of
/// which one direction starts from and the other predicts.
package struct SlowModel<Scalar: TensorScalar>: Sendable {
    /// One reading direction: its layers and where it stands in the sentence.
    private struct Reader: Sendable {
        let layers: [DecoderLayer<Scalar>]
        /// Counted from the end that the reader starts at: [maximumTokens + 1, width].
        let positions: Variable<Scalar>
        let norm: LayerNorm<Scalar>

        init(_ configuration: SlowConfiguration, _ parameter: ParameterSource<Scalar>) throws {
            layers = try configuration.layers.enumerated().map { index, map in
                try parameter.scoped("layer.\(index)") { try DecoderLayer(configuration, map: map, parameter) }
            }
            let width = configuration.width
            positions = try parameter("positions", [configuration.maximumTokens + 1, width], .normal(0.1))
            norm = try LayerNorm("norm", width: width, parameter)
        }
    }

    package let configuration: SlowConfiguration
    private let memoryEncoder: VisualMemoryEncoder<Scalar>
    /// [vocabulary, width]: words going in and, tied, coming out.
    private let wordVectors: Variable<Scalar>
    private let outputBias: Variable<Scalar>
    private let forward: Reader
    private let backward: Reader?
    /// [1, width] and [1]: the binary head of the matching objective; nil for a captioner.
    private let match: (weight: Variable<Scalar>, bias: Variable<Scalar>)?

    /// Every parameter under its name in the model's file.
    package let parameters: [(name: String, variable: Variable<Scalar>)]

    /// - Parameter wordVectors: what the word vectors of a new model start from, [vocabularySize, width]; nil draws them too.
    /// - Throws: ``ModelError`` for a configuration that can't be, ``WeightsError`` when the source lacks a parameter.
    package init(
        _ configuration: SlowConfiguration, _ parameter: ParameterSource<Scalar>, wordVectors: Tensor<Scalar>? = nil
    ) throws {
        try configuration.validate()
        self.configuration = configuration
        memoryEncoder = try parameter.scoped("memory") { try VisualMemoryEncoder(configuration, parameter) }
        self.wordVectors = try parameter(
            "words.weight", [configuration.vocabularySize, configuration.width],
            wordVectors.map { .values($0) } ?? .normal(0.05))
        outputBias = try parameter("words.bias", [configuration.vocabularySize], .zeros)
        forward = try parameter.scoped("forward") { try Reader(configuration, parameter) }
        backward =
            configuration.directions == .both
            ? try parameter.scoped("backward") { try Reader(configuration, parameter) } : nil
        match =
            configuration.objective == .matching
            ? (
                try parameter("match.weight", [1, configuration.width], .fan(configuration.width)),
                try parameter("match.bias", [1], .zeros)
            ) : nil
        parameters = parameter.parameters
    }

    /// The visual memories of a batch of clips; see ``VisualMemoryEncoder``.
    package func memory(maps: [Variable<Scalar>], frameCounts: [Int]) -> VisualMemory<Scalar> {
        memoryEncoder(maps: maps, frameCounts: frameCounts)
    }

    /// −log p of every word of every sentence, in each direction.
    ///
    /// - Parameters:
    ///   - sentences: with their words only: no special tokens.
    ///   - memoryIndices: the clip that each sentence is about; nil when sentence i is about clip i.
    ///   - fragments: sentences that are parts of longer ones, so that their special tokens cost nothing; nil when none are.
    /// - Returns: a vector a direction: of the sentences one after another, L + 1 costs each, L of a fragment.
    package func wordCosts(
        of sentences: [[Int32]], memory: VisualMemory<Scalar>, memoryIndices: [Int]? = nil, dropout: inout Dropout,
        fragments: [Bool]? = nil
    ) -> [Variable<Scalar>] {
        let batch = SentenceBatch(sentences, limit: configuration.maximumTokens)
        var costs: [Variable<Scalar>] = []
        for (reader, isForward) in readers {
            var states = states(
                of: batch, reader: reader, isForward: isForward, memory: memory, memoryIndices: memoryIndices,
                dropout: &dropout)
            var targets = isForward ? batch.endings : batch.beginnings
            if let fragments {
                let special = Set(
                    zip(isForward ? batch.lastRows : batch.firstRows, fragments).lazy.filter(\.1).map(\.0))
                let rows = targets.indices.lazy.map { Int32($0) }.filter { !special.contains($0) }
                (states, targets) = (states.gatherRows(Array(rows)), rows.map { targets[Int($0)] })
            }
            let logits = states.linear(weight: wordVectors, bias: outputBias)
            costs.append(logits.crossEntropy(targets: targets))
        }
        return costs
    }

    private var readers: [(reader: Reader, isForward: Bool)] {
        [(forward, true)] + (backward.map { [($0, false)] } ?? [])
    }

    /// The matching objective's logit of each pair: the mean of the readers' at the place where each has read the whole sentence.
    ///
    /// - Parameters: as in ``wordCosts(of:memory:memoryIndices:dropout:)``.
    /// - Precondition: the configuration's objective is matching.
    package func matchLogits(
        of sentences: [[Int32]], memory: VisualMemory<Scalar>, memoryIndices: [Int]? = nil, dropout: inout Dropout
    ) -> Variable<Scalar> {
        guard let match else { preconditionFailure("a captioner has no matching head") }
        let batch = SentenceBatch(sentences, limit: configuration.maximumTokens)
        var logits: [Variable<Scalar>] = []
        for (reader, isForward) in readers {
            let states = states(
                of: batch, reader: reader, isForward: isForward, memory: memory, memoryIndices: memoryIndices,
                dropout: &dropout)
            logits.append(
                states.gatherRows(isForward ? batch.lastRows : batch.firstRows)
                    .linear(weight: match.weight, bias: match.bias).reshaped([sentences.count]))
        }
        return logits.dropFirst().reduce(logits[0]) { $0 + $1 }.scaled(by: 1 / Scalar(logits.count))
    }

    /// The last layer's states of the real words of all sentences, one after another: [Σ (L + 1), width].
    private func states(
        of batch: SentenceBatch, reader: Reader, isForward: Bool, memory: VisualMemory<Scalar>, memoryIndices: [Int]?,
        dropout: inout Dropout
    ) -> Variable<Scalar> {
        let words = wordVectors.gatherRows(isForward ? batch.beginnings : batch.endings)
        let places = reader.positions.gatherRows(batch.positions(fromStart: isForward))
        var x = dropout(words + places)
        for layer in reader.layers {
            x = layer(
                x, of: batch, memory: memory, memoryIndices: memoryIndices, mask: isForward ? .causal : .anticausal,
                dropout: &dropout)
        }
        return reader.norm(x)
    }

    /// h(x, y) / 2(L + 1) of each sentence: the mean log-likelihood of a word; nearer 0 is likelier. Of a model that was trained to
    /// match, the logit.
    ///
    /// - Parameters:
    ///   - endWeight: ω of ``scores(of:memory:memoryIndices:endWeights:)``; 1 is what the model is trained with.
    ///   - others: as in ``wordCosts(of:memory:memoryIndices:dropout:)``.
    package func scores(
        of sentences: [[Int32]], memory: VisualMemory<Scalar>, memoryIndices: [Int]? = nil, endWeight: Scalar = 1
    ) -> [Scalar] {
        scores(of: sentences, memory: memory, memoryIndices: memoryIndices, endWeights: [endWeight])[0]
    }

    /// (Σ log p of the words + ω·Σ log p of the ends) / 2(L + ω) of each sentence: the mean log-likelihood of a word, in which the special token
    /// that each direction predicts last counts as ω words. Of a model that was trained to match, the logit, whatever ω is.
    ///
    /// - Parameters:
    ///   - endWeights: several ω, 0 to 1, in one pass. A sentence without words has no score (NaN) where ω is 0.
    ///   - others: as in ``wordCosts(of:memory:memoryIndices:dropout:)``.
    /// - Returns: the scores of all sentences for each ω.
    package func scores(
        of sentences: [[Int32]], memory: VisualMemory<Scalar>, memoryIndices: [Int]? = nil, endWeights: [Scalar]
    ) -> [[Scalar]] {
        var off = Dropout.off
        if match != nil {
            let logits = matchLogits(of: sentences, memory: memory, memoryIndices: memoryIndices, dropout: &off)
            return endWeights.map { _ in logits.value.scalars }
        }
        let costs = wordCosts(of: sentences, memory: memory, memoryIndices: memoryIndices, dropout: &off)
        let lengths = SentenceBatch(sentences, limit: configuration.maximumTokens).lengths
        return endWeights.map { endWeight in
            var totals = [Scalar](repeating: 0, count: sentences.count)
            for (cost, (_, isForward)) in zip(costs, readers) {
                cost.value.withUnsafeBufferPointer { cost in
                    var row = 0
                    for (sentence, length) in lengths.enumerated() {
                        let end = isForward ? length - 1 : 0
                        for place in 0..<length {
                            totals[sentence] -= place == end ? endWeight * cost[row] : cost[row]
                            row += 1
                        }
                    }
                }
            }
            return zip(totals, lengths).map { $0 / (Scalar(costs.count) * (Scalar($1 - 1) + endWeight)) }
        }
    }

    /// log p of every word that could come next.
    ///
    /// - Parameters:
    ///   - beginnings: the words so far of each sentence, without the first special token; all of one length.
    /// - Returns: [beginnings.count, vocabularySize].
    package func nextWords(
        after beginnings: [[Int32]], memory: VisualMemory<Scalar>, memoryIndices: [Int]
    ) -> Tensor<Scalar> {
        var off = Dropout.off
        let batch = SentenceBatch(beginnings, limit: configuration.maximumTokens)
        let states = states(
            of: batch, reader: forward, isForward: true, memory: memory, memoryIndices: memoryIndices, dropout: &off)
        return states.gatherRows(batch.lastRows).linear(weight: wordVectors, bias: outputBias).logSoftmax().value
    }
}
