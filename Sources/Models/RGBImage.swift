/// A picture as the backbone takes it: 8-bit RGB, row-major, three bytes a pixel, no padding between rows.
package struct RGBImage: Sendable, Equatable {
    /// Columns, in pixels.
    package let width: Int
    /// Rows, in pixels.
    package let height: Int
    /// `height` × `width` × 3 bytes: R, G, B.
    package let pixels: [UInt8]

    /// Wraps pixels that are already in this layout.
    ///
    /// - Precondition: `pixels.count == width * height * 3`, and neither side is negative. Whoever takes pixels from
    ///   outside the process checks their number first.
    package init(width: Int, height: Int, pixels: [UInt8]) {
        precondition(width >= 0 && height >= 0 && pixels.count == width * height * 3, "pixels don't fill the picture")
        self.width = width
        self.height = height
        self.pixels = pixels
    }
}
