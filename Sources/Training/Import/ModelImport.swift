package import Models
import Foundation
package import SystemPackage
import Tensors

/// Makes an untrained model from a pre-trained backbone and text encoder.
package struct ModelImport {
    private let name: String
    private let backbone: FilePath
    private let configuration: FastSlowConfiguration.BackboneConfiguration
    private let text: FilePath

    /// - Parameters:
    ///   - backbone: PyTorch's legacy checkpoint of an EfficientNet-Lite.
    ///   - text: a folder of sentence-transformers with a BERT.
    package init(
        name: String, backbone: FilePath, configuration: FastSlowConfiguration.BackboneConfiguration, text: FilePath
    ) {
        self.name = name
        self.backbone = backbone
        self.configuration = configuration
        self.text = text
    }

    /// Writes the model: the backbone in 8 bits, so that heads are trained on the features that they will see, the text
    /// encoder in halves, the heads drawn at random.
    package func write(to directory: FilePath) throws {
        let network = configuration.network
        let weights = try EfficientNetLiteImport.folded(
            TorchPickle.tensors(at: backbone), architecture: network, source: backbone.string)
        let encoder = try PretrainedBERT<Float>(folder: text).encoder
        let fast = FastConfiguration(
            mapChannels: network.blocks[network.levels[0].block].outputs, pooledChannels: network.head,
            textWidth: encoder.configuration.width)
        let model = try FastModel(fast, text: encoder, ParameterSource(random: SplitMix64(seed: 1)))
        let folder = ModelFolder(directory)
        try folder.begin()
        var writer = SafetensorsWriter()
        try writer.add(
            weights.filter { !$0.key.hasPrefix("classifier.") }.map { (name: $0.key, tensor: $0.value) },
            precision: .int8)
        try writer.write(to: folder.backbone)
        try? FileManager.default.removeItem(atPath: folder.vocabulary.string)
        try FileManager.default.copyItem(
            atPath: text.appending("vocab.txt").string, toPath: folder.vocabulary.string)
        let parameters =
            model.headParameters.map { (name: $0.name, tensor: $0.variable.value) }
            + encoder.parameters.map { (name: FastModel<Float>.textPrefix + $0.name, tensor: $0.variable.value) }
        try folder.finish(
            FastSlowConfiguration(name: name, backbone: configuration, text: encoder.configuration, fast: fast),
            fast: parameters, precision: .half)
    }
}
