import Foundation
package import Models
package import SystemPackage
import Tensors

/// What frozen Slow models think of a few clips for each caption: the teachers' side of distillation, computed once.
///
/// Each teacher scores the captions and the clips of one fold of the items. One teacher scores all of them; of several, each has
/// learned from the other folds only. Of each caption the first clip is its own; half of the others are the Fast model's hardest
/// wrong answers, half are drawn at random: a cross-attention teacher's scores are so concentrated that only hard negatives carry a
/// signal.
package struct TeacherScores: Sendable {
    /// An item of a training pool.
    package struct Clip: Sendable, Equatable {
        package var source: Int
        package var item: Int

        package init(source: Int, item: Int) {
            self.source = source
            self.item = item
        }
    }

    /// Captions of each item that have scores; the first ones.
    package let captionsPerItem: Int
    /// B: clips of each caption.
    package let clipsPerCaption: Int
    /// Items before each source's.
    private let firstItems: [Int]
    /// Rows before each item's captions.
    private let firstRows: [Int]
    /// [rows · B], numbers over all sources.
    private let clips: [Int32]
    /// [rows · B], h / 2(L + 1).
    private let scores: [Float]

    /// Computes them.
    ///
    /// - Parameters:
    ///   - teachers: one a fold, in the order of the folds.
    ///   - sources: the pool's, in its order.
    ///   - embeddings: the Fast model's, of each source.
    ///   - hard: wrong clips of each caption that the Fast model likes best; as many more are random. They are of its own fold.
    ///   - encode: a caption's words as that teacher takes them.
    ///   - progress: is called in the calling thread.
    package init(
        teachers: [SlowCaptioner], sources: [FeatureSet], embeddings: [FastEmbeddings], captionsPerItem: Int,
        hard: Int, seed: UInt64, encode: (_ caption: String, _ teacher: Int) -> [Int32],
        progress: (_ done: Int, _ all: Int) -> Void
    ) {
        self.captionsPerItem = captionsPerItem
        var random = SplitMix64(seed: seed)
        let firstItems = Self.starts(sources.map(\.count))
        self.firstItems = firstItems
        let captions = sources.map { $0.dataset.items.map { $0.captions.prefix(captionsPerItem).count } }
        firstRows = Self.starts(captions.flatMap { $0 })
        let items = sources.reduce(0) { $0 + $1.count }
        let teacherOfItem = { (item: Int) in Fold.index(of: item, among: teachers.count) }
        // The items of each fold, over all sources.
        let folds = teachers.indices.map { index in
            zip(sources, firstItems).flatMap { source, first in
                (0..<source.count).filter { teacherOfItem($0) == index }.map { first + $0 }
            }
        }
        let wrong = min(2 * hard, (folds.map(\.count).min() ?? 0) - 1)
        precondition(wrong > 0, "a fold has fewer than two items")
        clipsPerCaption = 1 + wrong
        clips = Self.chosenClips(
            embeddings, firstItems: firstItems, captions: captions, folds: folds, hard: min(hard, wrong), wrong: wrong,
            &random)
        let sentences = sources.flatMap { set in
            set.dataset.items.enumerated().flatMap { item, content in
                content.captions.prefix(captionsPerItem).map { encode($0, teacherOfItem(item)) }
            }
        }
        var uses = [[(row: Int, place: Int)]](repeating: [], count: items)
        for row in sentences.indices {
            for place in 0..<clipsPerCaption {
                uses[Int(clips[row * clipsPerCaption + place])].append((row, place))
            }
        }
        var scores = [Float](repeating: 0, count: clips.count)
        var item = 0
        for source in sources {
            for local in 0..<source.count {
                let memories = SlowMemories(
                    model: teachers[teacherOfItem(local)].model, features: source, items: [local])
                let rows = uses[item]
                // Sentences of like length side by side need little padding.
                let order = rows.indices.sorted { sentences[rows[$0].row].count < sentences[rows[$1].row].count }
                let found = memories.scores(of: order.map { sentences[rows[$0].row] }, against: [0])
                for (place, score) in zip(order, found) {
                    scores[rows[place].row * clipsPerCaption + rows[place].place] = score[0]
                }
                item += 1
                if item % 64 == 0 || item == items { progress(item, items) }
            }
        }
        self.scores = scores
    }

    /// Where each part begins, of parts of these sizes.
    private static func starts(_ counts: [Int]) -> [Int] {
        var next = 0
        return counts.map { count in
            defer { next += count }
            return next
        }
    }

    /// Of every caption its own clip, and of the same fold the hardest wrong ones and random others: numbers over all sources.
    private static func chosenClips(
        _ embeddings: [FastEmbeddings], firstItems: [Int], captions: [[Int]], folds: [[Int]], hard: Int, wrong: Int,
        _ random: inout SplitMix64
    ) -> [Int32] {
        let clips = concatenated(embeddings.map { Variable(constant: $0.clips) }, axis: 0)
        let galleries = folds.map { items in clips.gatherRows(items.map { Int32($0) }) }
        var chosen: [Int32] = []
        for (source, embedded) in embeddings.enumerated() {
            for (item, count) in captions[source].enumerated() {
                let fold = Fold.index(of: item, among: folds.count)
                let items = folds[fold]
                let first = Int32(embedded.firstSentences[item])
                let rows = Variable(constant: embedded.sentences).gatherRows((0..<Int32(count)).map { first + $0 })
                let table = rows.matmul(galleries[fold], transposeB: true).value.scalars
                let own = firstItems[source] + item
                for row in 0..<count {
                    let scores = table[(row * items.count)..<((row + 1) * items.count)]
                    var taken = [own] + best(hard, of: zip(scores, items), besides: own)
                    while taken.count < 1 + wrong {
                        let other = items[Int.random(in: 0..<items.count, using: &random)]
                        if !taken.contains(other) { taken.append(other) }
                    }
                    chosen += taken.map { Int32($0) }
                }
            }
        }
        return chosen
    }

    private static func best(
        _ count: Int, of scores: some Sequence<(Float, Int)>, besides own: Int
    ) -> [Int] {
        var best: [(score: Float, item: Int)] = []
        for (score, item) in scores where item != own {
            guard best.count < count || score > best[best.count - 1].score else { continue }
            let place = best.firstIndex { $0.score < score } ?? best.count
            best.insert((score, item), at: place)
            if best.count > count { best.removeLast() }
        }
        return best.map(\.item)
    }

    /// The clips that a caption was scored with, its own first, and their scores.
    ///
    /// - Parameter caption: below ``captionsPerItem``.
    package func candidates(source: Int, item: Int, caption: Int) -> (clips: [Clip], scores: [Float]) {
        let row = firstRows[firstItems[source] + item] + caption
        let span = (row * clipsPerCaption)..<((row + 1) * clipsPerCaption)
        let found = clips[span].map { number in
            let source = (firstItems.firstIndex { $0 > Int(number) } ?? firstItems.count) - 1
            return Clip(source: source, item: Int(number) - firstItems[source])
        }
        return (found, Array(scores[span]))
    }
}

