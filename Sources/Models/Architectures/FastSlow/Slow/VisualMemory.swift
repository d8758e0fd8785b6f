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

        init(_ width: Int, _ parameter: ParameterSource<Scalar>) throws {
            weights = try parameter("fusion.weights", [2], .ones)
            depthwise = try parameter("fusion.depthwise", [3, 3, width], .fan(9))
            pointwise = try parameter("fusion.pointwise.weight", [width, width], .fan(width))
            pointwiseBias = try parameter("fusion.pointwise.bias", [width], .zeros)
        }
    }

    /// How a level that is read becomes tokens.
    private struct Placing: Sendable {
        var normGain: Variable<Scalar>
        var normBias: Variable<Scalar>
        /// [side · side, width].
        var positions: Variable<Scalar>

        init(_ width: Int, positions count: Int, _ parameter: ParameterSource<Scalar>) throws {
            normGain = try parameter("norm.weight", [width], .ones)
            normBias = try parameter("norm.bias", [width], .zeros)
            positions = try parameter("positions", [count, width], .normal(0.1))
        }
    }

    private struct LevelParts: Sendable {
        var level: SlowConfiguration.Level
        var side: Int
        var lateral: Variable<Scalar>
        var lateralBias: Variable<Scalar>
        /// Nil at the coarsest level.
        var fusion: Fusion?
        /// Nil where no layer reads the level.
        var placing: Placing?
    }

    private let parts: [LevelParts]
    /// [1 + frames, width]; the first is that of a still picture.
    private let times: Variable<Scalar>
    private let frames: Int

    /// - Throws: ``WeightsError`` when the source lacks a parameter.
    package init(_ configuration: SlowConfiguration, _ parameter: ParameterSource<Scalar>) throws {
        let width = configuration.width
        let read = Set(configuration.layers)
        var parts: [LevelParts] = []
        for level in configuration.levels {
            guard let map = configuration.maps[level] else { continue }
            let part = try parameter.scoped(level.rawValue) {
                LevelParts(
                    level: level, side: map.side,
                    lateral: try parameter("lateral.weight", [width, map.channels], .fan(map.channels)),
                    lateralBias: try parameter("lateral.bias", [width], .zeros),
                    fusion: parts.isEmpty ? nil : try Fusion(width, parameter),
                    placing: read.contains(level) ? try Placing(width, positions: map.side * map.side, parameter) : nil)
            }
            parts.append(part)
        }
        self.parts = parts
        times = try parameter("times", [1 + configuration.frames, width], .normal(0.1))
        frames = configuration.frames
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
            if let placing = part.placing {
                memory.levels[part.level] = tokens(pyramid, placing, side: side, frameCounts)
            }
        }
        return memory
    }

    private func tokens(
        _ pyramid: Variable<Scalar>, _ placing: Placing, side: Int, _ frameCounts: [Int]
    ) -> VisualMemory<Scalar>.Tokens {
        let (frames, width) = (pyramid.shape[0], pyramid.shape[3])
        let full = side * side
        let placed =
            pyramid.reshaped([frames, full, width])
            .layerNorm(gamma: placing.normGain, beta: placing.normBias, epsilon: 1e-5) + placing.positions
        let layout = FrameLayout(frameCounts)
        func still(_ maps: Variable<Scalar>) -> Variable<Scalar> {
            maps + times.sliced(axis: 0, 0..<1).reshaped([width])
        }
        func moving(_ maps: Variable<Scalar>) -> Variable<Scalar> {
            let count = maps.shape[0]
            let pooled = maps.reshaped([count, side, side, width]).averagePooled2x().reshaped([count, full / 4, width])
            let times = times.gatherRows(timeIndices(frameCounts)).reshaped([count, 1, width])
            return pooled + times.broadcast(to: [count, full / 4, width])
        }
        let lengths = frameCounts.map { $0 == 1 ? full : $0 * full / 4 }
        if layout.moving.isEmpty { return .init(values: still(placed), lengths: lengths) }
        if layout.still.isEmpty, Set(frameCounts).count == 1 {
            return .init(values: moving(placed).reshaped([frameCounts.count, -1, width]), lengths: lengths)
        }
        var parts: [Variable<Scalar>] = []
        if !layout.still.isEmpty { parts.append(still(placed.gatherRows(layout.still)).reshaped([-1, width])) }
        parts.append(moving(placed.gatherRows(layout.moving)).reshaped([-1, width]))
        let longest = lengths.max() ?? full
        var indices: [Int32] = []
        indices.reserveCapacity(longest * lengths.count)
        var (nextStill, nextMoving) = (0, layout.still.count * full)
        for (count, length) in zip(frameCounts, lengths) {
            let first = count == 1 ? nextStill : nextMoving
            indices += (0..<longest).map { Int32(first + min($0, length - 1)) }
            if count == 1 { nextStill += length } else { nextMoving += length }
        }
        return .init(
            values: concatenated(parts, axis: 0).gatherRows(indices, shape: [lengths.count, longest]), lengths: lengths)
    }

    /// Which frames are pictures by themselves and which are part of a moving clip.
    private struct FrameLayout {
        var still: [Int32] = []
        var moving: [Int32] = []

        init(_ frameCounts: [Int]) {
            var first: Int32 = 0
            for count in frameCounts {
                let frames = (0..<Int32(count)).map { first + $0 }
                if count == 1 { still += frames } else { moving += frames }
                first += Int32(count)
            }
        }
    }

    /// The learned time of each frame of a moving clip: the frames are spread over all of them.
    private func timeIndices(_ frameCounts: [Int]) -> [Int32] {
        frameCounts.filter { $0 > 1 }
            .flatMap { count in (0..<count).map { Int32(1 + (2 * $0 + 1) * frames / (2 * count)) } }
    }
}

extension VisualMemory {
    /// The same memory as constants.
    package var detached: VisualMemory {
        VisualMemory(
            levels: levels.mapValues { Tokens(values: $0.values.detached, lengths: $0.lengths) }, count: count)
    }

    /// Memories side by side, padded to the longest.
    package init(joining memories: [VisualMemory]) {
        var levels: [SlowConfiguration.Level: Tokens] = [:]
        for level in memories.first?.levels.keys.sorted(by: { $0.rawValue < $1.rawValue }) ?? [] {
            let parts = memories.compactMap { $0.levels[level] }
            let longest = parts.map { $0.values.shape[1] }.max() ?? 0
            let padded = parts.map { part in
                let (clips, length, width) = (part.values.shape[0], part.values.shape[1], part.values.shape[2])
                if length == longest { return part.values }
                let padding = Variable<Scalar>(constant: Tensor(zeros: [clips, longest - length, width]))
                return concatenated([part.values, padding], axis: 1)
            }
            levels[level] = Tokens(values: concatenated(padded, axis: 0), lengths: parts.flatMap(\.lengths))
        }
        self.init(levels: levels, count: memories.reduce(0) { $0 + $1.count })
    }
}
