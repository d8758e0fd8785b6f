package import Tensors

/// The items that a run learns from, of several data sets, and the order in which they come.
package struct TrainingPool: Sendable {
    package struct Source: Sendable {
        package var features: FeatureSet
        /// How often an item comes up in an epoch: videos have more to learn from than a picture.
        package var repeats: Int

        package init(features: FeatureSet, repeats: Int = 1) {
            self.features = features
            self.repeats = repeats
        }
    }

    /// An item that was drawn for a batch.
    package struct Draw: Sendable {
        package var source: Int
        package var item: Int
        package var caption: Int
    }

    package let sources: [Source]
    /// The tokens of every caption: by source, item, caption.
    package let captions: [[[[Int32]]]]
    private let places: [(source: Int, item: Int)]
    private let order: EpochOrder

    /// - Parameters:
    ///   - fold: items that aren't learned from.
    ///   - encode: a caption's tokens.
    package init(
        _ sources: [Source], leavingOut fold: Fold? = nil, batch: Int, seed: UInt64, encode: (String) -> [Int32]
    ) {
        self.sources = sources
        captions = sources.map { $0.features.dataset.items.map { $0.captions.map(encode) } }
        places = sources.enumerated().flatMap { index, source in
            (0..<source.features.count).filter { fold?.contains($0) != true }.flatMap { item in
                [(source: Int, item: Int)](repeating: (index, item), count: source.repeats)
            }
        }
        order = EpochOrder(count: places.count, batch: batch, seed: seed)
    }

    /// Whether there is nothing to learn from.
    package var isEmpty: Bool { places.isEmpty }

    package var stepsPerEpoch: Int { order.stepsPerEpoch }

    /// A step's items, none twice, each with one caption drawn at random; in the order of their sources.
    package func draws(step: Int, random: inout SplitMix64) -> [Draw] {
        var seen: Set<Int> = []
        let chosen = order.indices(step: step).map { places[$0] }
            .filter { seen.insert($0.source << 40 | $0.item).inserted }
            .sorted { ($0.source, $0.item) < ($1.source, $1.item) }
        return chosen.map { place in
            let count = captions[place.source][place.item].count
            return Draw(source: place.source, item: place.item, caption: Int.random(in: 0..<count, using: &random))
        }
    }

    /// The concepts of every source, with their phrases' tokens.
    ///
    /// - Parameter encode: a phrase's tokens.
    package func phrases(encode: (String) -> [Int32]) -> ConceptPhrases {
        ConceptPhrases(sources.map(\.features.dataset), encode: encode)
    }

    package func caption(_ draw: Draw) -> [Int32] { captions[draw.source][draw.item][draw.caption] }

    /// A draw's caption and others of the same item, none twice: at most `count`.
    package func captions(_ draw: Draw, count: Int, random: inout SplitMix64) -> [[Int32]] {
        let all = captions[draw.source][draw.item]
        let others = all.indices.filter { $0 != draw.caption }.shuffled(using: &random).prefix(count - 1)
        return ([draw.caption] + others).map { all[$0] }
    }

    /// The draws' frames, in a view drawn at random.
    ///
    /// - Parameter followers: of the draws that are shown before another one, the places of those others among the draws. Each of the two then has
    ///   half of the frames.
    package func frames(
        _ draws: [Draw], followedBy followers: [Int: Int] = [:], limit: Int, random: inout SplitMix64
    ) -> FrameBatch {
        FrameBatch(
            sequences: draws.enumerated().map { index, draw in
                guard let follower = followers[index] else { return [part(draw, limit: limit, random: &random)] }
                return [draw, draws[follower]].map { part($0, limit: max(1, limit / 2), random: &random) }
            })
    }

    private func part(
        _ draw: Draw, limit: Int, random: inout SplitMix64
    ) -> (store: FeatureStore, rows: [Int]) {
        let features = sources[draw.source].features
        let view = Int.random(in: 0..<features.views.count, using: &random)
        return (features.views[view], features.randomFrames(item: draw.item, limit: limit, random: &random))
    }
}
