package import Tensors

/// What an image encoder sees in N pictures: maps from coarse to fine, and a vector for the whole. A vision transformer's maps are of
/// one size.
package struct VisualFeatures: Sendable {
    /// [N, channels]; nil for an encoder that makes none.
    package var pooled: Tensor<Float>?
    /// Coarse to fine.
    package var maps: [FeatureMap]

    package init(pooled: Tensor<Float>? = nil, maps: [FeatureMap]) {
        self.pooled = pooled
        self.maps = maps
    }

    /// Features of one batch of pictures after another's, made by the same encoder.
    ///
    /// - Precondition: there is at least one part.
    package init(joining parts: [VisualFeatures]) {
        self = parts[0]
        guard parts.count > 1 else { return }
        func joined(_ tensors: [Tensor<Float>]) -> Tensor<Float> {
            concatenated(tensors.map { Variable(constant: $0) }, axis: 0).value
        }
        if pooled != nil { pooled = joined(parts.compactMap(\.pooled)) }
        for index in maps.indices { maps[index].values = joined(parts.map { $0.maps[index].values }) }
    }
}

/// A map of N pictures: a vector for each cell of a grid over the picture.
package struct FeatureMap: Sendable {
    /// [N, height · width, channels], row by row.
    package var values: Tensor<Float>
    /// Rows and columns of cells.
    package var height: Int
    package var width: Int
    /// Pixels of the picture between neighbouring cells.
    package var stride: Int

    package init(values: Tensor<Float>, height: Int, width: Int, stride: Int) {
        self.values = values
        self.height = height
        self.width = width
        self.stride = stride
    }
}

/// The size of a square picture's map.
package struct FeatureMapSize: Sendable, Equatable, Codable {
    /// Cells along a side.
    package var side: Int
    package var channels: Int

    package init(side: Int, channels: Int) {
        self.side = side
        self.channels = channels
    }

    /// Cells of the map.
    package var positions: Int { side * side }

    /// Cells of the map at half the resolution; where the side is odd, the last cells along it stand for themselves.
    package var pooledPositions: Int { (side + 1) / 2 * ((side + 1) / 2) }
}
