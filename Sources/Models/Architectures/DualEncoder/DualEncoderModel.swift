import Foundation
import SystemPackage
import Tensors

/// A published dual encoder: one vector a frame, of which a clip's is the mean, and one a sentence.
package final class DualEncoderModel: ClipEncoder, QueryEncoder {
    package let configuration: DualEncoderConfiguration
    package let modelDigest: String
    package let input: FrameInput
    package let image: VisionTransformer
    package let text: TextTransformer
    package let tokenizer: any Tokenizer
    /// Numbers that were learned in each tower.
    package let imageParameters, textParameters: Int

    package var framesPerClip: Int { configuration.framesPerClip }
    package var dimensions: Int { configuration.dimensions }

    /// Pictures that go through the tower together.
    private static let pictureBatch = 16

    /// - Parameter folder: with `config.json`, `image.safetensors`, `text.safetensors` and the tokenizer's files.
    /// - Throws: ``ModelError`` or ``WeightsError`` that names the file, the key or the tensor.
    package convenience init(_ folder: ModelFolder) throws { try self.init(folder, trials: nil) }

    private init(_ folder: ModelFolder, trials: (image: PackingTrial, text: PackingTrial)?) throws {
        let configuration = try DualEncoderConfiguration(folder)
        self.configuration = configuration
        input = configuration.image.input
        tokenizer = try configuration.text.tokenizer.tokenizer(in: folder.path)
        try configuration.require(tokenizer, source: folder.path.string)
        func tower<Tower>(
            _ path: FilePath, _ trial: PackingTrial?, _ make: (ParameterSource<Float>) throws -> Tower
        ) throws -> (Tower, parameters: Int) {
            let file = try SafetensorsFile(path)
            let source = ParameterSource<Float>(file, trial: trial)
            let tower = try make(source)
            let known = Set(source.shapes.map(\.name))
            let others = file.names.filter { !known.contains($0) }
            guard others.isEmpty else { throw WeightsError.unexpected(tensors: others, source: file.source) }
            return (tower, source.shapes.reduce(0) { $0 + $1.shape.reduce(1, *) })
        }
        (image, imageParameters) = try tower(folder.image, trials?.image) {
            try VisionTransformer(configuration.image, dimensions: configuration.dimensions, $0)
        }
        (text, textParameters) = try tower(folder.text, trials?.text) {
            try TextTransformer(configuration.text, dimensions: configuration.dimensions, $0)
        }
        modelDigest = try ModelFolder.digest(
            of: [folder.configuration, folder.image, folder.text]
                + configuration.text.tokenizer.files(in: folder.path))
    }

    /// What packing a model to 8 bits would lose, and which layers had better stay in floats.
    ///
    /// - Parameter folder: of the model in floats.
    /// - Throws: as ``init(_:)`` does, and when an embedding isn't finite.
    static func packing(of folder: ModelFolder) throws -> (image: PackingTrial.Choice, text: PackingTrial.Choice) {
        let trials = (image: PackingTrial(), text: PackingTrial())
        let model = try DualEncoderModel(folder, trials: trials)
        let pictures = CheckInputs.pictures(side: model.configuration.image.frameSize)
        return (
            image: try trials.image.choice { try model.encode(clips: pictures.map { [$0] }).map(\.embedding) },
            text: try trials.text.choice { try CheckInputs.sentences.map { try model.embed(query: $0) } }
        )
    }

    /// The mean of the frames' unit vectors, as a unit vector.
    package func encode(clips: [[RGBImage]]) throws -> [EncodedClip] {
        for clip in clips where clip.isEmpty || clip.count > framesPerClip {
            throw ModelError(.input, "a clip has \(clip.count) frames; the model wants 1 to \(framesPerClip)")
        }
        let frames = clips.flatMap { $0 }
        try input.require(frames)
        var vectors: [[Float]] = []
        for start in stride(from: 0, to: frames.count, by: Self.pictureBatch) {
            let batch = Array(frames[start..<min(start + Self.pictureBatch, frames.count)])
            guard let pooled = try image.features(of: batch).pooled else { continue }
            vectors += try unitRows(pooled, of: "a clip")
        }
        var first = 0
        return try clips.map { clip in
            defer { first += clip.count }
            if clip.count == 1 { return EncodedClip(embedding: vectors[first]) }
            let sums = (0..<dimensions).map { column in
                vectors[first..<first + clip.count].reduce(0) { $0 + $1[column] }
            }
            return EncodedClip(embedding: try unitRows(Tensor(sums, shape: [1, dimensions]), of: "a clip")[0])
        }
    }

    package func embed(query: String) throws -> [Float] {
        let ids = tokenizer.encode(query, limit: configuration.text.contextLength)
        return try unitRows(text.embed([ids], padding: tokenizer.padding), of: "the query")[0]
    }

    private func unitRows(_ rows: Tensor<Float>, of what: String) throws -> [[Float]] {
        let values = Variable(constant: rows).l2Normalized().value.scalars
        guard values.allSatisfy(\.isFinite) else {
            throw ModelError(.input, "the model's output for \(what) isn't a number; the model is damaged")
        }
        return stride(from: 0, to: values.count, by: dimensions).map { Array(values[$0..<$0 + dimensions]) }
    }
}

extension DualEncoderConfiguration {
    /// Checks that a tokenizer's ids have vectors.
    func require(_ tokenizer: any Tokenizer, source: String) throws(ModelError) {
        guard tokenizer.vocabularySize <= text.vocabularySize else {
            throw ModelError(
                .malformed,
                "\(source): the tokenizer has \(tokenizer.vocabularySize) pieces and the model vectors of "
                    + "\(text.vocabularySize); they belong to different models")
        }
    }
}

/// The files of a folder of this architecture, beside those that every model has and the tokenizer's.
extension ModelFolder {
    var image: FilePath { path.appending("image.safetensors") }
    var text: FilePath { path.appending("text.safetensors") }
}

extension ModelArchitecture {
    /// What `saccade model import` makes of published checkpoints: CLIP, SigLIP and their like.
    package static let dualEncoder = ModelArchitecture(name: DualEncoderConfiguration.architecture) { folder, _ in
        let model = try DualEncoderModel(folder)
        let configuration = model.configuration
        return LoadedModel(
            name: configuration.name, directory: folder.path, architecture: DualEncoderConfiguration.architecture,
            parts: [
                LoadedModel.Part(
                    name: "image tower", summary: configuration.image.summary, parameters: model.imageParameters),
                LoadedModel.Part(
                    name: "text tower", summary: configuration.text.summary, parameters: model.textParameters),
                LoadedModel.Part(
                    name: "origin",
                    summary: configuration.origin + ", licence " + (configuration.licence ?? "not named"),
                    parameters: nil),
            ], clips: model, queries: model)
    }
}

extension ImageTowerConfiguration {
    fileprivate var summary: String {
        "\(layers) layers of \(width), patches of \(patchSize), \(tokens) tokens a frame"
            + (packing?.summary ?? "")
    }
}

extension TextTowerConfiguration {
    fileprivate var summary: String {
        "\(layers) layers of \(width), \(contextLength) tokens, \(vocabularySize) in the vocabulary"
            + (packing?.summary ?? "")
    }
}

extension Packing {
    fileprivate var summary: String { ", 8 bits a weight in \(layers - floatLayers.count) of \(layers) products" }
}
