import Foundation
package import SystemPackage
package import Tensors

extension RetrievalModel {
    /// The Fast model's parameters as its file has them.
    package var fastParameters: [(name: String, tensor: Tensor<Float>)] {
        fast.headParameters.map { ($0.name, $0.variable.value) }
            + fast.text.parameters.map { (FastModel<Float>.textPrefix + $0.name, $0.variable.value) }
    }

    /// The Slow model's parameters as its file has them.
    package var slowParameters: [(name: String, tensor: Tensor<Float>)] { slow?.namedTensors ?? [] }

    /// Writes the model as a folder, its backbone as it is.
    ///
    /// - Parameters:
    ///   - slow: takes the place of this model's own Slow part.
    ///   - reranking: how the scores are combined; nil leaves out the file, and then nothing is re-ranked unless it is asked for.
    /// - Throws: ``WeightsError`` when a parameter isn't finite or a file can't be written; `config.json` is written last, so
    ///   that half a folder isn't taken for a model.
    package func write(
        to directory: FilePath, name: String, precision: WeightPrecision, copyingBackboneFrom source: FilePath,
        slow replacement: SlowCaptioner? = nil, reranking: Reranking? = nil
    ) throws {
        let slow = replacement ?? slow
        var configuration = configuration
        configuration.name = name
        configuration.slow = slow?.model.configuration
        let (from, to) = (ModelFolder(source), ModelFolder(directory))
        try to.begin()
        if from.path != to.path {
            for (old, new) in [(from.backbone, to.backbone), (from.vocabulary, to.vocabulary)] {
                try? FileManager.default.removeItem(atPath: new.string)
                try FileManager.default.copyItem(atPath: old.string, toPath: new.string)
            }
        }
        for old in [to.slow, to.slowVocabulary, to.reranking] {
            try? FileManager.default.removeItem(atPath: old.string)
        }
        if let slow {
            var writer = SafetensorsWriter()
            try writer.add(slow.namedTensors, precision: precision)
            try writer.write(to: to.slow)
            try slow.vocabulary.text.write(to: URL(filePath: to.slowVocabulary.string), options: .atomic)
        }
        try reranking?.write(to: to.reranking)
        try to.finish(configuration, fast: fastParameters, precision: precision)
    }
}

extension ModelFolder {
    fileprivate func begin() throws {
        try FileManager.default.createDirectory(atPath: path.string, withIntermediateDirectories: true)
        try? FileManager.default.removeItem(atPath: configuration.string)
    }

    fileprivate func finish(
        _ model: ModelConfiguration, fast parameters: [(name: String, tensor: Tensor<Float>)],
        precision: WeightPrecision
    ) throws {
        var writer = SafetensorsWriter()
        try writer.add(parameters, precision: precision)
        try writer.write(to: fast)
        try Data(model.encoded()).write(to: URL(fileURLWithPath: configuration.string), options: .atomic)
    }
}

/// Makes an untrained model from a pre-trained backbone and text encoder.
package struct ModelImport {
    private let name: String
    private let backbone: FilePath
    private let configuration: ModelConfiguration.BackboneConfiguration
    private let text: FilePath

    /// - Parameters:
    ///   - backbone: PyTorch's legacy checkpoint of an EfficientNet-Lite.
    ///   - text: a folder of sentence-transformers with a BERT.
    package init(
        name: String, backbone: FilePath, configuration: ModelConfiguration.BackboneConfiguration, text: FilePath
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
            mapChannels: network.blocks[network.c5].outputs, pooledChannels: network.head,
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
            ModelConfiguration(name: name, backbone: configuration, text: encoder.configuration, fast: fast),
            fast: parameters, precision: .half)
    }
}
