/// The shape of an EfficientNet-Lite: EfficientNet without squeeze-excite, with ReLU6, and with a stem and a head that
/// are not scaled.
///
/// Source: Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019, and the
/// "lite" builder of https://github.com/tensorflow/tpu.
package struct EfficientNetLiteArchitecture: Sendable, Equatable {
    /// One inverted residual.
    package struct Block: Sendable, Equatable {
        package var kernel: Int
        package var stride: Int
        package var inputs: Int
        /// Channels between expansion and projection.
        package var wide: Int
        package var outputs: Int

        package var expands: Bool { wide != inputs }
        package var isResidual: Bool { stride == 1 && inputs == outputs }
    }

    /// A run of blocks of equal width, before scaling. Only the first has the stride and the change of channels.
    package struct Stage: Sendable, Equatable {
        package var repeats: Int
        package var kernel: Int
        package var stride: Int
        package var expansion: Int
        package var inputs: Int
        package var outputs: Int

        package init(repeats: Int, kernel: Int, stride: Int, expansion: Int, inputs: Int, outputs: Int) {
            self.repeats = repeats
            self.kernel = kernel
            self.stride = stride
            self.expansion = expansion
            self.inputs = inputs
            self.outputs = outputs
        }
    }

    package var stem: Int
    package var blocks: [Block]
    package var head: Int

    /// The blocks whose outputs are kept, coarse to fine: the last ones of strides 32, 16 and 8.
    package var levels: [(block: Int, stride: Int)] {
        [(blocks.count - 1, 32), (lastBlock(ofStride: 16), 16), (lastBlock(ofStride: 8), 8)]
    }

    /// ImageNet top-1 75.1 % at 224 px.
    package static let lite0 = EfficientNetLiteArchitecture(width: 1.0, depth: 1.0)
    /// ImageNet top-1 77.6 % at 260 px.
    package static let lite2 = EfficientNetLiteArchitecture(width: 1.1, depth: 1.2)

    /// The network of the given coefficients, over EfficientNet-B0's stages.
    package init(width: Double, depth: Double) {
        let stages = [
            Stage(repeats: 1, kernel: 3, stride: 1, expansion: 1, inputs: 32, outputs: 16),
            Stage(repeats: 2, kernel: 3, stride: 2, expansion: 6, inputs: 16, outputs: 24),
            Stage(repeats: 2, kernel: 5, stride: 2, expansion: 6, inputs: 24, outputs: 40),
            Stage(repeats: 3, kernel: 3, stride: 2, expansion: 6, inputs: 40, outputs: 80),
            Stage(repeats: 3, kernel: 5, stride: 1, expansion: 6, inputs: 80, outputs: 112),
            Stage(repeats: 4, kernel: 5, stride: 2, expansion: 6, inputs: 112, outputs: 192),
            Stage(repeats: 1, kernel: 3, stride: 1, expansion: 6, inputs: 192, outputs: 320),
        ]
        let scaled = stages.enumerated().map { index, stage in
            var stage = stage
            stage.inputs = index == 0 ? 32 : Self.rounded(stage.inputs, by: width)
            stage.outputs = Self.rounded(stage.outputs, by: width)
            if index != 0 && index != stages.count - 1 {
                stage.repeats = Int((depth * Double(stage.repeats)).rounded(.up))
            }
            return stage
        }
        self.init(stem: 32, stages: scaled, head: 1280)
    }

    /// A network of exactly these stages.
    package init(stem: Int, stages: [Stage], head: Int) {
        self.stem = stem
        self.head = head
        blocks = stages.flatMap { stage in
            (0..<stage.repeats).map { index in
                let inputs = index == 0 ? stage.inputs : stage.outputs
                return Block(
                    kernel: stage.kernel, stride: index == 0 ? stage.stride : 1, inputs: inputs,
                    wide: inputs * stage.expansion, outputs: stage.outputs)
            }
        }
    }

    /// To the nearest multiple of 8, but not down by more than a tenth.
    private static func rounded(_ filters: Int, by width: Double) -> Int {
        let wanted = Double(filters) * width
        let nearest = max(8, Int(wanted + 4) / 8 * 8)
        return Double(nearest) < 0.9 * wanted ? nearest + 8 : nearest
    }

    /// Pixels of the picture between neighbouring cells of a block's output.
    package func stride(of block: Int) -> Int { blocks[...block].reduce(2) { $0 * $1.stride } }

    private func lastBlock(ofStride wanted: Int) -> Int {
        blocks.indices.last { stride(of: $0) <= wanted } ?? 0
    }
}
