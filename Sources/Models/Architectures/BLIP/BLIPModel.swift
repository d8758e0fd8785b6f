import Basics
import CKernels
import DecodeProtocol
import Foundation
import SystemPackage
package import Tensors

/// A published BLIP as the Slow part of any Fast model: clips and queries get the Fast model's embeddings, and BLIP re-ranks.
///
/// Both look at the same frames. They are decoded as large as the larger of the two wants them and cut as the Fast model wants it, because
/// that one sees the whole library; each model then gets them in its own size, by its own filter.
package final class BLIPModel: ClipEncoder {
    package let configuration: BLIPConfiguration
    package let modelDigest: String
    package let input: FrameInput
    /// Reads visual tokens, those of a clip that are stored too.
    package let reader: BLIPReader
    /// Numbers that were learned in BLIP's image tower and in its text model.
    package let imageParameters, textParameters: Int
    private let fast: any ClipEncoder
    private let vision: VisionTransformer
    private let precision: FeaturePrecision

    package var framesPerClip: Int { fast.framesPerClip }
    package var dimensions: Int { fast.dimensions }

    /// Pictures that go through the image tower together.
    private static let pictureBatch = 8

    /// - Parameters:
    ///   - folder: with `config.json`, `image.safetensors`, `text.safetensors`, `vocab.txt`.
    ///   - fast: the Fast model.
    ///   - precision: how the clips' rerank features are stored.
    /// - Throws: ``ModelError`` or ``WeightsError`` that names the file, the key or the tensor.
    package init(_ folder: ModelFolder, fast: LoadedModel, precision: FeaturePrecision = .full) throws {
        let configuration = try BLIPConfiguration(folder)
        self.configuration = configuration
        self.fast = fast.clips
        self.precision = precision
        let images = try SafetensorsFile(folder.image)
        let pictures = ParameterSource<Float>(images)
        vision = try VisionTransformer(configuration.image, dimensions: configuration.image.width, pictures)
        imageParameters = try pictures.requireNoMore(in: images)
        let texts = try SafetensorsFile(folder.text)
        let sentences = ParameterSource<Float>(texts)
        let text = try BLIPTextModel(
            configuration.text, objective: configuration.objective, tokenWidth: configuration.image.width, sentences)
        textParameters = try sentences.requireNoMore(in: texts)
        let tokenizer = try WordPieceTokenizer(vocabularyFile: folder.vocabulary)
        guard tokenizer.vocabularySize <= configuration.text.vocabularySize else {
            throw ModelError(
                .malformed, "\(folder.vocabulary): has more pieces than config.json says; it is another model's")
        }
        reader = BLIPReader(configuration, text: text, tokenizer: tokenizer)
        let (one, other) = (fast.clips.input, configuration.image.input)
        input = FrameInput(
            geometry: FrameGeometry(
                side: max(one.geometry.side, other.geometry.side), fit: one.geometry.fit,
                filter: one.geometry.side >= other.geometry.side ? one.geometry.filter : other.geometry.filter),
            mean: one.mean, deviation: one.deviation)
        var hash = ContentHash()
        let own = try ModelFolder.digest(of: [folder.configuration, folder.image, folder.text, folder.vocabulary])
        hash.update(Array("\(fast.digest) \(own)".utf8))
        modelDigest = ContentHash.hexadecimal(hash.finish().prefix(16))
    }

    package func encode(clips: [[RGBImage]]) throws -> [EncodedClip] {
        for clip in clips where clip.isEmpty || clip.count > framesPerClip {
            throw ModelError(.input, "a clip has \(clip.count) frames; the model wants 1 to \(framesPerClip)")
        }
        try input.require(clips.joined())
        let geometry = fast.input.geometry
        let embedded = try fast.encode(clips: clips.map { try $0.map { try $0.resampled(as: geometry) } })
        return try zip(clips, embedded).map { clip, encoded in
            EncodedClip(embedding: encoded.embedding, rerankFeatures: try features(of: clip))
        }
    }

    /// What is stored of a clip: the class token and a mean of each 2×2 patches of its frames; in the compact form means over all frames.
    private func features(of clip: [RGBImage]) throws -> [UInt8] {
        let frames = evenlySpread(configuration.frames, of: clip.count).map { clip[$0] }
        var tokens = pooled(try visualTokens(of: frames))
        if precision == .compact { tokens = tokens.meanOverFrames([frames.count]) }
        let width = configuration.image.width
        let values = tokens.reshaped([1, -1, width])
        guard values.value.scalars.allSatisfy(\.isFinite) else {
            throw ModelError(.input, "BLIP's output for a clip isn't a number; the model is damaged")
        }
        let memory = VisualMemory<Float>(
            maps: [0: .init(values: values, lengths: [values.shape[1]])], count: 1)
        return ClipMemory.encode(memory, clip: 0, precision: .full)
    }

    /// All that the image tower says about pictures: [pictures, tokens, width].
    ///
    /// - Parameter pictures: at least one, as ``input`` says.
    package func visualTokens(of pictures: [RGBImage]) throws -> Variable<Float> {
        let geometry = configuration.image.input.geometry
        let frames = try pictures.map { try $0.resampled(as: geometry) }
        let parts = try stride(from: 0, to: frames.count, by: Self.pictureBatch).map { start in
            try vision.tokens(of: Array(frames[start..<min(start + Self.pictureBatch, frames.count)]))
        }
        return concatenated(parts, axis: 0)
    }

    /// [frames, pooledTokens · width] of [frames, tokens, width].
    private func pooled(_ tokens: Variable<Float>) -> Variable<Float> {
        let (frames, width, cells) = (tokens.shape[0], tokens.shape[2], configuration.image.cells)
        let patches = tokens.sliced(axis: 1, 1..<1 + cells * cells).evenSided(cells).averagePooled2x()
        return concatenated(
            [tokens.sliced(axis: 1, 0..<1), patches.reshaped([frames, -1, width])], axis: 1
        ).reshaped([frames, -1])
    }
}

