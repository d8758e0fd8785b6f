import Tensors

extension SlowCaptioner {
    /// The most likely sentence about a clip, by beam search over the forward reader.
    ///
    /// Unknown words are never written. O(beams · longest²) passes of a word.
    ///
    /// - Parameters:
    ///   - memory: of one clip.
    ///   - beams: sentences that are followed at once.
    ///   - longest: words of a sentence at most.
    /// - Precondition: the model is a captioner.
    package func describe(_ memory: VisualMemory<Float>, beams: Int = 5, longest: Int = 24) -> Caption {
        precondition(memory.count == 1 && beams > 0 && longest > 0)
        var open: [(words: [Int32], score: Double)] = [([], 0)]
        var finished: [(words: [Int32], score: Double)] = []
        for length in 0..<min(longest, model.configuration.maximumTokens) {
            let next = model.nextWords(
                after: open.map(\.words), memory: memory, memoryIndices: [Int](repeating: 0, count: open.count)
            ).scalars
            let width = model.configuration.vocabularySize
            var grown: [(words: [Int32], score: Double)] = []
            for (place, sentence) in open.enumerated() {
                let row = next[(place * width)..<((place + 1) * width)]
                let score = { (word: Int32) in sentence.score + Double(row[row.startIndex + Int(word)]) }
                if length > 0 {
                    finished.append((sentence.words, score(SlowVocabulary.end) / Double(length + 1)))
                }
                for word in best(beams, of: row) { grown.append((sentence.words + [word], score(word))) }
            }
            open = Array(grown.sorted { $0.score > $1.score }.prefix(beams))
            // A longer sentence can only beat the best one by the mean of its words; none is that sure any more.
            let surest = open.first.map { $0.score / Double(longest + 1) } ?? -.infinity
            if let best = finished.max(by: { $0.score < $1.score }), best.score >= surest { break }
        }
        let best = finished.max { $0.score < $1.score } ?? (words: open[0].words, score: open[0].score)
        return Caption(sentence: vocabulary.words(of: best.words), score: best.score)
    }

    /// The likeliest words that can stand in a sentence.
    private func best(_ count: Int, of row: ArraySlice<Float>) -> [Int32] {
        var best: [(score: Float, word: Int32)] = []
        for (word, score) in row.enumerated() where word > Int(SlowVocabulary.unknown) {
            guard best.count < count || score > best[best.count - 1].score else { continue }
            let place = best.firstIndex { $0.score < score } ?? best.count
            best.insert((score, Int32(word)), at: place)
            if best.count > count { best.removeLast() }
        }
        return best.map(\.word)
    }
}
