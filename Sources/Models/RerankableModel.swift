package import SystemPackage
package import Tensors

/// A Fast model whose feature maps a Slow part can read: what training and measuring know of a model, whatever its architecture.
///
/// Blocking and CPU-bound: call it off Swift's cooperative pool.
package protocol RerankableModel: ClipEncoder, QueryEncoder {
    var name: String { get }
    var folder: ModelFolder { get }
    /// What embeds kept features and sentences.
    var heads: any FastHeads { get }
    /// Nil for a model without one.
    var slow: SlowCaptioner? { get }
    /// How the two scores are put together; nil for a model without a Slow part, or that says nothing about it.
    var reranking: Reranking? { get }
    /// What gives the clips' embeddings their lengths; nil for a model whose embeddings are unit vectors.
    var querybank: Querybank? { get }
    /// Channels of the pooled vector that ``heads`` take.
    var pooledChannels: Int { get }
    /// The sizes of the maps, coarse to fine.
    var mapSizes: [FeatureMapSize] { get }
    /// The tokenizer whose word pieces a new Slow part takes; nil for a model whose own tokenizer has none: a Slow part then brings one.
    var wordPieces: WordPieceTokenizer? { get }

    /// What the frozen image encoder sees in pictures: what ``heads`` and the Slow part are fed with.
    ///
    /// - Parameter images: as ``ClipEncoder/input`` says.
    /// - Returns: `pooled` [N, pooledChannels], and all maps, coarse to fine.
    /// - Throws: ``ModelError`` when there is no picture or one has the wrong size.
    func features(of images: [RGBImage]) throws -> VisualFeatures

    /// Names what ``features(of:)`` computes: models with the same have the same features. Reads the weights.
    func featureDigest() throws -> String

    /// A sentence's tokens as the Fast model takes them.
    func tokens(of sentence: String) -> [Int32]

    /// What the word vectors of a new Slow part start from, [vocabulary.count, width]; nil draws them.
    func wordVectors(for vocabulary: SlowVocabulary, width: Int) -> Tensor<Float>?

    /// Writes the model as a folder of the current format.
    ///
    /// - Parameters:
    ///   - precision: of the weights that were trained.
    ///   - slow: takes the place of this model's own Slow part.
    ///   - reranking: how the scores are combined; nil leaves out the file, and then nothing is re-ranked unless it is asked for.
    /// - Throws: ``WeightsError`` when a parameter isn't finite or a file can't be written; `config.json` is written last, so
    ///   that half a folder isn't taken for a model.
    func write(
        to directory: FilePath, name: String, precision: WeightPrecision, slow: SlowCaptioner?, reranking: Reranking?
    ) throws
}

extension RerankableModel {
    /// Clips' embeddings as the index keeps them.
    ///
    /// - Parameter clips: [clips, dimensions], unit rows.
    package func shortened(_ clips: Tensor<Float>) -> Tensor<Float> { querybank?.shortened(clips) ?? clips }
}

/// The parts of a Fast model behind its frozen image encoder: they embed kept features and sentences, and learn.
package protocol FastHeads: Sendable {
    /// The embeddings of a batch of clips.
    ///
    /// - Parameters:
    ///   - pooled: [frames, pooledChannels], the frames of all clips one after another.
    ///   - map: [frames, positions, channels], the coarsest.
    ///   - frameCounts: frames of each clip, at least one; they sum to `frames`.
    ///   - dropout: ``Dropout/off`` in use.
    /// - Returns: [clips, dimensions], unit rows.
    func clips(
        pooled: Variable<Float>, map: Variable<Float>, frameCounts: [Int], dropout: inout Dropout
    ) -> Variable<Float>

    /// The embeddings of sentences: [sentences, dimensions], unit rows.
    ///
    /// - Parameter tokens: as ``RerankableModel/tokens(of:)`` makes them.
    /// - Throws: ``WeightsError`` when the tokens' vectors can't be read.
    func sentences(_ tokens: [[Int32]], dropout: inout Dropout) throws -> Variable<Float>

    /// f(x)ᵀg(y)/τ of every sentence with every clip: [sentences, clips].
    func logits(sentences: Variable<Float>, clips: Variable<Float>) -> Variable<Float>

    /// Every parameter but those of the text encoder.
    var headParameters: [(name: String, variable: Variable<Float>)] { get }
    /// The text encoder's.
    var textParameters: [(name: String, variable: Variable<Float>)] { get }
}

extension ModelFolder {
    /// The model as it is trained and measured. Blocking: reads and checks all weights.
    ///
    /// - Parameter learning: which parameters of the Fast model are to be trained; those of the text encoder begin with `text.`. Nil for a model in use: layers that are stored in
    ///   8 bits compute with them.
    /// - Throws: as ``LoadedModel/load(_:precision:architectures:)``; ``ModelError`` `input` for an architecture that can't be trained.
    package func rerankable(
        learning: ((String) -> Bool)? = nil, architectures: [ModelArchitecture] = ModelArchitecture.builtIn
    ) throws -> any RerankableModel {
        let architecture = try ModelArchitecture.named(header().architecture, among: architectures, configuration)
        guard let learn = architecture.learn else {
            throw ModelError(
                .input,
                "\(configuration): models of the architecture \"\(architecture.name)\" can't be trained or measured")
        }
        return try learn(self, learning)
    }
}

extension Variable {
    /// The mean of each clip's rows: [clips, width] of [frames, width].
    ///
    /// - Parameter frameCounts: frames of each clip, at least one; they sum to `frames`.
    func meanOverFrames(_ frameCounts: [Int]) -> Variable {
        let longest = frameCounts.max() ?? 1
        if longest == 1 { return self }
        var rows: [Int32] = []
        var first = 0
        for count in frameCounts {
            // Padding repeats the clip's last frame; the mask keeps it out of the mean.
            rows += (0..<longest).map { Int32(first + min($0, count - 1)) }
            first += count
        }
        return gatherRows(rows).reshaped([frameCounts.count, longest, -1]).maskedMean(lengths: frameCounts)
    }
}
