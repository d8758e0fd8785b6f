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
        let normGain: Variable<Scalar>
        let normBias: Variable<Scalar>

        init(_ configuration: SlowConfiguration, random: inout SplitMix64) {
            var layers: [DecoderLayer<Scalar>] = []
            for level in configuration.layers {
                layers.append(DecoderLayer(configuration, level: level, random: &random))
            }
            self.layers = layers
            let width = configuration.width
            positions = Variable(
                parameter: Tensor(normal: [configuration.maximumTokens + 1, width], deviation: 0.1, using: &random))
            normGain = Variable(parameter: Tensor(repeating: 1, shape: [width]))
            normBias = Variable(parameter: Tensor(zeros: [width]))
        }

        var parameters: [(name: String, variable: Variable<Scalar>)] {
            [("positions", positions), ("norm.weight", normGain), ("norm.bias", normBias)]
                + layers.enumerated().flatMap { index, layer in
                    layer.parameters.map { ("layer.\(index).\($0.name)", $0.variable) }
                }
        }
    }

    package let configuration: SlowConfiguration
    private let memoryEncoder: VisualMemoryEncoder<Scalar>
    /// [vocabulary, width]: words going in and, tied, coming out.
    private let wordVectors: Variable<Scalar>
    private let outputBias: Variable<Scalar>
    private let forward: Reader
    private let backward: Reader?

    /// New parameters, drawn at random.
    ///
    /// - Parameter wordVectors: what the word vectors start from, [vocabularySize, width]; nil draws them too.
    package init(_ configuration: SlowConfiguration, wordVectors: Tensor<Scalar>? = nil, random: inout SplitMix64) {
        self.configuration = configuration
        memoryEncoder = VisualMemoryEncoder(configuration, random: &random)
        let shape = [configuration.vocabularySize, configuration.width]
        self.wordVectors = Variable(
            parameter: wordVectors?.reshaped(shape) ?? Tensor(normal: shape, deviation: 0.05, using: &random))
        outputBias = Variable(parameter: Tensor(zeros: [configuration.vocabularySize]))
        forward = Reader(configuration, random: &random)
        backward = configuration.directions == .both ? Reader(configuration, random: &random) : nil
    }

    package var parameters: [(name: String, variable: Variable<Scalar>)] {
        memoryEncoder.parameters.map { ("memory." + $0.name, $0.variable) }
            + [("words.weight", wordVectors), ("words.bias", outputBias)]
            + forward.parameters.map { ("forward." + $0.name, $0.variable) }
            + (backward?.parameters.map { ("backward." + $0.name, $0.variable) } ?? [])
    }

    /// The visual memories of a batch of clips; see ``VisualMemoryEncoder``.
    package func memory(
        maps: [SlowConfiguration.Level: Variable<Scalar>], frameCounts: [Int]
    ) -> VisualMemory<Scalar> {
        memoryEncoder(maps: maps, frameCounts: frameCounts)
    }

    /// −log p of every word of every sentence, in each direction.
    ///
    /// - Parameters:
    ///   - sentences: with their words only: no special tokens.
    ///   - memoryIndices: the clip that each sentence is about; nil when sentence i is about clip i.
    /// - Returns: a vector a direction: of the sentences one after another, L + 1 costs each.
    package func wordCosts(
        of sentences: [[Int32]], memory: VisualMemory<Scalar>, memoryIndices: [Int]? = nil, dropout: inout Dropout
    ) -> [Variable<Scalar>] {
        let batch = SentenceBatch(sentences, limit: configuration.maximumTokens)
        var costs: [Variable<Scalar>] = []
        for (reader, isForward) in [(forward, true)] + (backward.map { [($0, false)] } ?? []) {
            let states = states(
                of: batch, reader: reader, isForward: isForward, memory: memory, memoryIndices: memoryIndices,
                dropout: &dropout)
            let logits = states.linear(weight: wordVectors, bias: outputBias)
            costs.append(logits.crossEntropy(targets: isForward ? batch.endings : batch.beginnings))
        }
        return costs
    }

    /// The last layer's states of the real words of all sentences, one after another: [Σ (L + 1), width].
    private func states(
        of batch: SentenceBatch, reader: Reader, isForward: Bool, memory: VisualMemory<Scalar>, memoryIndices: [Int]?,
        dropout: inout Dropout
    ) -> Variable<Scalar> {
        let shape = [batch.lengths.count, batch.longest]
        let words = wordVectors.gatherRows(
            batch.padded(isForward ? batch.beginnings : batch.endings), shape: shape)
        let places = reader.positions.gatherRows(batch.positions(fromStart: isForward), shape: shape)
        var x = dropout(words + places)
        for layer in reader.layers {
            x = layer(
                x, lengths: batch.lengths, memory: memory, memoryIndices: memoryIndices,
                mask: isForward ? .causal : .anticausal, dropout: &dropout)
        }
        return x.reshaped([-1, configuration.width]).gatherRows(batch.realRows)
            .layerNorm(gamma: reader.normGain, beta: reader.normBias, epsilon: 1e-5)
    }

    /// h(x, y) / 2(L + 1) of each sentence: the mean log-likelihood of a word; nearer 0 is likelier.
    ///
    /// - Parameters: as in ``wordCosts(of:memory:memoryIndices:dropout:)``.
    package func scores(
        of sentences: [[Int32]], memory: VisualMemory<Scalar>, memoryIndices: [Int]? = nil
    ) -> [Scalar] {
        var off = Dropout.off
        let costs = wordCosts(of: sentences, memory: memory, memoryIndices: memoryIndices, dropout: &off)
        var totals = [Scalar](repeating: 0, count: sentences.count)
        let lengths = SentenceBatch(sentences, limit: configuration.maximumTokens).lengths
        for cost in costs {
            cost.value.withUnsafeBufferPointer { cost in
                var row = 0
                for (sentence, length) in lengths.enumerated() {
                    for _ in 0..<length {
                        totals[sentence] -= cost[row]
                        row += 1
                    }
                }
            }
        }
        return zip(totals, lengths).map { $0 / Scalar(costs.count * $1) }
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
        var last: [Int32] = []
        var row = 0
        for length in batch.lengths {
            row += length
            last.append(Int32(row - 1))
        }
        return states.gatherRows(last).linear(weight: wordVectors, bias: outputBias).logSoftmax().value
    }
}
