package import Tensors

/// The end of an EfficientNet-Lite as something that learns: its blocks from one on, and the head that the classifier pools.
///
/// The parameters have the names and shapes of the backbone's file; batch norms are folded into them.
package struct BackboneTail<Scalar: TensorScalar>: Sendable {
    /// The first block that learns; those before it are frozen.
    package let firstBlock: Int
    /// Those of the blocks and of the head.
    package private(set) var parameters: [(name: String, variable: Variable<Scalar>)]
    private let blocks: [EfficientNetLiteArchitecture.Block]

    /// Parameters of a block: a weight and a bias of each of three convolutions.
    private static var parametersPerBlock: Int { 6 }

    /// - Parameters:
    ///   - firstBlock: at least 1, and a block of the architecture.
    ///   - parameter: of a whole backbone, or random ones.
    /// - Throws: ``WeightsError`` when the source lacks a parameter, as when it has no head; ``ModelError`` when a block can't be trained.
    package init(
        _ architecture: EfficientNetLiteArchitecture, from firstBlock: Int, _ parameter: ParameterSource<Scalar>
    ) throws {
        if let fixed = architecture.blocks.indices[firstBlock...].first(where: { !architecture.blocks[$0].expands }) {
            throw ModelError(.tensor, "block \(fixed) of the backbone doesn't expand: begin after it")
        }
        let parameters = try Self.shapes(architecture, from: firstBlock).map { name, shape in
            let fan = shape.dropFirst().reduce(1, *)
            return (name, try parameter(name, shape, shape.count == 1 ? .zeros : .fan(fan, gain: 2.0.squareRoot())))
        }
        self.init(architecture, from: firstBlock, parameters: parameters)
    }

    /// - Parameter parameters: in the order of ``parameters``, in which names count for nothing.
    package init(
        _ architecture: EfficientNetLiteArchitecture, from firstBlock: Int,
        parameters: [(name: String, variable: Variable<Scalar>)]
    ) {
        precondition(architecture.blocks.indices.dropFirst().contains(firstBlock))
        self.firstBlock = firstBlock
        self.parameters = parameters
        blocks = Array(architecture.blocks[firstBlock...])
        precondition(parameters.count == blocks.count * Self.parametersPerBlock + 2)
    }

    private static func shapes(
        _ architecture: EfficientNetLiteArchitecture, from firstBlock: Int
    ) -> [(name: String, shape: [Int])] {
        func convolution(_ name: String, _ shape: [Int]) -> [(name: String, shape: [Int])] {
            [(name + ".weight", shape), (name + ".bias", [shape[0]])]
        }
        let blocks = architecture.blocks.indices[firstBlock...].flatMap { index in
            let (block, name) = (architecture.blocks[index], "blocks.\(index).")
            return convolution(name + "expand", [block.wide, block.inputs])
                + convolution(name + "depthwise", [block.wide, block.kernel, block.kernel])
                + convolution(name + "project", [block.outputs, block.wide])
        }
        let last = architecture.blocks[architecture.blocks.count - 1].outputs
        return blocks + convolution("head", [architecture.head, last])
    }

    /// The same network with its parameters as constants.
    package var detached: BackboneTail {
        var copy = self
        copy.parameters = parameters.map { ($0.name, $0.variable.detached) }
        return copy
    }

    /// Cells of the input along a side that become one of the last map.
    package var stride: Int { blocks.reduce(1) { $0 * $1.stride } }

    /// The last map and the head's mean over it, for maps that the first block takes.
    ///
    /// - Parameters:
    ///   - input: [N, side · side, channels].
    ///   - side: cells along a side.
    /// - Returns: `pooled` [N, head]; `map` [N, positions, channels].
    package func callAsFunction(
        _ input: Variable<Scalar>, side: Int
    ) -> (pooled: Variable<Scalar>, map: Variable<Scalar>) {
        var map = input
        var side = side
        for (index, block) in blocks.enumerated() {
            let first = index * Self.parametersPerBlock
            map = invertedResidual(
                map, height: side, width: side, stride: block.stride, adds: block.isResidual,
                expand: convolution(first), depthwise: convolution(first + 2), project: convolution(first + 4))
            side = (side + block.stride - 1) / block.stride
        }
        return (pooledConvolution(map, convolution(blocks.count * Self.parametersPerBlock)), map)
    }

    private func convolution(_ first: Int) -> ConvolutionParameters<Scalar> {
        ConvolutionParameters(weight: parameters[first].variable, bias: parameters[first + 1].variable)
    }
}
