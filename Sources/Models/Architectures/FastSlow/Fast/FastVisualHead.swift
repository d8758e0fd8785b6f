package import Tensors

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
