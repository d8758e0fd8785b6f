/// What turns pictures into features: a frozen network, whatever arithmetic it runs on.
///
/// Blocking and CPU-bound: call it off Swift's cooperative pool.
package protocol ImageEncoder: Sendable {
    /// Channels of the pooled vector; 0 for an encoder that makes none.
    var pooledChannels: Int { get }

    /// The sizes of the maps of a square picture, coarse to fine.
    func mapSizes(side: Int) -> [FeatureMapSize]

    /// The features of a batch of pictures of one size.
    ///
    /// - Parameter images: at least one picture; all have the same width and height.
    /// - Throws: ``ModelError`` when there is no picture, or when one is empty or of another size than the first.
    func features(of images: [RGBImage]) throws -> VisualFeatures
}
