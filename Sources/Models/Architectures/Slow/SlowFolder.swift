import Foundation
package import SystemPackage
import Tensors

/// The files of a Slow part, in the folder of a model that has one.
extension ModelFolder {
    package var slow: FilePath { path.appending("slow.safetensors") }
    package var slowVocabulary: FilePath { path.appending("slow-vocab.txt") }

    /// Those that are there, in a fixed order: what the model's digest is made of.
    var slowFiles: [FilePath] {
        [slow, slowVocabulary].filter { FileManager.default.fileExists(atPath: $0.string) }
    }

    /// Reads the Slow part that a configuration speaks of, and how its scores are combined with the Fast model's.
    ///
    /// - Parameters:
    ///   - slow: nil when there is none.
    ///   - maps: the image encoder's, coarse to fine.
    ///   - tokenizer: the Fast model's, where it has word pieces.
    /// - Throws: ``ModelError`` or ``WeightsError`` that names the file, the key or the tensor.
    func slowPart(
        _ slow: SlowConfiguration?, maps: [FeatureMapSize], tokenizer: WordPieceTokenizer?
    ) throws -> (captioner: SlowCaptioner?, reranking: Reranking?) {
        guard let slow else { return (nil, nil) }
        guard maps.starts(with: slow.maps) else {
            throw ModelError(.malformed, "\(configuration): slow.maps doesn't fit the image encoder's")
        }
        let captioner = try SlowCaptioner(folder: self, configuration: slow, tokenizer: tokenizer)
        guard FileManager.default.fileExists(atPath: reranking.string) else { return (captioner, nil) }
        return (captioner, try Reranking(contentsOf: reranking))
    }

    /// Writes a Slow part and how its scores are combined, or removes what was there.
    ///
    /// - Throws: ``WeightsError`` when a parameter isn't finite or a file can't be written.
    func writeSlowPart(_ captioner: SlowCaptioner?, precision: WeightPrecision, reranking scores: Reranking?) throws {
        for old in [slow, slowVocabulary, reranking] { try? FileManager.default.removeItem(atPath: old.string) }
        if let captioner {
            var writer = SafetensorsWriter()
            try writer.add(captioner.namedTensors, precision: precision)
            try writer.write(to: slow)
            try captioner.vocabulary.text.write(to: URL(filePath: slowVocabulary.string), options: .atomic)
        }
        try scores?.write(to: reranking)
    }

    /// Takes files from another model's folder, over those that are here.
    func copy(_ names: [String], from other: ModelFolder) throws {
        if other.path == path { return }
        for name in names {
            let target = path.appending(name).string
            try? FileManager.default.removeItem(atPath: target)
            try FileManager.default.copyItem(atPath: other.path.appending(name).string, toPath: target)
        }
    }
}

extension LoadedModel.Part {
    /// A Slow part, for people.
    init(_ slow: SlowCaptioner) {
        let layers = slow.model.configuration.layers.map { "\($0)" }.joined(separator: ", ")
        self.init(
            name: "Slow", summary: "layers on maps \(layers), \(slow.vocabulary.count) word pieces",
            parameters: slow.model.parameters.reduce(0) { $0 + $1.variable.value.count })
    }
}
