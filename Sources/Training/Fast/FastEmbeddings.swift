package import Models
package import Tensors

/// A data set as the Fast model sees it: its clips as the index keeps them, and its captions as unit vectors.
package struct FastEmbeddings: Sendable {
    /// [items, dimensions].
    package let clips: Tensor<Float>
    /// [captions, dimensions], item after item.
    package let sentences: Tensor<Float>
    /// Where each item's captions begin.
    package let firstSentences: [Int]
    /// The item that each caption is of.
    package let owners: [Int]
    /// Wall time of a caption from its words to its vector, in batches.
    package let secondsPerSentence: Double
    /// Wall time of an item from its feature maps to its vector, in batches.
    package let secondsPerClip: Double

    /// - Parameters:
    ///   - vision: how the features become what the model takes.
    ///   - captions: at most this many of each item's; nil takes all.
    ///   - querybank: gives the clips' embeddings their lengths; nil leaves them unit vectors.
    ///   - encode: a caption's tokens as the model takes them.
    /// - Throws: ``WeightsError`` when the tokens' vectors can't be read.
    package init(
        model: any FastHeads, vision: FastVisualInput = FastVisualInput(), features: FeatureSet, framesInUse: Int,
        captions limit: Int? = nil, querybank: Querybank? = nil,
        encode: (String) -> [Int32]
    ) throws {
        let clock = ContinuousClock()
        let begin = clock.now
        let items = Array(0..<features.count)
        var clips: [Tensor<Float>] = []
        var off = Dropout.off
        let vision = vision.detached
        for start in stride(from: 0, to: items.count, by: 64) {
            let batch = FrameBatch(
                clips: items[start..<min(start + 64, items.count)].map { item in
                    (features.views[0], features.evenFrames(item: item, limit: framesInUse))
                })
            let (pooled, map) = vision(batch)
            clips.append(
                model.clips(pooled: pooled, map: map, frameCounts: batch.frameCounts, dropout: &off).value)
        }
        let clipsDone = clock.now
        let captions = items.flatMap { item in
            features.dataset.items[item].captions.prefix(limit ?? .max).map { (item, encode($0)) }
        }
        let joined = concatenated(clips.map { Variable(constant: $0) }, axis: 0).value
        self.clips = querybank?.shortened(joined) ?? joined
        sentences = try Self.sentences(captions.map(\.1), model: model)
        owners = captions.map(\.0)
        var first = 0
        firstSentences = items.map { item in
            defer { first += min(features.dataset.items[item].captions.count, limit ?? .max) }
            return first
        }
        secondsPerSentence = (clock.now - clipsDone) / .seconds(1) / Double(max(1, captions.count))
        secondsPerClip = (clipsDone - begin) / .seconds(1) / Double(max(1, items.count))
    }

    /// The embeddings of sentences: [sentences, dimensions], unit rows.
    ///
    /// - Throws: ``WeightsError`` when the tokens' vectors can't be read.
    package static func sentences(of texts: [String], model: any RerankableModel) throws -> Tensor<Float> {
        try sentences(texts.map(model.tokens(of:)), model: model.heads)
    }

    private static func sentences(_ sentences: [[Int32]], model: any FastHeads) throws -> Tensor<Float> {
        // Sentences of like length side by side need little padding.
        let order = sentences.indices.sorted { (sentences[$0].count, $0) < (sentences[$1].count, $1) }
        var rows = [Int32](repeating: 0, count: sentences.count)
        var off = Dropout.off
        var parts: [Variable<Float>] = []
        for start in stride(from: 0, to: order.count, by: 128) {
            let batch = order[start..<min(start + 128, order.count)]
            for (offset, sentence) in batch.enumerated() { rows[sentence] = Int32(start + offset) }
            parts.append(Variable(constant: try model.sentences(batch.map { sentences[$0] }, dropout: &off).value))
        }
        return concatenated(parts, axis: 0).gatherRows(rows).value
    }

    /// A gallery as a model sees it, with the frames that it uses.
    ///
    /// - Throws: as the other initialiser.
    package init(_ model: any RerankableModel, of features: FeatureSet, captions limit: Int? = nil) throws {
        try self.init(
            model: model.heads, features: features, framesInUse: model.framesPerClip, captions: limit,
            querybank: model.querybank, encode: model.tokens(of:))
    }

    /// f(x)ᵀg(y) of every caption with every clip.
    package var table: SimilarityTable {
        SimilarityTable(
            owners: owners,
            scores: Variable(constant: sentences).matmul(Variable(constant: clips), transposeB: true).value)
    }

    package func clip(_ item: Int) -> [Float] { Self.row(item, of: clips) }

    package func sentence(_ index: Int) -> [Float] { Self.row(index, of: sentences) }

    private static func row(_ index: Int, of tensor: Tensor<Float>) -> [Float] {
        let width = tensor.shape[1]
        return tensor.withUnsafeBufferPointer { Array($0[(index * width)..<((index + 1) * width)]) }
    }
}
