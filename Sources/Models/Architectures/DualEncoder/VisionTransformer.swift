import Tensors
import Threads

/// A picture's patches through a transformer, and what it makes of all of them: the image tower of CLIP, SigLIP and the Perception Encoder.
///
/// Sources: Dosovitskiy et al., "An image is worth 16x16 words", ICLR 2021; Radford et al., "Learning transferable visual models from
/// natural language supervision", ICML 2021; Zhai et al., "Sigmoid loss for language image pre-training", ICCV 2023; Bolya et al.,
/// "Perception Encoder", arXiv 2504.13181.
package struct VisionTransformer: ImageEncoder {
    package let configuration: ImageTowerConfiguration
    /// Length of the tower's embedding.
    package let dimensions: Int
    /// Of a patch's red, then its green, then its blue, row by row.
    private let patches: Linear<Float>
    private let classToken: Variable<Float>?
    /// [tokens, width].
    private let positions: Variable<Float>
    private let rotation: RotaryPositions<Float>?
    private let inputNorm: LayerNorm<Float>?
    private let blocks: [TransformerBlock<Float>]
    private let norm: LayerNorm<Float>
    private let pooling: AttentionPooling<Float>?
    private let projection: Linear<Float>?
    /// Of the maps; nothing of it was learned.
    private let mapNorm: LayerNorm<Float>
    private let input: FrameInput

    /// - Throws: ``WeightsError`` when the source lacks a parameter.
    init(
        _ configuration: ImageTowerConfiguration, dimensions: Int, _ parameter: ParameterSource<Float>
    ) throws {
        self.configuration = configuration
        self.dimensions = dimensions
        input = configuration.input
        let (width, side, stack) = (configuration.width, configuration.patchSize, configuration.stack)
        patches = try Linear(
            "patches", outputs: width, inputs: [3, side, side], hasBias: configuration.patchHasBias, parameter)
        classToken = configuration.hasClassToken ? try parameter("class_token", [width], .normal(0.02)) : nil
        positions = try parameter("positions", [configuration.tokens, width], .normal(0.02))
        rotation =
            configuration.rotaryCells.map { reference in
                RotaryPositions(
                    side: configuration.cells, reference: reference, depth: width / configuration.heads,
                    unturned: configuration.hasClassToken ? 1 : 0)
            }
        inputNorm = configuration.hasInputNorm ? try stack.norm("input_norm", parameter) : nil
        blocks = try stack.blocks(parameter)
        norm = try stack.norm("norm", parameter)
        mapNorm = LayerNorm(
            gain: Variable(constant: Tensor(repeating: 1, shape: [width])),
            bias: Variable(constant: Tensor(zeros: [width])), epsilon: 1e-6)
        pooling =
            configuration.pooling == .attention
            ? try parameter.scoped("pooling") {
                AttentionPooling(
                    query: try parameter("query", [width], .normal(0.02)),
                    attention: try parameter.scoped("attention") {
                        try SelfAttention(width: width, heads: configuration.poolingHeads, parameter)
                    },
                    norm: try stack.norm("norm", parameter),
                    feed: try stack.feedForward("feed", parameter, width: configuration.poolingFeedForward))
            } : nil
        projection =
            configuration.projection == .none
            ? nil
            : try Linear(
                "projection", outputs: dimensions, inputs: width, hasBias: configuration.projection == .biased,
                parameter)
    }

    package var pooledChannels: Int { dimensions }

    /// Maps of ``features(of:)``: after how many blocks each is taken, the last first. A transformer has one resolution; what earlier
    /// blocks make of the patches is more local, and stands for the finer maps of a convolutional network.
    var mapBlocks: [Int] { (1...3).reversed().map { (configuration.layers * $0 + 2) / 3 } }

    package func mapSizes(side: Int) -> [FeatureMapSize] {
        mapBlocks.map { _ in FeatureMapSize(side: side / configuration.patchSize, channels: configuration.width) }
    }

    /// The embeddings of pictures, not yet of unit length, and the patches after all, two thirds and one third of the blocks, each with
    /// mean 0 and variance 1: a few channels of a transformer's residual stream are a hundred times as large as the others.
    ///
    /// - Parameter images: at least one, of the tower's frame size.
    package func features(of images: [RGBImage]) throws -> VisualFeatures {
        let (width, cells) = (configuration.width, configuration.cells)
        let first = configuration.hasClassToken ? 1 : 0
        var maps: [Int: FeatureMap] = [:]
        let x = try states(of: images) { block, x in
            guard mapBlocks.contains(block) else { return }
            let map = mapNorm(first == 0 ? x : x.sliced(axis: 1, first..<configuration.tokens))
            maps[block] = FeatureMap(
                values: map.value, height: cells, width: cells, stride: configuration.patchSize)
        }
        let pooled: Variable<Float>
        if let pooling {
            pooled = pooling(norm(x))
        } else {
            pooled = norm(x.sliced(axis: 1, 0..<1).reshaped([images.count, width]))
        }
        return VisualFeatures(
            pooled: (projection.map { $0(pooled) } ?? pooled).value, maps: mapBlocks.compactMap { maps[$0] })
    }

    /// The class token, if there is one, and the patches of pictures after the last block, normalised: [pictures, tokens, width].
    ///
    /// - Parameter images: at least one, of the tower's frame size.
    func tokens(of images: [RGBImage]) throws -> Variable<Float> { norm(try states(of: images)) }

    /// What the last block makes of pictures: [pictures, tokens, width].
    ///
    /// - Parameter body: is called with each block's number, counted from 1, and what it makes.
    private func states(
        of images: [RGBImage], _ body: (_ block: Int, _ states: Variable<Float>) -> Void = { _, _ in }
    ) throws -> Variable<Float> {
        guard !images.isEmpty else { throw ModelError(.input, "the model was given no picture") }
        try input.require(images)
        let count = images.count
        let (width, cells) = (configuration.width, configuration.cells)
        var x = patches(Variable(constant: pixels(of: images))).reshaped([count, cells * cells, width])
        if let classToken {
            x = concatenated([classToken.reshaped([1, 1, width]).broadcast(to: [count, 1, width]), x], axis: 1)
        }
        x = x + positions
        if let inputNorm { x = inputNorm(x) }
        var off = Dropout.off
        for (index, block) in blocks.enumerated() {
            x = block(x, in: Rectangle(), rotation: rotation, dropout: &off)
            body(index + 1, x)
        }
        return x
    }

    /// [pictures · patches, 3 · patch · patch]: what goes into a patch's product.
    private func pixels(of images: [RGBImage]) -> Tensor<Float> {
        let (side, patch, cells) = (configuration.frameSize, configuration.patchSize, configuration.cells)
        // What each of the 256 values of red, green and blue enters as.
        let levels = (0..<3).map { channel in
            (0..<256).map { (Float($0) - input.mean[channel]) / input.deviation[channel] }
        }
        return Tensor(uninitialized: [images.count * cells * cells, 3 * patch * patch]) { out in
            parallelFor(images.count * side, grain: 16) { rows in
                for row in rows {
                    let (index, y) = row.quotientAndRemainder(dividingBy: side)
                    images[index].pixels.withUnsafeBufferPointer { pixels in
                        for cell in 0..<cells {
                            let place = (index * cells + y / patch) * cells + cell
                            for (channel, levels) in levels.enumerated() {
                                let target = out + (place * 3 + channel) * patch * patch + y % patch * patch
                                let source = (y * side + cell * patch) * 3 + channel
                                for x in 0..<patch { target[x] = levels[Int(pixels[source + 3 * x])] }
                            }
                        }
                    }
                }
            }
        }
    }
}
