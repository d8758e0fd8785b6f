package import Tensors

/// The Fast dual encoder: one unit vector a clip, one a sentence, compared by a dot product.
///
/// Source: Miech et al., CVPR 2021, §3.2; the towers are ours (see the model card).
package struct FastModel<Scalar: TensorScalar>: Sendable {
    package let configuration: FastConfiguration
    package let visual: FastVisualHead<Scalar>
    package let text: BERTEncoder<Scalar>
    private let textProjection: Linear<Scalar>
    /// log 1/τ of the contrastive loss.
    private let logitScale: Variable<Scalar>
    /// Those of the heads; the text encoder's are ``BERTEncoder/parameters``.
    package let headParameters: [(name: String, variable: Variable<Scalar>)]

    /// Numbers in all parameters.
    package var parameterCount: Int {
        text.parameterCount + headParameters.reduce(0) { $0 + $1.variable.value.count }
    }

    /// What a file calls the text encoder's parameters: this before their own names.
    package static var textPrefix: String { "text." }

    /// - Parameters:
    ///   - text: pre-trained, or this model's own.
    ///   - parameter: of the heads.
    /// - Throws: ``WeightsError`` when the source lacks a parameter.
    package init(
        _ configuration: FastConfiguration, text: BERTEncoder<Scalar>, _ parameter: ParameterSource<Scalar>
    ) throws {
        self.configuration = configuration
        self.text = text
        visual = try parameter.scoped("visual") { try FastVisualHead(configuration, parameter) }
        textProjection = try Linear(
            "text_projection", outputs: configuration.dimensions, inputs: configuration.textWidth, parameter)
        logitScale = try parameter("logit_scale", [1], .values(Tensor([Scalar(20).logarithm], shape: [1])))
        headParameters = parameter.parameters
    }

    /// The embeddings of sentences: the text encoder's tokens, averaged and projected.
    ///
    /// - Parameter batch: with the special tokens.
    /// - Returns: [sentences, dimensions], unit rows.
    package func embed(_ batch: TokenBatch, dropout: inout Dropout) -> Variable<Scalar> {
        let states = text(batch, dropout: &dropout).maskedMean(lengths: batch.lengths)
        return textProjection(dropout(states)).l2Normalized()
    }

    /// f(x)ᵀg(y)/τ of every sentence with every clip: [sentences, clips].
    package func logits(sentences: Variable<Scalar>, clips: Variable<Scalar>) -> Variable<Scalar> {
        let similarity = sentences.matmul(clips, transposeB: true)
        return similarity * logitScale.exp().broadcast(to: [similarity.shape[1]])
    }

}

extension FastModel: FastHeads where Scalar == Float {
    package func clips(
        pooled: Variable<Float>, map: Variable<Float>, frameCounts: [Int], dropout: inout Dropout
    ) -> Variable<Float> {
        visual(pooled: pooled, map: map, frameCounts: frameCounts, dropout: &dropout)
    }

    package func sentences(_ tokens: [[Int32]], dropout: inout Dropout) -> Variable<Float> {
        embed(TokenBatch(tokens), dropout: &dropout)
    }

    package var textParameters: [(name: String, variable: Variable<Float>)] { text.parameters }
}

extension TensorScalar {
    fileprivate var logarithm: Self { Self.logarithm(self) }
}

/// The Fast model's f(x): a frame's last feature map, pooled by attention beside its mean, then over time.
package struct FastVisualHead<Scalar: TensorScalar>: Sendable {
    private let poolingQueries: Variable<Scalar>
    private let norm: LayerNorm<Scalar>
    private let projection: Linear<Scalar>

    /// - Throws: ``WeightsError`` when the source lacks a parameter.
    package init(_ configuration: FastConfiguration, _ parameter: ParameterSource<Scalar>) throws {
        let joined = configuration.pooledChannels + configuration.poolingQueries * configuration.mapChannels
        poolingQueries = try parameter(
            "pooling_queries", [configuration.poolingQueries, configuration.mapChannels], .normal(0.02))
        norm = try LayerNorm("norm", width: joined, parameter)
        projection = try Linear("projection", outputs: configuration.dimensions, inputs: joined, parameter)
    }

    /// The embeddings of a batch of clips.
    ///
    /// - Parameters:
    ///   - pooled: [frames, pooledChannels], the frames of all clips one after another.
    ///   - map: [frames, positions, mapChannels].
    ///   - frameCounts: frames of each clip, at least one; they sum to `frames`.
    ///   - dropout: ``Dropout/off`` in use.
    /// - Returns: [clips, dimensions], unit rows.
    package func callAsFunction(
        pooled: Variable<Scalar>, map: Variable<Scalar>, frameCounts: [Int], dropout: inout Dropout
    ) -> Variable<Scalar> {
        let frames = map.shape[0]
        let weights = map.linear(weight: poolingQueries).transposed([0, 2, 1]).softmax()
        let attended = weights.matmul(map).reshaped([frames, -1])
        let joined = norm(concatenated([pooled.reshaped([frames, -1]), attended], axis: 1))
        let frameEmbeddings = projection(dropout(joined))
        return frameEmbeddings.meanOverFrames(frameCounts).l2Normalized()
    }
}
