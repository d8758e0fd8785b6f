package import Tensors

/// What the Slow model keeps of a batch of clips: visual tokens of one or more maps.
package struct VisualMemory<Scalar: TensorScalar>: Sendable {
    /// One map's tokens.
    package struct Tokens: Sendable {
        /// [clips, longest, memoryWidth]; rows past a clip's length are padding.
        package var values: Variable<Scalar>
        /// Tokens of each clip.
        package var lengths: [Int]

        package init(values: Variable<Scalar>, lengths: [Int]) {
            self.values = values
            self.lengths = lengths
        }
    }

    /// By the map's place from coarse to fine: those that a layer reads.
    package var maps: [Int: Tokens]
    /// How many clips there are.
    package var count: Int

    package init(maps: [Int: Tokens], count: Int) {
        self.maps = maps
        self.count = count
    }
}

/// Makes visual memories: the feature pyramid's gradual upsampling, then positions and times.
///
/// Of maps C from coarse to fine, P₀ = lateral(C₀); P_k = SepConv3×3(swish(w₁·lateral(C_k) + w₂·up₂(P_{k−1}))), as in the top-down half of
/// BiFPN (Tan et al., "EfficientDet", CVPR 2020) and §3.2 of the paper. Where two maps have one size, as those of a vision transformer's
/// blocks do, nothing is upsampled. Each map is normalised, and projected where the memory is narrower than the layers, before its position
/// is added. A clip of several frames keeps each frame at half the resolution, so that four frames cost what one picture does.
package struct VisualMemoryEncoder<Scalar: TensorScalar>: Sendable {
    /// The parts of one map's upsampling step.
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

    /// How a map that is read becomes tokens.
    private struct Placing: Sendable {
        var norm: LayerNorm<Scalar>
        /// Nil where the memory is as wide as the layers.
        var projection: Linear<Scalar>?
        /// [side · side, memoryWidth].
        var positions: Variable<Scalar>

        init(_ configuration: SlowConfiguration, positions count: Int, _ parameter: ParameterSource<Scalar>) throws {
            let (width, memoryWidth) = (configuration.width, configuration.memoryWidth)
            norm = try LayerNorm("norm", width: width, parameter)
            projection =
                memoryWidth == width
                ? nil : try Linear("projection", outputs: memoryWidth, inputs: width, parameter)
            positions = try parameter("positions", [count, memoryWidth], .normal(0.1))
        }
    }

    private struct Part: Sendable {
        var size: FeatureMapSize
        var lateral: Linear<Scalar>
        /// Nil for the coarsest map.
        var fusion: Fusion?
        /// Nil where no layer reads the map.
        var placing: Placing?
    }

    private let parts: [Part]
    /// [1 + frames, memoryWidth]; the first is that of a still picture.
    private let times: Variable<Scalar>
    private let frames: Int

    /// - Throws: ``WeightsError`` when the source lacks a parameter.
    package init(_ configuration: SlowConfiguration, _ parameter: ParameterSource<Scalar>) throws {
        let width = configuration.width
        let read = Set(configuration.layers)
        var parts: [Part] = []
        for (index, map) in configuration.maps.enumerated() {
            // The names in weights are those of the stages of a convolutional network, of which the fifth is the coarsest.
            let part = try parameter.scoped("c\(5 - index)") {
                Part(
                    size: map,
                    lateral: try Linear("lateral", outputs: width, inputs: map.channels, parameter),
                    fusion: parts.isEmpty ? nil : try Fusion(width, parameter),
                    placing: read.contains(index)
                        ? try Placing(configuration, positions: map.positions, parameter) : nil)
            }
            parts.append(part)
        }
        self.parts = parts
        times = try parameter("times", [1 + configuration.frames, configuration.memoryWidth], .normal(0.1))
        frames = configuration.frames
    }

    /// - Parameters:
    ///   - maps: those of the configuration, coarse to fine: [frames, side², channels], the frames of all clips one after another.
    ///   - frameCounts: frames of each clip, 1 to the configuration's `frames`.
    package func callAsFunction(
        maps: [Variable<Scalar>], frameCounts: [Int]
    ) -> VisualMemory<Scalar> {
        precondition(maps.count == parts.count, "\(maps.count) maps were given where \(parts.count) are read")
        var memory = VisualMemory<Scalar>(maps: [:], count: frameCounts.count)
        var above: Variable<Scalar>?
        for (index, (part, map)) in zip(parts, maps).enumerated() {
            let side = part.size.side
            var pyramid = part.lateral(map).reshaped([map.shape[0], side, side, -1])
            if let fusion = part.fusion, let coarser = above {
                let above = coarser.shape[1] == side ? coarser : coarser.upsampled2x()
                pyramid = fused(pyramid, above, weights: fusion.weights).swish()
                    .depthwiseConvolution3x3(weight: fusion.depthwise)
                    .linear(weight: fusion.pointwise, bias: fusion.pointwiseBias)
            }
            above = pyramid
            if let placing = part.placing {
                memory.maps[index] = tokens(pyramid, placing, part.size, frameCounts)
            }
        }
        return memory
    }

    private func tokens(
        _ pyramid: Variable<Scalar>, _ placing: Placing, _ size: FeatureMapSize, _ frameCounts: [Int]
    ) -> VisualMemory<Scalar>.Tokens {
        let frames = pyramid.shape[0]
        let (full, half) = (size.positions, size.pooledPositions)
        let normal = placing.norm(pyramid.reshaped([frames, full, pyramid.shape[3]]))
        let placed = (placing.projection.map { $0(normal) } ?? normal) + placing.positions
        let width = placed.shape[2]
        let layout = FrameLayout(frameCounts)
        func still(_ maps: Variable<Scalar>) -> Variable<Scalar> {
            maps + times.sliced(axis: 0, 0..<1).reshaped([width])
        }
        func moving(_ maps: Variable<Scalar>) -> Variable<Scalar> {
            let count = maps.shape[0]
            let pooled = maps.evenSided(size.side).averagePooled2x().reshaped([count, half, width])
            let times = times.gatherRows(timeIndices(frameCounts)).reshaped([count, 1, width])
            return pooled + times.broadcast(to: [count, half, width])
        }
        let lengths = frameCounts.map { $0 == 1 ? full : $0 * half }
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
            maps: maps.mapValues { Tokens(values: $0.values.detached, lengths: $0.lengths) }, count: count)
    }

    /// Memories side by side, padded to the longest.
    package init(joining memories: [VisualMemory]) {
        var maps: [Int: Tokens] = [:]
        for map in memories.first?.maps.keys.sorted() ?? [] {
            let parts = memories.compactMap { $0.maps[map] }
            let longest = parts.map { $0.values.shape[1] }.max() ?? 0
            let padded = parts.map { part in
                let (clips, length, width) = (part.values.shape[0], part.values.shape[1], part.values.shape[2])
                if length == longest { return part.values }
                let padding = Variable<Scalar>(constant: Tensor(zeros: [clips, longest - length, width]))
                return concatenated([part.values, padding], axis: 1)
            }
            maps[map] = Tokens(values: concatenated(padded, axis: 0), lengths: parts.flatMap(\.lengths))
        }
        self.init(maps: maps, count: memories.reduce(0) { $0 + $1.count })
    }
}

extension Variable {
    /// Maps [N, side · side, width] as [N, rows, columns, width] with an even number of each: an odd last one is there twice.
    func evenSided(_ side: Int) -> Variable {
        let (count, width, even) = (shape[0], shape[2], side + side % 2)
        if even == side { return reshaped([count, side, side, width]) }
        let places = (0..<even).map { min($0, side - 1) }
        let cells = places.flatMap { row in places.map { row * side + $0 } }
        let rows = (0..<count).flatMap { frame in cells.map { Int32(frame * side * side + $0) } }
        return reshaped([count * side * side, width]).gatherRows(rows).reshaped([count, even, even, width])
    }
}
