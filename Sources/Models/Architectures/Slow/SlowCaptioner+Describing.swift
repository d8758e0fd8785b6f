import Tensors

extension SlowCaptioner {
    /// The most likely sentence about a clip, by beam search over the forward reader. Unknown words are never written.
    ///
    /// - Parameters:
    ///   - memory: of one clip.
    ///   - beams: sentences that are followed at once.
    ///   - longest: words of a sentence at most.
    /// - Precondition: the model is a captioner.
    package func describe(_ memory: VisualMemory<Float>, beams: Int = 5, longest: Int = 24) -> Caption {
        precondition(memory.count == 1)
        let search = BeamSearch(
            beams: beams, longest: min(longest, model.configuration.maximumTokens), end: SlowVocabulary.end
        ) { $0 > SlowVocabulary.unknown }
        let best = search.best { beginnings in
            model.nextWords(
                after: beginnings, memory: memory, memoryIndices: [Int](repeating: 0, count: beginnings.count))
        }
        return Caption(sentence: vocabulary.words(of: best.words), score: best.score)
    }
}
