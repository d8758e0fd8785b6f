package import CKernels
package import Tensors
import Threads

/// EfficientNet-Lite as a frozen image encoder, in single precision.
///
/// Pictures enter as ``mean`` and ``deviation`` say. Padding is TensorFlow's SAME for the picture's own size, whatever that is. Images of a
/// batch are shared out among threads and each runs through the network alone, a few rows of a block at a time, so that
/// the wide maps never leave the cache.
package final class EfficientNetLite: ImageEncoder {
    package let architecture: EfficientNetLiteArchitecture
    /// Channels of the head that the classifier pools; 0 when the weights have none.
    package let pooledChannels: Int
    private let blocks: [InvertedResidual]
    private let head: PointwiseWeights?
    private let classifier: PointwiseWeights?

    /// A value v of each channel enters as (v − mean) / deviation: the kernel's own constants.
    package static let mean = SIMD3<Float>(repeating: SACCADE_STEM_MEAN)
    package static let deviation = SIMD3<Float>(repeating: SACCADE_STEM_DEVIATION)

    /// Takes the parameters that Training's `EfficientNetLiteImport` names, and no others, and packs them for this processor.
    ///
    /// - Throws: `WeightsError` when a tensor is missing, unknown or of another shape.
    package convenience init(architecture: EfficientNetLiteArchitecture, weights: WeightSet) throws {
        try self.init(architecture: architecture, weights: weights, level: saccade_simd_detected())
    }

    /// The same, for a given instruction set, which the processor must have.
    package init(architecture: EfficientNetLiteArchitecture, weights: WeightSet, level: saccade_simd_level) throws {
        var known: Set<String> = []
        func pair(_ name: String, _ shape: [Int]) throws -> (weight: Tensor<Float>, bias: Tensor<Float>) {
            known.formUnion([name + ".weight", name + ".bias"])
            return (
                try weights.tensor(named: name + ".weight", shape: shape),
                try weights.tensor(named: name + ".bias", shape: [shape[0]])
            )
        }
        func pointwise(_ name: String, _ shape: [Int]) throws -> PointwiseWeights {
            let (weight, bias) = try pair(name, shape)
            return try PointwiseWeights(weight: weight, bias: bias, level: level)
        }

        let stem = try pair("stem", [architecture.stem, 3, 3, 3])
        // [out, in, row, column] → [out, row, column, in], the order of a neighbourhood of pixels in memory.
        let stemWeights = try PointwiseWeights(
            weight: Self.channelsLast(stem.weight), bias: stem.bias, level: level)

        var blocks: [InvertedResidual] = []
        for (index, block) in architecture.blocks.enumerated() {
            let name = "blocks.\(index)."
            let source: InvertedResidual.Source =
                if block.expands {
                    .expand(try pointwise(name + "expand", [block.wide, block.inputs]))
                } else if index == 0 {
                    .stem(stemWeights)
                } else {
                    .copy
                }
            let depthwise = try pair(name + "depthwise", [block.wide, block.kernel, block.kernel])
            blocks.append(
                InvertedResidual(
                    source: source,
                    depthwise: try DepthwiseWeights(
                        weight: depthwise.weight, bias: depthwise.bias, stride: block.stride, level: level),
                    project: try pointwise(name + "project", [block.outputs, block.wide]),
                    // The first block's input is the stem's output, which is never in memory as a whole.
                    isResidual: block.isResidual && index > 0, stride: block.stride))
        }
        guard let first = architecture.blocks.first, !first.expands, !first.isResidual else {
            throw ModelError(
                .tensor, "an EfficientNet-Lite begins with a block that neither expands nor adds its input")
        }
        let last = architecture.blocks[architecture.levels[0].block].outputs
        head = weights.contains("head.weight") ? try pointwise("head", [architecture.head, last]) : nil
        if head != nil, let shape = weights.shape(of: "classifier.weight") {
            classifier = try pointwise("classifier", [shape.first ?? 0, architecture.head])
        } else {
            classifier = nil
        }
        try weights.requireOnly(known)
        self.architecture = architecture
        self.blocks = blocks
        pooledChannels = head?.outputs ?? 0
    }

    package func mapSizes(side: Int) -> [FeatureMapSize] {
        architecture.levels.map { level in
            FeatureMapSize(
                side: (side + level.stride - 1) / level.stride, channels: architecture.blocks[level.block].outputs)
        }
    }

    private static func channelsLast(_ weight: Tensor<Float>) -> Tensor<Float> {
        let values = weight.scalars
        let (outputs, inputs, area) = (weight.shape[0], weight.shape[1], weight.shape[2] * weight.shape[3])
        var result: [Float] = []
        result.reserveCapacity(values.count)
        for output in 0..<outputs {
            for position in 0..<area {
                for input in 0..<inputs { result.append(values[(output * inputs + input) * area + position]) }
            }
        }
        return Tensor(result, shape: [outputs, weight.shape[2], weight.shape[3], inputs])
    }

    /// The maps of strides 32, 16 and 8, and the mean of the head's map where the weights have a head.
    package func features(of images: [RGBImage]) throws -> VisualFeatures {
        let (maps, head) = try maps(of: images, head: head != nil)
        return VisualFeatures(pooled: head.map { Variable(constant: $0.values).mean(axis: 1).value }, maps: maps)
    }

    /// The maps of strides 32, 16 and 8.
    ///
    /// - Parameters:
    ///   - images: at least one picture; all have the same width and height.
    ///   - wantsHead: whether to compute the head too: the coarsest map after the widening convolution that the classifier pools.
    /// - Throws: ``ModelError`` as ``features(of:)`` does, and when the head is wanted from weights without it.
    package func maps(
        of images: [RGBImage], head wantsHead: Bool = false
    ) throws -> (maps: [FeatureMap], head: FeatureMap?) {
        guard !wantsHead || head != nil else {
            throw ModelError(
                .input, "these weights have no head: ask for the maps alone, or import them with their head")
        }
        let maps = try outputs(of: architecture.levels.map(\.block), images)
        var headMap = maps[0]
        if wantsHead, let head { headMap.values = Self.widened(headMap.values, by: head) }
        return (maps, wantsHead ? headMap : nil)
    }

    /// What a block is given: the output of the block before it.
    ///
    /// - Parameters:
    ///   - block: at least 1.
    ///   - images: as ``features(of:)`` takes them.
    /// - Throws: ``ModelError`` as ``features(of:)`` does.
    package func input(ofBlock block: Int, _ images: [RGBImage]) throws -> FeatureMap {
        try outputs(of: [block - 1], images)[0]
    }

    /// The size of ``input(ofBlock:_:)`` for a square picture.
    package func inputSize(ofBlock block: Int, side: Int) -> FeatureMapSize {
        let stride = architecture.stride(of: block - 1)
        return FeatureMapSize(
            side: (side + stride - 1) / stride, channels: architecture.blocks[block - 1].outputs)
    }

    /// The outputs of some blocks; those after the last of them aren't run.
    private func outputs(of kept: [Int], _ images: [RGBImage]) throws -> [FeatureMap] {
        guard let first = images.first else { throw ModelError(.input, "the backbone was given no picture") }
        let size = MapSize(height: first.height, width: first.width)
        guard size.area > 0, images.allSatisfy({ $0.height == size.height && $0.width == size.width }) else {
            throw ModelError(
                .input, "the pictures of a batch must not be empty and must have one size: scale them first")
        }
        var sizes = [size]
        for block in blocks { sizes.append(block.outputSize(sizes[sizes.count - 1])) }
        let plan = Plan(network: self, sizes: sizes, kept: kept)
        let shapes = kept.map { block in
            [images.count, sizes[block + 1].area, architecture.blocks[block].outputs]
        }
        let values = Self.tensors(shapes) { outputs in
            parallelFor(images.count) { plan.run(images, $0, outputs: outputs) }
        }
        return zip(values, kept).map { values, block in
            FeatureMap(
                values: values, height: sizes[block + 1].height, width: sizes[block + 1].width,
                stride: architecture.stride(of: block))
        }
    }

    /// Tensors of these shapes, all of which `body` writes.
    private static func tensors(
        _ shapes: some Collection<[Int]>, _ written: [UnsafeMutablePointer<Float>] = [],
        _ body: ([UnsafeMutablePointer<Float>]) -> Void
    ) -> [Tensor<Float>] {
        guard let shape = shapes.first else {
            body(written)
            return []
        }
        var others: [Tensor<Float>] = []
        let tensor = Tensor<Float>(uninitialized: shape) { target in
            others = tensors(shapes.dropFirst(), written + [target], body)
        }
        return [tensor] + others
    }

    /// [N, positions, head] for [N, positions, channels].
    private static func widened(_ map: Tensor<Float>, by head: PointwiseWeights) -> Tensor<Float> {
        let channels = map.shape[2]
        return Tensor(uninitialized: [map.shape[0], map.shape[1], head.outputs]) { output in
            map.withUnsafeBufferPointer { input in
                let input = input.baseAddress!
                parallelFor(map.count / channels, grain: 32) { rows in
                    head.apply(
                        input + rows.lowerBound * channels, rows: rows.count, relu6: true,
                        output: output + rows.lowerBound * head.outputs)
                }
            }
        }
    }

    /// The scores of the classes that the network was trained on, before softmax: [N, classes].
    ///
    /// - Throws: ``ModelError`` as `features` does, and when the weights have no classifier.
    package func classScores(_ images: [RGBImage]) throws -> Tensor<Float> {
        guard let classifier else {
            throw ModelError(.input, "these weights have no classifier: import them with it")
        }
        guard let pooled = try features(of: images).pooled else { throw ModelError(.input, "there is no head") }
        return Tensor(uninitialized: [images.count, classifier.outputs]) { output in
            pooled.withUnsafeBufferPointer {
                classifier.apply($0.baseAddress!, rows: images.count, relu6: false, output: output)
            }
        }
    }

    /// A batch's way through the blocks: which sizes the maps have, and which are kept.
    private struct Plan {
        let network: EfficientNetLite
        /// Of the input of each block, and of the last one's output.
        let sizes: [MapSize]
        /// The blocks whose outputs are kept.
        let kept: [Int]

        /// Runs some images of a batch one after the other; `outputs` are the kept maps of the whole batch.
        func run(_ images: [RGBImage], _ range: Range<Int>, outputs: [UnsafeMutablePointer<Float>]) {
            let blocks = network.blocks.prefix((kept.max() ?? 0) + 1)
            let mapFloats = blocks.indices.map { sizes[$0 + 1].area * network.architecture.blocks[$0].outputs }
            let largest = mapFloats.max() ?? 0
            let scratchFloats = blocks.indices.map { blocks[$0].scratch(sizes[$0]) }.max() ?? 0
            // One tensor for all: its memory comes from the cache of buffers, and is aligned.
            let parts = [0, 1].map { $0 * ((largest + 15) / 16 * 16) }
            let scratchStart = parts[1] * 2
            var memory = Tensor<Float>(uninitialized: [scratchStart + scratchFloats]) { _ in }
            memory.withUnsafeMutableBufferPointer { memory in
                let base = memory.baseAddress!
                for image in range {
                    images[image].pixels.withUnsafeBytes { pixels in
                        var input = pixels.baseAddress!
                        for (index, block) in blocks.enumerated() {
                            let output =
                                if let level = kept.firstIndex(of: index) {
                                    outputs[level] + image * mapFloats[index]
                                } else {
                                    base + parts[index % 2]
                                }
                            block.run(input, size: sizes[index], output: output, scratch: base + scratchStart)
                            input = UnsafeRawPointer(output)
                        }
                    }
                }
            }
        }
    }
}