extension RGBImage {
    /// The picture in the size of a geometry, by its filter.
    ///
    /// - Throws: ``ModelError`` when there is no memory.
    fileprivate func resampled(as geometry: FrameGeometry) throws(ModelError) -> RGBImage {
        let side = geometry.side
        if width == side && height == side { return self }
        let isCubic = geometry.filter == .bicubic || geometry.filter == .pillowBicubic
        var done: Int32 = 0
        let scaled = [UInt8](unsafeUninitializedCapacity: side * side * 3) { target, count in
            done = pixels.withUnsafeBufferPointer {
                saccade_resample_rgb_u8(
                    $0.baseAddress, Int32(width), Int32(height), target.baseAddress, Int32(side), Int32(side),
                    isCubic ? 1 : 0)
            }
            count = side * side * 3
        }
        guard done == 1 else { throw ModelError(.input, "there is no memory to resample a picture") }
        return RGBImage(width: side, height: side, pixels: scaled)
    }
}

/// The Fast model's half of a query, under the name that the index has.
struct RenamedQueryEncoder: QueryEncoder {
    let base: any QueryEncoder
    let modelDigest: String

    var dimensions: Int { base.dimensions }

    func embed(query: String) throws -> [Float] { try base.embed(query: query) }
}

/// The files of a folder of this architecture, beside those that every model has: BLIP's, and a whole model's folder.
extension ModelFolder {
    var fastModel: FilePath { path.appending("fast") }
}

extension ModelArchitecture {
    /// What `saccade model import --fast` makes of a published BLIP and a Fast model.
    package static let blip = ModelArchitecture(name: BLIPConfiguration.architecture) { folder, precision in
        let fastFolder = ModelFolder(folder.fastModel)
        guard try fastFolder.header().architecture != BLIPConfiguration.architecture else {
            throw ModelError(.malformed, "\(fastFolder.path): has a BLIP too; a model has one Slow part")
        }
        let fast = try LoadedModel.load(folder.fastModel)
        let model = try BLIPModel(folder, fast: fast, precision: precision)
        let configuration = model.configuration
        let reranking =
            FileManager.default.fileExists(atPath: folder.reranking.string)
            ? try Reranking(contentsOf: folder.reranking) : nil
        let scorer = BLIPScorer(
            model.reader, endWeight: (reranking ?? .untuned).endWeight, modelDigest: model.modelDigest)
        return LoadedModel(
            name: configuration.name, directory: folder.path, architecture: BLIPConfiguration.architecture,
            parts: [LoadedModel.Part(name: "Fast", summary: fast.name, parameters: nil)]
                + fast.parts.filter { $0.name != "Slow" } + [
                    LoadedModel.Part(
                        name: "Slow",
                        summary: "BLIP, \(configuration.objective.rawValue), \(configuration.image.frameSize) px",
                        parameters: model.imageParameters + model.textParameters),
                    LoadedModel.Part(
                        name: "Slow's origin",
                        summary: configuration.origin + ", licence " + (configuration.licence ?? "not named"),
                        parameters: nil),
                ],
            clips: model, queries: RenamedQueryEncoder(base: fast.queries, modelDigest: model.modelDigest),
            scorer: scorer, captioner: configuration.objective == .captioning ? model.reader : nil,
            reranking: reranking)
    }
}
