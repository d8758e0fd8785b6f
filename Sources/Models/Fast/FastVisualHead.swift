package import Tensors

/// The Fast model's f(x): a frame's last feature map, pooled by attention beside its mean, then over time.
package struct FastVisualHead<Scalar: TensorScalar>: Sendable {
    private let poolingQueries: Variable<Scalar>
    private let normGain: Variable<Scalar>
    private let normBias: Variable<Scalar>
    private let projection: Variable<Scalar>
    private let projectionBias: Variable<Scalar>

    /// New parameters, drawn at random.
    package init(_ configuration: FastConfiguration, random: inout SplitMix64) {
        let joined = configuration.pooledChannels + configuration.poolingQueries * configuration.mapChannels
        poolingQueries = Variable(
            parameter: Tensor(
                normal: [configuration.poolingQueries, configuration.mapChannels], deviation: 0.02, using: &random))
        normGain = Variable(parameter: Tensor(repeating: 1, shape: [joined]))
        normBias = Variable(parameter: Tensor(zeros: [joined]))
        projection = Variable(
            parameter: Tensor(
                normal: [configuration.dimensions, joined], deviation: 1 / Double(joined).squareRoot(), using: &random))
        projectionBias = Variable(parameter: Tensor(zeros: [configuration.dimensions]))
    }

    package var parameters: [(name: String, variable: Variable<Scalar>)] {
        [
            ("pooling_queries", poolingQueries), ("norm.weight", normGain), ("norm.bias", normBias),
            ("projection.weight", projection), ("projection.bias", projectionBias),
        ]
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
        let joined = concatenated([pooled, attended], axis: 1)
            .layerNorm(gamma: normGain, beta: normBias, epsilon: 1e-5)
        let frameEmbeddings = dropout(joined).linear(weight: projection, bias: projectionBias)
        return meanOverTime(frameEmbeddings, frameCounts: frameCounts).l2Normalized()
    }

    private func meanOverTime(_ frames: Variable<Scalar>, frameCounts: [Int]) -> Variable<Scalar> {
        let longest = frameCounts.max() ?? 1
        if longest == 1 { return frames }
        var rows: [Int32] = []
        var first = 0
        for count in frameCounts {
            // Padding repeats the clip's last frame; the mask keeps it out of the mean.
            rows += (0..<longest).map { Int32(first + min($0, count - 1)) }
            first += count
        }
        return frames.gatherRows(rows).reshaped([frameCounts.count, longest, -1]).maskedMean(lengths: frameCounts)
    }
}
