import Foundation
package import Models

/// Whether the Slow model hears the order of time: how often a sentence scores higher on a clip than on the same clip played backwards.
package struct OrderEvaluation: Sendable, Codable {
    /// Right answers among those asked; chance is a half.
    package struct Share: Sendable, Codable {
        package var right = 0.0
        package var asked = 0

        package var percent: Double { asked == 0 ? 0 : 100 * right / Double(asked) }

        fileprivate mutating func count(_ forward: Float, _ backward: Float) {
            right += forward > backward ? 1 : forward == backward ? 0.5 : 0
            asked += 1
        }
    }

    /// Two items of the set shown one after another, by “A, then B”, against the other order.
    package var sequences = Share()
    /// The set's own captions with a word of order, against their clip's frames in reverse.
    package var captions = Share()

    private static let words: Set<String> = [
        "then", "after", "before", "afterwards", "finally", "first", "next", "later",
    ]

    /// - Parameters:
    ///   - features: of items that the model wasn't trained on.
    ///   - encode: a caption in the Slow vocabulary.
    package init(model: SlowModel<Float>, features: FeatureSet, encode: (String) -> [Int32]) {
        let store = features.views[0]
        let limit = model.configuration.frames
        /// The scores of sentences with parts shown in this order and in the opposite one.
        func scores(_ sentences: [[Int32]], _ parts: [[Int]]) -> (forward: [Float], backward: [Float]) {
            let rows = [parts.flatMap { $0 }, parts.reversed().flatMap { $0 }]
            let frames = FrameBatch(clips: rows.map { (store, $0) })
            let memory = model.memory(maps: model.maps(of: frames), frameCounts: frames.frameCounts).detached
            let scores = [0, 1].map { clip in
                model.scores(
                    of: sentences, memory: memory, memoryIndices: [Int](repeating: clip, count: sentences.count))
            }
            return (scores[0], scores[1])
        }
        let sequenceWords = SequenceWords(encode: encode)
        let items = features.dataset.items
        for first in items.indices where limit > 1 && items.count > 1 {
            let second = (first + 1) % items.count
            guard let a = items[first].captions.first, let b = items[second].captions.first else { continue }
            let parts = [first, second].map { features.evenFrames(item: $0, limit: max(1, limit / 2)) }
            let found = scores([sequenceWords.plain(encode(a), then: encode(b))], parts)
            sequences.count(found.forward[0], found.backward[0])
        }
        for (item, captioned) in items.enumerated() {
            let frames = features.evenFrames(item: item, limit: limit)
            let ordered = captioned.captions.filter { caption in
                caption.lowercased().split { !$0.isLetter }.contains { Self.words.contains(String($0)) }
            }
            guard frames.count > 1, !ordered.isEmpty else { continue }
            let found = scores(ordered.map(encode), frames.map { [$0] })
            for (forward, backward) in zip(found.forward, found.backward) { captions.count(forward, backward) }
        }
    }
}
