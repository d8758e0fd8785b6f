import Models
package import Tensors

/// A data set with the frozen encoder's features of its frames, in one or more views of every picture.
package struct FeatureSet: Sendable {
    package let dataset: CaptionedDataset
    /// The same items seen differently: as they are, mirrored.
    package let views: [FeatureStore]
    private let firstFrames: [Int]

    /// - Precondition: every view has the data set's items with the same numbers of frames.
    package init(dataset: CaptionedDataset, views: [FeatureStore]) {
        precondition(!views.isEmpty && views.allSatisfy { $0.frameCounts == views[0].frameCounts })
        precondition(views[0].frameCounts.count == dataset.items.count)
        self.dataset = dataset
        self.views = views
        var first = 0
        firstFrames = views[0].frameCounts.map { count in
            defer { first += count }
            return first
        }
    }

    /// The same gallery, with sentences that are no item's for captions: the first item has them all, and nobody may ask whose they are.
    package func asked(_ queries: [String]) -> FeatureSet {
        var dataset = dataset
        for index in dataset.items.indices { dataset.items[index].captions = index == 0 ? queries : [] }
        return FeatureSet(dataset: dataset, views: views)
    }

    package var layout: FeatureLayout { views[0].layout }
    package var count: Int { dataset.items.count }

    /// The frames of an item that are used: at most `limit`, spread evenly.
    package func evenFrames(item: Int, limit: Int) -> [Int] {
        evenlySpread(limit, of: views[0].frameCounts[item]).map { firstFrames[item] + $0 }
    }

    /// `limit` frames drawn at random, in time order.
    package func randomFrames(item: Int, limit: Int, random: inout SplitMix64) -> [Int] {
        let count = views[0].frameCounts[item]
        if count <= limit { return evenFrames(item: item, limit: limit) }
        return (0..<count).shuffled(using: &random).prefix(limit).sorted().map { firstFrames[item] + $0 }
    }
}

/// The frames of a batch of clips, one after another.
package struct FrameBatch: Sendable {
    /// Frames of each clip.
    package var frameCounts: [Int]
    private let sources: [(store: FeatureStore, rows: [Int])]

    /// - Parameter clips: of each, the store and its rows.
    package init(clips: [(store: FeatureStore, rows: [Int])]) {
        self.init(sequences: clips.map { [$0] })
    }

    /// - Parameter sequences: of each clip, the parts that are shown one after another.
    package init(sequences: [[(store: FeatureStore, rows: [Int])]]) {
        frameCounts = sequences.map { $0.reduce(0) { $0 + $1.rows.count } }
        var sources: [(store: FeatureStore, rows: [Int])] = []
        for part in sequences.joined() {
            if let last = sources.indices.last, sources[last].store === part.store {
                sources[last].rows += part.rows
            } else {
                sources.append(part)
            }
        }
        self.sources = sources
    }

    /// The pooled vectors of all frames: [frames, channels].
    package var pooled: Tensor<Float> { joined { $0.pooled($1) } }

    /// One map of all frames: [frames, positions, channels].
    ///
    /// - Parameter index: the map's place from coarse to fine.
    package func map(_ index: Int) -> Tensor<Float> { joined { $0.map(index, $1) } }

    /// Cells along a side of a map.
    ///
    /// - Precondition: there is a clip.
    package func mapSide(_ index: Int) -> Int { sources[0].store.layout.maps[index].side }

    private func joined(_ rows: (FeatureStore, [Int]) -> Tensor<Float>) -> Tensor<Float> {
        let parts = sources.map { rows($0.store, $0.rows) }
        if parts.count == 1 { return parts[0] }
        var shape = parts[0].shape
        shape[0] = frameCounts.reduce(0, +)
        return Tensor(uninitialized: shape) { target in
            var offset = 0
            for part in parts {
                part.withUnsafeBufferPointer { (target + offset).update(from: $0.baseAddress!, count: $0.count) }
                offset += part.count
            }
        }
    }
}
