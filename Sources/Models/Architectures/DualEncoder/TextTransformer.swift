import Tensors

/// A sentence's tokens through a transformer, and the state at one place of it: the text tower of CLIP, SigLIP and the Perception Encoder.
///
/// Sources: Radford et al., "Learning transferable visual models from natural language supervision", ICML 2021; Zhai et al., "Sigmoid loss
/// for language image pre-training", ICCV 2023.
package struct TextTransformer: Sendable {
    package let configuration: TextTowerConfiguration
    /// [vocabulary, width]; nil for a tower that is only listed.
    private let words: StoredRows?
    /// [places, width].
    private let positions: Variable<Float>
    private let blocks: [TransformerBlock<Float>]
    private let norm: LayerNorm<Float>
    private let projection: Linear<Float>?

    /// - Throws: ``WeightsError`` when the source lacks a parameter.
    init(
        _ configuration: TextTowerConfiguration, dimensions: Int, _ parameter: ParameterSource<Float>
    ) throws {
        self.configuration = configuration
        let (width, stack) = (configuration.width, configuration.stack)
        words = try parameter.rows("words.weight", [configuration.vocabularySize, width])
        positions = try parameter("positions", [configuration.contextLength, width], .normal(0.01))
        blocks = try stack.blocks(parameter)
        norm = try stack.norm("norm", parameter)
        projection =
            configuration.projection == .none
            ? nil
            : try Linear(
                "projection", outputs: dimensions, inputs: width, hasBias: configuration.projection == .biased,
                parameter)
    }

    /// The embeddings of sentences, not yet of unit length: [sentences, dimensions].
    ///
    /// - Parameters:
    ///   - sentences: at least one, as the tower's tokenizer makes them: each ends with the end token, and none is longer than the tower's
    ///     context.
    ///   - padding: what fills up shorter ones. Where the last place counts it is a part of the sentence: the models were trained so.
    /// - Throws: ``WeightsError`` when the tokens' vectors can't be read.
    func embed(_ sentences: [[Int32]], padding: Int32, dropout: inout Dropout) throws -> Variable<Float> {
        guard let words else { preconditionFailure("a tower that is only listed can't compute") }
        var sentences = sentences
        if configuration.pooling == .endToken {
            // Tokens see those before them alone: what comes after the first end has no part in the result.
            sentences = sentences.map { ids in
                guard let end = ids.last, let first = ids.firstIndex(of: end) else { return ids }
                return Array(ids[...first])
            }
        }
        let length = configuration.pooling == .last ? configuration.contextLength : sentences.map(\.count).max() ?? 1
        let ids = sentences.flatMap { $0 + repeatElement(padding, count: length - $0.count) }
        var x = try Variable(constant: words.gathered(ids)).reshaped([sentences.count, length, configuration.width])
        x = dropout(x + positions.sliced(axis: 0, 0..<length))
        let mask = configuration.isCausal ? AttentionMask.causal : .none
        for block in blocks { x = block(x, in: Rectangle(), mask: mask, dropout: &dropout) }
        let places = sentences.enumerated().map { index, ids in
            Int32(index * length + (configuration.pooling == .last ? length : ids.count) - 1)
        }
        let pooled = norm(x.reshaped([sentences.count * length, configuration.width]).gatherRows(places))
        return projection.map { $0(pooled) } ?? pooled
    }
}
