import Foundation
package import SystemPackage
package import Tensors

extension FastSlowModel {
    /// The Fast model's parameters as its file has them.
    package var fastParameters: [(name: String, tensor: Tensor<Float>)] {
        fast.headParameters.map { ($0.name, $0.variable.value) }
            + fast.text.parameters.map { (FastModel<Float>.textPrefix + $0.name, $0.variable.value) }
    }

    package func write(
        to directory: FilePath, name: String, precision: WeightPrecision, slow: SlowCaptioner?, reranking: Reranking?
    ) throws {
        try write(
            to: directory, name: name, precision: precision, slow: slow, reranking: reranking, tail: nil)
    }

    /// Writes the model as a folder of the current format.
    ///
    /// - Parameters:
    ///   - slow: takes the place of this model's own Slow part.
    ///   - tail: what the backbone's last blocks became; nil leaves the backbone as it is. A Slow part reads the features of the
    ///     backbone that it was trained on: with a tail the model is written without one.
    ///   - reranking: how the scores are combined; nil leaves out the file, and then nothing is re-ranked unless it is asked for.
    /// - Throws: ``WeightsError`` when a parameter isn't finite or a file can't be written; `config.json` is written last, so
    ///   that half a folder isn't taken for a model.
    package func write(
        to directory: FilePath, name: String, precision: WeightPrecision,
        slow replacement: SlowCaptioner? = nil, reranking: Reranking? = nil, tail: BackboneTail<Float>?
    ) throws {
        precondition(tail == nil || replacement == nil, "a Slow part can't have been trained on these blocks")
        let slow = tail == nil ? replacement ?? slow : nil
        var configuration = configuration
        configuration.name = name
        configuration.slow = slow?.model.configuration
        let (from, to) = (folder, ModelFolder(directory))
        try to.begin()
        if let tail {
            try SafetensorsFile(from.backbone).replacing(tail.parameters.map { ($0.name, $0.variable.value) })
                .write(to: to.backbone)
        }
        let kept = tail == nil ? [from.backbone, from.vocabulary] : [from.vocabulary]
        try to.copy(kept.compactMap(\.lastComponent?.string), from: from)
        let isLearned = (fast.headParameters + fast.text.parameters).contains(where: \.variable.requiresGradient)
        try to.takeQuerybank(from: from, isOutdated: isLearned || tail != nil)
        try to.writeSlowPart(slow, precision: precision, reranking: tail == nil ? reranking : nil)
        try to.finish(configuration, fast: fastParameters, precision: precision)
    }
}

extension ModelFolder {
    /// Writes the Fast part, and last of all the configuration.
    package func finish(
        _ model: FastSlowConfiguration, fast parameters: [(name: String, tensor: Tensor<Float>)],
        precision: WeightPrecision
    ) throws {
        var writer = SafetensorsWriter()
        try writer.add(parameters, precision: precision)
        try writer.write(to: fast)
        try finish(model.encoded())
    }
}
