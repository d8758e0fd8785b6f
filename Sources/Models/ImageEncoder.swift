package import Tensors

/// What turns pictures into feature maps: a frozen network, whatever arithmetic it runs on.
///
/// Blocking and CPU-bound: call it off Swift's cooperative pool.
package protocol Backbone: Sendable {
    /// Channels of the maps.
    var channels: FeatureChannels { get }

    /// The maps of a batch of pictures of one size.
    ///
    /// - Parameters:
    ///   - images: at least one picture; all have the same width and height.
    ///   - head: whether to compute `FeatureMaps.head` too.
    /// - Throws: ``ModelError`` when there is no picture, when one is empty or of another size than the first, or when
    ///   the head is wanted from weights without it.
    func features(_ images: [RGBImage], head: Bool) throws -> FeatureMaps
}

extension Backbone {
    /// The maps C3, C4 and C5 of a batch of pictures of one size.
    package func features(_ images: [RGBImage]) throws -> FeatureMaps { try features(images, head: false) }
}

/// How many channels a backbone's maps have.
package struct FeatureChannels: Sendable, Equatable {
    package var c3: Int
    package var c4: Int
    package var c5: Int
    /// 0 when the weights have no head.
    package var head: Int

    package init(c3: Int, c4: Int, c5: Int, head: Int) {
        self.c3 = c3
        self.c4 = c4
        self.c5 = c5
        self.head = head
    }
}

/// A backbone's maps of N pictures, channels last: [N, height, width, channels].
///
/// A map of stride s has ⌈side / s⌉ cells along a side of the picture.
package struct FeatureMaps: Sendable {
    /// Stride 8.
    package var c3: Tensor<Float>
    /// Stride 16.
    package var c4: Tensor<Float>
    /// Stride 32: the last block's output.
    package var c5: Tensor<Float>
    /// Stride 32: C5 after the widening convolution that the classifier pools; nil unless asked for.
    package var head: Tensor<Float>?

    package init(c3: Tensor<Float>, c4: Tensor<Float>, c5: Tensor<Float>, head: Tensor<Float>? = nil) {
        self.c3 = c3
        self.c4 = c4
        self.c5 = c5
        self.head = head
    }
}
