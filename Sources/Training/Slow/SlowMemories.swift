package import Models

/// The visual memories of a gallery, and sentences scored against them.
package struct SlowMemories: Sendable {
    private let model: SlowModel<Float>
    /// One clip each, in the order of the gallery.
    private let memories: [VisualMemory<Float>]

    /// Sentences, or clips, that are scored in one batch.
    private static let batch = 64

    /// - Parameters:
    ///   - items: of `features`: the gallery.
    ///   - precision: as the index would store them; nil keeps what the model made.
    package init(
        model: SlowModel<Float>, features: FeatureSet, items: [Int], precision: FeaturePrecision? = nil
    ) {
        self.model = model
        // Constants: nothing is recorded while scoring.
        memories = items.map { item in
            let frames = FrameBatch(
                clips: [(features.views[0], features.evenFrames(item: item, limit: model.configuration.frames))])
            let memory = model.memory(maps: model.maps(of: frames), frameCounts: frames.frameCounts).detached
            guard let precision else { return memory }
            let stored = ClipMemory.encode(memory, clip: 0, precision: precision)
            guard let kept = try? ClipMemory.decode([stored], as: model.configuration.memoryForm) else {
                preconditionFailure("a memory that was just encoded can't be decoded")
            }
            return kept
        }
    }

    package var count: Int { memories.count }

    /// h / 2(L + 1) of every sentence with every one of some clips: [sentences][clips].
    package func scores(of sentences: [[Int32]], against clips: [Int]) -> [[Float]] {
        var table = [[Float]](repeating: [Float](repeating: 0, count: clips.count), count: sentences.count)
        for (column, clip) in clips.enumerated() {
            for (row, score) in scores(of: sentences, with: clip, endWeights: [1])[0].enumerated() {
                table[row][column] = score
            }
        }
        return table
    }

    /// The scores of every sentence with one clip for several weights of the end: [endWeights][sentences].
    package func scores(of sentences: [[Int32]], with clip: Int, endWeights: [Float]) -> [[Float]] {
        var scores = [[Float]](repeating: [], count: endWeights.count)
        for start in stride(from: 0, to: sentences.count, by: Self.batch) {
            let part = Array(sentences[start..<min(start + Self.batch, sentences.count)])
            let found = model.scores(
                of: part, memory: memories[clip], memoryIndices: [Int](repeating: 0, count: part.count),
                endWeights: endWeights)
            for (place, some) in found.enumerated() { scores[place] += some }
        }
        return scores
    }

    /// h / 2(L + 1) of one sentence with some clips, as a search does it.
    package func scores(of sentence: [Int32], against clips: [Int]) -> [Float] {
        stride(from: 0, to: clips.count, by: Self.batch).flatMap { start in
            let part = clips[start..<min(start + Self.batch, clips.count)]
            let memory = VisualMemory(joining: part.map { memories[$0] })
            return model.scores(of: [[Int32]](repeating: sentence, count: part.count), memory: memory)
        }
    }
}