extension TeacherScores {
    /// Keeps the scores in a file.
    ///
    /// - Parameter origin: names the teacher, the miner and the data.
    package func write(to path: FilePath, origin: String) throws {
        var writer = SafetensorsWriter(metadata: [
            "origin": origin, "captionsPerItem": String(captionsPerItem), "clipsPerCaption": String(clipsPerCaption),
        ])
        // Whole numbers below 2²⁴ are exact in single precision.
        try writer.add(Tensor(clips.map { Float($0) }, shape: [clips.count]), named: "clips")
        try writer.add(Tensor(scores, shape: [scores.count]), named: "scores")
        try writer.write(to: path)
    }

    /// Reads scores that were kept; nil when there are none of this origin.
    package init?(path: FilePath, origin: String, sources: [FeatureSet]) {
        guard let file = try? SafetensorsFile(path), file.metadata["origin"] == origin,
            let perItem = file.metadata["captionsPerItem"].flatMap({ Int($0) }),
            let perCaption = file.metadata["clipsPerCaption"].flatMap({ Int($0) }), perItem > 0, perCaption > 0
        else { return nil }
        let captions = sources.flatMap { $0.dataset.items.map { $0.captions.prefix(perItem).count } }
        let count = captions.reduce(0, +) * perCaption
        guard let clips = try? file.tensor(named: "clips", shape: [count]),
            let scores = try? file.tensor(named: "scores", shape: [count])
        else { return nil }
        let items = sources.reduce(0) { $0 + $1.count }
        captionsPerItem = perItem
        clipsPerCaption = perCaption
        firstItems = Self.starts(sources.map(\.count))
        firstRows = Self.starts(captions)
        // A number that is none of an item's, as in a damaged file, fails the check below.
        self.clips = clips.scalars.map { Int32(exactly: $0) ?? -1 }
        self.scores = scores.scalars
        guard self.clips.allSatisfy({ (0..<Int32(items)).contains($0) }) else { return nil }
    }
}
