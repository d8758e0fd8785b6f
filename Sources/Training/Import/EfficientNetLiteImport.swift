package import Models
package import Tensors

/// The way from PyTorch's parameters to the ones that are kept: batch norm is folded into the convolution before it,
/// and the tensors get our names.
///
/// | name | shape |
/// |---|---|
/// | `stem.weight` | [stem, 3, 3, 3]: channel out, channel in (R, G, B), row, column |
/// | `blocks.N.expand.weight` | [wide, inputs]; absent where a block doesn't expand |
/// | `blocks.N.depthwise.weight` | [wide, kernel, kernel] |
/// | `blocks.N.project.weight` | [outputs, wide] |
/// | `head.weight`, optional | [head, outputs] |
/// | `classifier.weight`, optional | [classes, head] |
///
/// Each has a `.bias` beside its `.weight`.
package enum EfficientNetLiteImport {
    /// Folds the parameters of the `efficientnet_lite_pytorch` package's network.
    ///
    /// - Parameter parameters: a state dictionary with that package's names, as `TorchPickle` reads it. Names that it
    ///   doesn't need are left out (`_fc` may be absent).
    /// - Throws: `WeightsError` when a tensor is missing or has a shape that makes no sense of it.
    package static func folded(
        _ parameters: [String: Tensor<Float>], architecture: EfficientNetLiteArchitecture, source: String
    ) throws -> [String: Tensor<Float>] {
        let set = WeightSet(parameters, source: source)
        var result: [String: Tensor<Float>] = [:]
        func fold(_ convolution: String, _ norm: String, as name: String, shape: [Int], kept: [Int]? = nil) throws {
            let weight = try set.tensor(named: convolution + ".weight", shape: shape)
            let (scale, bias) = try normalisation(set.scoped(norm + "."), channels: shape[0])
            let rowLength = weight.count / shape[0]
            let scaled = weight.scalars.enumerated().map { Float(Double($0.element) * scale[$0.offset / rowLength]) }
            result[name + ".weight"] = Tensor(scaled, shape: kept ?? shape)
            result[name + ".bias"] = Tensor(bias.map { Float($0) }, shape: [shape[0]])
        }
        try fold("_conv_stem", "_bn0", as: "stem", shape: [architecture.stem, 3, 3, 3])
        for (index, block) in architecture.blocks.enumerated() {
            let theirs = "_blocks.\(index)."
            let ours = "blocks.\(index)."
            let (wide, kernel) = (block.wide, block.kernel)
            if block.expands {
                try fold(
                    theirs + "_expand_conv", theirs + "_bn0", as: ours + "expand",
                    shape: [wide, block.inputs, 1, 1], kept: [wide, block.inputs])
            }
            try fold(
                theirs + "_depthwise_conv", theirs + "_bn1", as: ours + "depthwise",
                shape: [wide, 1, kernel, kernel], kept: [wide, kernel, kernel])
            try fold(
                theirs + "_project_conv", theirs + "_bn2", as: ours + "project",
                shape: [block.outputs, wide, 1, 1], kept: [block.outputs, wide])
        }
        let last = architecture.blocks.last?.outputs ?? architecture.stem
        try fold(
            "_conv_head", "_bn1", as: "head", shape: [architecture.head, last, 1, 1], kept: [architecture.head, last])
        if set.contains("_fc.weight") {
            let classifier = try set.tensor(named: "_fc.weight")
            guard classifier.rank == 2, classifier.shape[1] == architecture.head else {
                throw WeightsError.shapeMismatch(
                    tensor: "_fc.weight", expected: [1000, architecture.head], found: classifier.shape)
            }
            result["classifier.weight"] = classifier
            result["classifier.bias"] = try set.tensor(named: "_fc.bias", shape: [classifier.shape[0]])
        }
        return result
    }

    /// Batch norm in inference, y = scale · x + bias, in double precision.
    private static func normalisation(_ norm: WeightSet, channels: Int) throws -> (scale: [Double], bias: [Double]) {
        // The epsilon that the networks were trained with; it isn't among their parameters.
        let epsilon = 1e-3
        let gamma = try norm.tensor(named: "weight", shape: [channels]).scalars
        let beta = try norm.tensor(named: "bias", shape: [channels]).scalars
        let mean = try norm.tensor(named: "running_mean", shape: [channels]).scalars
        let variance = try norm.tensor(named: "running_var", shape: [channels]).scalars
        let scale = (0..<channels).map { Double(gamma[$0]) / (Double(variance[$0]) + epsilon).squareRoot() }
        let bias = (0..<channels).map { Double(beta[$0]) - Double(mean[$0]) * scale[$0] }
        return (scale, bias)
    }
}
