package import Models
package import Tensors

/// A data set as the Fast model sees it: its clips and its captions as vectors, and every pair's similarity.
package struct FastGallery {
    /// The item that each caption is of.
    package let owners: [Int]
    /// [captions, items].
    package let similarities: Tensor<Float>
    /// Wall time of a caption from its words to its similarities with the gallery, in batches.
    package let secondsPerSentence: Double
    /// Wall time of an item from its feature maps to its similarities, in batches.
    package let secondsPerClip: Double

    package init(
        model: FastModel<Float>, features: FeatureSet, framesInUse: Int, encode: (String) -> [Int32]
    ) {
        let clock = ContinuousClock()
        let begin = clock.now
        let items = Array(0..<features.count)
        var clips: [Tensor<Float>] = []
        var off = Dropout.off
        for start in stride(from: 0, to: items.count, by: 64) {
            let batch = FrameBatch(
                clips: items[start..<min(start + 64, items.count)].map { item in
                    (features.views[0], features.evenFrames(item: item, limit: framesInUse))
                })
            clips.append(
                model.visual(
                    pooled: Variable(constant: batch.map(.pooled)), map: Variable(constant: batch.map(.c5)),
                    frameCounts: batch.frameCounts, dropout: &off
                ).value)
        }
        let clipsDone = clock.now
        let captions = items.flatMap { item in features.dataset.items[item].captions.map { (item, encode($0)) } }
        // Sentences of like length side by side need little padding.
        let order = captions.indices.sorted { (captions[$0].1.count, $0) < (captions[$1].1.count, $1) }
        var rows = [Int32](repeating: 0, count: captions.count)
        var sentences: [Tensor<Float>] = []
        for start in stride(from: 0, to: order.count, by: 128) {
            let batch = order[start..<min(start + 128, order.count)]
            for (offset, caption) in batch.enumerated() { rows[caption] = Int32(start + offset) }
            sentences.append(model.embed(TokenBatch(batch.map { captions[$0].1 }), dropout: &off).value)
        }
        let gallery = concatenated(clips.map { Variable(constant: $0) }, axis: 0)
        let queries = concatenated(sentences.map { Variable(constant: $0) }, axis: 0).gatherRows(rows)
        owners = captions.map(\.0)
        similarities = queries.matmul(gallery, transposeB: true).value
        secondsPerSentence = (clock.now - clipsDone) / .seconds(1) / Double(max(1, captions.count))
        secondsPerClip = (clipsDone - begin) / .seconds(1) / Double(max(1, items.count))
    }

    /// The metrics of every caption as a query for its item.
    package var textToVideo: RetrievalMetrics { RetrievalMetrics(ranks: textToVideoRanks) }

    package var textToVideoRanks: [Double] {
        let items = similarities.shape[1]
        return similarities.withUnsafeBufferPointer { table in
            owners.enumerated().map { row, owner in
                RetrievalMetrics.rank(scores: table[(row * items)..<((row + 1) * items)]) { $0 == owner }
            }
        }
    }

    /// The metrics of every item as a query for any of its captions.
    package var videoToText: RetrievalMetrics {
        let items = similarities.shape[1]
        return similarities.withUnsafeBufferPointer { table in
            RetrievalMetrics(
                ranks: (0..<items).map { item in
                    RetrievalMetrics.rank(scores: owners.indices.lazy.map { table[$0 * items + item] }) {
                        owners[$0] == item
                    }
                })
        }
    }
}
