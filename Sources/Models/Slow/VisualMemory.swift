package import Tensors

/// What the Slow model keeps of a batch of clips: visual tokens at one or more levels.
package struct VisualMemory<Scalar: TensorScalar>: Sendable {
    /// One level's tokens.
    package struct Tokens: Sendable {
        /// [clips, longest, width]; rows past a clip's length are padding.
        package var values: Variable<Scalar>
        /// Tokens of each clip.
        package var lengths: [Int]

        package init(values: Variable<Scalar>, lengths: [Int]) {
            self.values = values
            self.lengths = lengths
        }
    }

    package var levels: [SlowConfiguration.Level: Tokens]
    /// How many clips there are.
    package var count: Int

    package init(levels: [SlowConfiguration.Level: Tokens], count: Int) {
        self.levels = levels
        self.count = count
    }
}

/// Makes visual memories: the feature pyramid's gradual upsampling, then positions and times.
///
/// P₅ = lateral(C₅); P_k = SepConv3×3(swish(w₁·lateral(C_k) + w₂·up₂(P_{k+1}))), as in the top-down half of BiFPN (Tan et al.,
/// "EfficientDet", CVPR 2020) and §3.2 of the paper. Each level is normalised before its position is added. A clip of several
/// frames keeps each frame at half the resolution, so that four frames cost what one picture does.
package struct VisualMemoryEncoder<Scalar: TensorScalar>: Sendable {
    /// The parts of one level's upsampling step.
    private struct Fusion: Sendable {
        var weights: Variable<Scalar>
        var depthwise: Variable<Scalar>
        var pointwise: Variable<Scalar>
        var pointwiseBias: Variable<Scalar>
    }

    private struct LevelParts: Sendable {
        var level: SlowConfiguration.Level
        var side: Int
        var lateral: Variable<Scalar>
        var lateralBias: Variable<Scalar>
        /// Nil at the coarsest level.
        var fusion: Fusion?
        var normGain: Variable<Scalar>
        var normBias: Variable<Scalar>
        /// [side · side, width].
        var positions: Variable<Scalar>
    }

    private let parts: [LevelParts]
    /// [1 + frames, width]; the first is that of a still picture.
    private let times: Variable<Scalar>
    private let frames: Int
    private let read: Set<SlowConfiguration.Level>

    package init(_ configuration: SlowConfiguration, random: inout SplitMix64) {
        let width = configuration.width
        func weight(_ shape: [Int], fanIn: Int) -> Variable<Scalar> {
            Variable(parameter: Tensor(normal: shape, deviation: 1 / Double(fanIn).squareRoot(), using: &random))
        }
        var parts: [LevelParts] = []
        for level in configuration.levels {
            guard let map = configuration.maps[level] else { preconditionFailure("the configuration isn't validated") }
            let lateral = weight([width, map.channels], fanIn: map.channels)
            let fusion =
                parts.isEmpty
                ? nil
                : Fusion(
                    weights: Variable(parameter: Tensor(repeating: 1, shape: [2])),
                    depthwise: weight([3, 3, width], fanIn: 9), pointwise: weight([width, width], fanIn: width),
                    pointwiseBias: Variable(parameter: Tensor(zeros: [width])))
            parts.append(
                LevelParts(
                    level: level, side: map.side, lateral: lateral,
                    lateralBias: Variable(parameter: Tensor(zeros: [width])), fusion: fusion,
                    normGain: Variable(parameter: Tensor(repeating: 1, shape: [width])),
                    normBias: Variable(parameter: Tensor(zeros: [width])),
                    positions: Variable(
                        parameter: Tensor(normal: [map.side * map.side, width], deviation: 0.1, using: &random))))
        }
        self.parts = parts
        times = Variable(parameter: Tensor(normal: [1 + configuration.frames, width], deviation: 0.1, using: &random))
        frames = configuration.frames
        read = Set(configuration.layers)
    }

    package var parameters: [(name: String, variable: Variable<Scalar>)] {
        var all: [(name: String, variable: Variable<Scalar>)] = [("times", times)]
        for part in parts {
            all += [
                ("\(part.level).lateral.weight", part.lateral), ("\(part.level).lateral.bias", part.lateralBias),
            ]
            if let fusion = part.fusion {
                all += [
                    ("\(part.level).fusion.weights", fusion.weights),
                    ("\(part.level).fusion.depthwise", fusion.depthwise),
                    ("\(part.level).fusion.pointwise.weight", fusion.pointwise),
                    ("\(part.level).fusion.pointwise.bias", fusion.pointwiseBias),
                ]
            }
            if read.contains(part.level) {
                all += [
                    ("\(part.level).norm.weight", part.normGain), ("\(part.level).norm.bias", part.normBias),
                    ("\(part.level).positions", part.positions),
                ]
            }
        }
        return all
    }

    /// - Parameters:
    ///   - maps: of every level that the configuration names: [frames, side², channels], the frames of all clips one after
    ///     another.
    ///   - frameCounts: frames of each clip, 1 to the configuration's `frames`.
    package func callAsFunction(
        maps: [SlowConfiguration.Level: Variable<Scalar>], frameCounts: [Int]
    ) -> VisualMemory<Scalar> {
        var memory = VisualMemory<Scalar>(levels: [:], count: frameCounts.count)
        var above: Variable<Scalar>?
        for part in parts {
            guard let map = maps[part.level] else { preconditionFailure("the map \(part.level) is missing") }
            let side = part.side
            var pyramid = map.linear(weight: part.lateral, bias: part.lateralBias)
                .reshaped([map.shape[0], side, side, -1])
            if let fusion = part.fusion, let coarser = above {
                pyramid = fused(pyramid, coarser.upsampled2x(), weights: fusion.weights).swish()
                    .depthwiseConvolution3x3(weight: fusion.depthwise)
                    .linear(weight: fusion.pointwise, bias: fusion.pointwiseBias)
            }
            above = pyramid
            if read.contains(part.level) { memory.levels[part.level] = tokens(pyramid, part, frameCounts) }
        }
        return memory
    }

    private func tokens(
        _ pyramid: Variable<Scalar>, _ part: LevelParts, _ frameCounts: [Int]
    ) -> VisualMemory<Scalar>.Tokens {
        let (count, side, width) = (pyramid.shape[0], part.side, pyramid.shape[3])
        let normalized = pyramid.reshaped([count, side * side, width])
            .layerNorm(gamma: part.normGain, beta: part.normBias, epsilon: 1e-5)
        let placed = normalized + part.positions
        let stills = frameCounts.allSatisfy { $0 == 1 }
        let whole = placed + times.sliced(axis: 0, 0..<1).reshaped([width])
        let full = side * side
        if stills { return .init(values: whole, lengths: frameCounts.map { _ in full }) }

        let quarter = full / 4
        let pooled = placed.reshaped([count, side / 2, 2, side / 2, 2, width]).mean(axis: 4).mean(axis: 2)
            .reshaped([count, quarter, width])
        let timed =
            pooled
            + times.gatherRows(timeIndices(frameCounts)).reshaped([count, 1, width])
            .broadcast(to: [count, quarter, width])
        let rows = concatenated([whole.reshaped([-1, width]), timed.reshaped([-1, width])], axis: 0)
        let lengths = frameCounts.map { $0 == 1 ? full : $0 * quarter }
        let longest = lengths.max() ?? full
        var indices: [Int32] = []
        indices.reserveCapacity(longest * lengths.count)
        var frame = 0
        for (frames, length) in zip(frameCounts, lengths) {
            let first = frames == 1 ? frame * full : count * full + frame * quarter
            indices += (0..<longest).map { Int32(first + min($0, length - 1)) }
            frame += frames
        }
        return .init(values: rows.gatherRows(indices, shape: [lengths.count, longest]), lengths: lengths)
    }

    /// The learned time of each frame: a clip's frames are spread over all of them.
    private func timeIndices(_ frameCounts: [Int]) -> [Int32] {
        frameCounts.flatMap { count in (0..<count).map { Int32(1 + (2 * $0 + 1) * frames / (2 * count)) } }
    }
}
