package import Models
package import Tensors

/// How stored frames become what a Fast model's visual head takes: as they are, or through the backbone's last blocks, which learn.
package struct FastVisualInput: Sendable {
    /// Nil when the backbone's own features are stored.
    package let tail: BackboneTail<Float>?

    /// - Parameter tail: for stores that keep the input of its first block, see ``FeatureChoice/input(ofBlock:)``.
    package init(tail: BackboneTail<Float>? = nil) { self.tail = tail }

    /// The pooled vectors [frames, channels] and last maps [frames, positions, channels] of a batch.
    ///
    /// - Parameter crops: a window of each clip's maps; nil takes all of them.
    package func callAsFunction(
        _ batch: FrameBatch, crops: MapCrops? = nil
    ) -> (pooled: Variable<Float>, map: Variable<Float>) {
        guard let tail else { return (Variable(constant: batch.pooled), Variable(constant: batch.map(0))) }
        let side = batch.mapSide(0)
        guard let crops, crops.side < side else { return tail(Variable(constant: batch.map(0)), side: side) }
        let map = crops.cut(batch.map(0), side: side, frameCounts: batch.frameCounts)
        return tail(Variable(constant: map), side: crops.side)
    }

    /// The same with what learns as constants: nothing is kept for its gradients.
    package var detached: FastVisualInput { FastVisualInput(tail: tail?.detached) }
}

/// A square window of each clip's maps, of one size for a batch: where the picture's edge lies is then no sign of anything.
package struct MapCrops: Sendable {
    /// Cells along a side.
    package let side: Int
    /// The window's first row and column, clip by clip.
    package let origins: [(row: Int, column: Int)]

    package init(side: Int, origins: [(row: Int, column: Int)]) {
        self.side = side
        self.origins = origins
    }

    /// Windows drawn at random.
    ///
    /// - Parameters:
    ///   - smallest: the least side as a part of the map's, above 0 and at most 1.
    ///   - side: cells along the map's side.
    ///   - step: what the window's side is a multiple of.
    package init(smallest: Double, ofSide side: Int, step: Int, clips: Int, random: inout SplitMix64) {
        let least = max(1, Int((smallest * Double(side) / Double(step)).rounded(.up)))
        let most = max(least, side / step)
        let chosen = least == most && side % step != 0 ? side : Int.random(in: least...most, using: &random) * step
        self.side = min(side, chosen)
        let last = side - self.side
        origins = (0..<clips).map { _ in
            (row: Int.random(in: 0...last, using: &random), column: Int.random(in: 0...last, using: &random))
        }
    }

    /// The windows of maps [frames, side · side, channels].
    ///
    /// - Parameter frameCounts: frames of each clip.
    package func cut(_ map: Tensor<Float>, side: Int, frameCounts: [Int]) -> Tensor<Float> {
        let (frames, channels) = (map.shape[0], map.shape[2])
        precondition(map.shape[1] == side * side && frameCounts.count == origins.count && self.side <= side)
        let clips = frameCounts.enumerated().flatMap { [Int](repeating: $0.offset, count: $0.element) }
        let width = self.side * channels
        return Tensor(uninitialized: [frames, self.side * self.side, channels]) { target in
            map.withUnsafeBufferPointer { source in
                guard let source = source.baseAddress else { return }
                for (frame, clip) in clips.enumerated() {
                    let origin = origins[clip]
                    for row in 0..<self.side {
                        let from = ((frame * side + origin.row + row) * side + origin.column) * channels
                        (target + (frame * self.side + row) * width).update(from: source + from, count: width)
                    }
                }
            }
        }
    }
}
