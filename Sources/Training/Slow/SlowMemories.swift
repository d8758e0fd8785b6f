package import Models
import Tensors

/// The visual memories of a gallery, and sentences scored against them.
package struct SlowMemories {
    private let model: SlowModel<Float>
    /// One clip each, in the order of the gallery.
    private let memories: [VisualMemory<Float>]

    /// - Parameter items: of `features`: the gallery.
    package init(model: SlowModel<Float>, features: FeatureSet, items: [Int]) {
        self.model = model
        // Constants: nothing is recorded while scoring.
        memories = items.map { item in
            let frames = FrameBatch(
                clips: [(features.views[0], features.evenFrames(item: item, limit: model.configuration.frames))])
            let memory = model.memory(maps: model.maps(of: frames), frameCounts: frames.frameCounts)
            return memory.detached
        }
    }

    package var count: Int { memories.count }

    /// h / 2(L + 1) of every sentence with every one of some clips: [sentences][clips].
    package func scores(of sentences: [[Int32]], against clips: [Int]) -> [[Float]] {
        var table = [[Float]](repeating: [Float](repeating: 0, count: clips.count), count: sentences.count)
        for (column, clip) in clips.enumerated() {
            for start in stride(from: 0, to: sentences.count, by: 64) {
                let part = Array(sentences[start..<min(start + 64, sentences.count)])
                let scores = model.scores(
                    of: part, memory: memories[clip], memoryIndices: [Int](repeating: 0, count: part.count))
                for (index, score) in scores.enumerated() { table[start + index][column] = score }
            }
        }
        return table
    }

    /// h / 2(L + 1) of one sentence with some clips, in one batch.
    package func scores(of sentence: [Int32], against clips: [Int]) -> [Float] {
        let memory = VisualMemory(joining: clips.map { memories[$0] })
        return model.scores(of: [[Int32]](repeating: sentence, count: clips.count), memory: memory)
    }
}
